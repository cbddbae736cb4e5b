// SPDX-License-Identifier: Apache-2.0
// A bad network between the tool and the appliance: packets that are lost, that come twice, and that come late behind later ones of
// their stream. Every decision is a function of (seed, stream, round), so that a run can be repeated and nothing has to be queued.
// Decides only; who sends keeps the accounts (ledger.h). The first round is spared, because the set-up is checked with it. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "crypto/error.h"

namespace mediaward::tools::traffic {

struct ImpairmentSettings {
  double loss = 0, duplicate = 0, reorder = 0;  // probabilities of a packet, 0 to 1
  std::uint32_t depth = 4;                      // a late packet comes behind 1 to `depth` later ones of its stream
  std::uint64_t seed = 1;
};

// "0.01" or "1%". Errors name the option.
[[nodiscard]] Result<double> parse_probability(std::string_view option, std::string_view text);
// "0.01,8": probability and depth; the depth may be left out.
[[nodiscard]] Result<void> parse_reorder(std::string_view text, ImpairmentSettings& out);

class Impairment {
 public:
  static constexpr std::uint32_t kMaxDepth = 32;

  struct Decision {
    bool lost = false, twice = false;
    std::uint32_t late = 0;  // rounds
  };

  Impairment() = default;
  explicit Impairment(const ImpairmentSettings& settings);

  [[nodiscard]] bool active() const noexcept { return active_; }
  [[nodiscard]] bool reorders() const noexcept { return reorder_ != 0; }
  [[nodiscard]] Decision decide(std::uint32_t stream, std::uint64_t round) const noexcept;

  // The rounds of this stream, oldest first, whose late packets leave right behind that of `round`; behind the last round of the run
  // all that are still held back do. Returns how many were written to `out`.
  [[nodiscard]] std::size_t released(std::uint32_t stream, std::uint64_t round, bool last, std::span<std::uint64_t, kMaxDepth> out) const noexcept;

 private:
  // Probabilities as thresholds of a 32-bit random number; 2^32 is certainty.
  std::uint64_t loss_ = 0, duplicate_ = 0, reorder_ = 0;
  std::uint32_t depth_ = 1;
  std::uint64_t seed_ = 0;
  bool active_ = false;
};

}  // namespace mediaward::tools::traffic
