// SPDX-License-Identifier: Apache-2.0
// What was really sent, and what must become of it: every genuine SRTP packet that leaves the tool, copies and late ones included, is
// entered here, and the receiver rules of RFC 3711 §3.3 (index estimate, replay window) say whether it is to be forwarded or dropped
// and why. Expected deliveries and expected drops are sums of that. Written apart from the data plane's window on purpose.
// One bit per packet. The sending thread writes, the checker on the same thread reads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/traffic/participant.h"

namespace mediaward::tools::traffic {

enum class Fate : std::uint8_t { kForwarded, kReplayed, kTooOld, kAuthFailed, kIndexRange };
inline constexpr std::size_t kFates = 5;
[[nodiscard]] std::string_view drop_reason(Fate fate) noexcept;  // "srtp.replayed"; "" of what is forwarded

class Ledger {
 public:
  // keep_order: packets may be sent out of the order of their indexes, so that who forwards first must be remembered.
  Ledger(const Model& model, std::uint64_t rounds, bool keep_order);

  // A copy of this packet leaves now.
  Fate offer(std::uint32_t stream, std::uint64_t round) noexcept;
  // What would become of a copy that left now.
  [[nodiscard]] Fate predict(std::uint32_t stream, std::uint64_t round) const noexcept;

  // Whether a copy of it was to be forwarded.
  [[nodiscard]] bool forwarded(std::uint32_t stream, std::uint64_t round) const noexcept {
    return round < rounds_ && (forwarded_[stream * words_ + round / 64] >> (round % 64) & 1) != 0;
  }
  // In which place of its stream it is forwarded; meaningful only for what is forwarded.
  [[nodiscard]] std::uint64_t place(std::uint32_t stream, std::uint64_t round) const noexcept {
    return places_.empty() ? round : places_[stream * rounds_ + round];
  }

  [[nodiscard]] std::uint64_t forwarded_of_stream(std::uint32_t stream) const noexcept { return streams_[stream].forwarded; }
  [[nodiscard]] std::uint64_t offered() const noexcept { return offered_; }                        // copies that left
  [[nodiscard]] std::uint64_t expected_deliveries() const noexcept { return expected_; }           // over all flows
  [[nodiscard]] std::uint64_t count(Fate fate) const noexcept { return fates_[static_cast<std::size_t>(fate)]; }
  // By drop reason, with what nobody hears (policy.muted, policy.isolated, srtp.no_receiver).
  [[nodiscard]] std::map<std::string, std::uint64_t> expected_drops() const;

 private:
  struct State {
    std::uint64_t highest = 0;    // index
    std::uint64_t forwarded = 0;  // packets
  };
  [[nodiscard]] Fate judge(std::uint32_t stream, std::uint64_t index, std::uint64_t estimate) const noexcept;
  [[nodiscard]] std::uint64_t estimate(const State& state, std::uint64_t index) const noexcept;
  void enter(std::uint32_t stream, std::uint64_t round) noexcept;

  const Model& model_;
  std::uint64_t rounds_;
  std::uint64_t words_;
  std::vector<State> streams_;
  std::vector<std::uint64_t> forwarded_;  // words_ per stream
  std::vector<std::uint32_t> places_;     // rounds_ per stream, or empty
  std::uint64_t offered_ = 0, expected_ = 0;
  std::uint64_t fates_[kFates] = {};
};

}  // namespace mediaward::tools::traffic
