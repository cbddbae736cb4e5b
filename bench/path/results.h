// SPDX-License-Identifier: Apache-2.0
// What the experiments find: rows (a value per round, reported as median, least and greatest), cycles by stage, facts of the run; and
// the output as one JSON object for bench/run. Judges nothing. The benchmark's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/path/measure.h"
#include "crypto/engine.h"

namespace mediaward::bench {

class Results {
 public:
  // A row whose value is computed for every round of the series.
  void add(const std::string& name, const std::string& unit, const Series& series, const std::function<double(std::size_t)>& value,
           const std::string& note = {});
  // A row that this machine cannot have.
  void add_missing(const std::string& name, const std::string& unit, const std::string& reason);
  // A row that is no statistic.
  void add(const std::string& name, const std::string& unit, double value, const std::string& note = {});
  // Core cycles by stage of one subject, per received packet.
  void add_stages(const std::string& name, const Series& series, std::size_t subject);
  // How many packets a subject had opened by libsrtp and proved equal to its own; the clock of the series.
  void add_proofs(const Subject& subject);
  void add_clock(const Series& series);

  [[nodiscard]] nlohmann::ordered_json json(nlohmann::json facts, double ticks_per_ns) const;

 private:
  nlohmann::json rows_ = nlohmann::json::array();
  nlohmann::ordered_json stages_ = nlohmann::ordered_json::object();  // in the order of the loop
  std::vector<double> cycles_per_tick_;
  std::uint64_t verified_ = 0, proved_ = 0;
};

// What every experiment is given.
struct Bench {
  crypto::CryptoProvider& fast;      // what the appliance would choose
  crypto::CryptoProvider& ipsec_mb;  // the library on the same instruction set, HMAC included: what the path is promised against
  crypto::CryptoProvider& openssl;
  bool native_hmac = false;  // the two differ where there is HMAC-SHA1
  Rounds rounds;
  bool quick = false;  // only the figures that were promised
  double ticks_per_ns = 0;
  Results& results;
};

}  // namespace mediaward::bench
