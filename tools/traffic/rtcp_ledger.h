// SPDX-License-Identifier: Apache-2.0
// The RTCP of a run as it was sent: the newest compounds of every source, in the clear and as a digest of what was sealed, so that what
// comes back can be compared byte by byte; how many deliveries and drops follow; and what receivers remember for their reports.
// The thread of the port: sender and checker meet here.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/bytes.h"
#include "tools/traffic/participant.h"

namespace mediaward::tools::traffic {

class RtcpLedger {
 public:
  explicit RtcpLedger(const Model& model);

  // One compound leaves: sent on by the appliance to everybody who hears the source. `twice`: and a copy, to be dropped.
  void sent(std::uint32_t source, ConstBytes plain, ConstBytes sealed, bool twice);

  // Sent ahead so that the appliance learns an address or an SSRC; not part of the accounts, and different from all that are.
  void introduced(std::uint32_t source, ConstBytes plain) { sources_[source].introduction.assign(plain.begin(), plain.end()); }
  [[nodiscard]] bool is_introduction(std::uint32_t source, ConstBytes plain) const noexcept;

  // Which of the source's compounds this is, counted from 0; nothing when it is none of the newest. Receiver reports may repeat: the first
  // from number `next` on is taken, and an older one only when there is none.
  [[nodiscard]] std::optional<std::uint64_t> find_plain(std::uint32_t source, std::uint64_t next, ConstBytes plain) const noexcept;
  // Whether these very bytes were sent.
  [[nodiscard]] bool was_sealed(std::uint32_t source, ConstBytes sealed) const noexcept;

  [[nodiscard]] std::uint64_t sent_of_source(std::uint32_t source) const noexcept { return sources_[source].sent; }
  [[nodiscard]] std::uint64_t sent_compounds() const noexcept { return sent_; }
  [[nodiscard]] std::uint64_t expected_deliveries() const noexcept { return expected_; }
  [[nodiscard]] std::map<std::string, std::uint64_t> expected_drops() const;

  // The last sender report that a receiver got over a flow (RFC 3550 §6.4.1: LSR, DLSR).
  struct Heard {
    std::uint32_t middle_ntp = 0;
    std::uint64_t at_ntp = 0;
  };
  void heard(std::uint32_t flow, const Heard& heard) noexcept { heard_[flow] = heard; }
  [[nodiscard]] const Heard& last_heard(std::uint32_t flow) const noexcept { return heard_[flow]; }

 private:
  static constexpr std::size_t kRemembered = 4096;
  struct Compound {
    std::vector<std::byte> plain;
    std::uint64_t sealed_digest = 0;
  };
  struct Source {
    std::deque<Compound> newest;
    std::vector<std::byte> introduction;
    std::uint64_t sent = 0;
    std::uint32_t receivers = 0;
  };
  std::vector<Source> sources_;
  std::vector<Heard> heard_;  // per RTCP flow
  std::uint64_t sent_ = 0, expected_ = 0, replayed_ = 0, unheard_ = 0;
};

}  // namespace mediaward::tools::traffic
