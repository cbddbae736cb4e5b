// SPDX-License-Identifier: Apache-2.0
// Judges the SRTCP that comes back: every packet is opened by libsrtp under the keys of its flow and must hold, byte by byte, a compound
// that its source sent; E flag, index, MKI, port, addresses and checksums are looked at on their own. Of a relay the sealed bytes must
// be the sender's, of a group every receiver must get the same bytes. The receiving thread. Contexts are made before the run.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "crypto/error.h"
#include "tools/traffic/findings.h"
#include "tools/traffic/frame.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/rtcp_ledger.h"
#include "tools/traffic/srtp_context.h"

namespace mediaward::tools::traffic {

class RtcpChecker {
 public:
  // enabled: somebody reports; otherwise no contexts are made and whatever comes is unexpected.
  [[nodiscard]] static Result<RtcpChecker> create(const Model& model, RtcpLedger& ledger, bool enabled);

  void accept(const UdpView& view, std::uint32_t receiver, bool l4_known_good) noexcept;

  [[nodiscard]] std::uint64_t received_packets() const noexcept { return received_; }  // first copies, opened, contents equal
  [[nodiscard]] std::uint64_t identical_copies() const noexcept { return identical_copies_; }
  [[nodiscard]] std::uint64_t untouched() const noexcept { return untouched_; }
  [[nodiscard]] bool introduced(std::size_t flow) const noexcept { return flows_[flow].introduced; }
  [[nodiscard]] std::uint64_t received_of_flow(std::size_t flow) const noexcept { return flows_[flow].received; }
  [[nodiscard]] const Findings& findings_of_flow(std::size_t flow) const noexcept { return flows_[flow].findings; }
  [[nodiscard]] std::uint64_t total(Finding finding) const noexcept;
  [[nodiscard]] std::uint64_t unexpected_source() const noexcept { return unexpected_source_; }  // not meant for that participant

 private:
  struct FlowState {
    std::uint64_t next_ordinal = 0;  // of the source's compounds
    std::uint64_t seen = 0;          // bit i: the compound before next_ordinal by i + 1 has come
    std::uint64_t next_index = 0;    // one above the highest SRTCP index
    std::uint64_t received = 0;
    bool introduced = false;
    Findings findings;
  };
  using ContextKey = std::pair<std::uint32_t, std::uint32_t>;  // receiver; sender in a relay, otherwise none

  RtcpChecker(const Model& model, RtcpLedger& ledger) : model_(&model), ledger_(&ledger), flows_(model.rtcp_flows().size()) {}
  Result<void> make_contexts();
  [[nodiscard]] ContextKey context_key(const Participant& sender, std::uint32_t sender_number, std::uint32_t receiver) const noexcept;
  [[nodiscard]] bool judge_trailer(const UdpView& view, const KeySet& keys, bool relay, bool plain_allowed, FlowState& state) noexcept;
  void judge_copies(std::uint32_t source, std::uint64_t ordinal, std::uint64_t own, Findings& findings);
  void open(const UdpView& view, std::uint32_t flow, FlowState& state) noexcept;
  [[nodiscard]] bool note_order(FlowState& state, std::uint64_t ordinal) noexcept;

  const Model* model_;
  RtcpLedger* ledger_;
  std::vector<FlowState> flows_;
  std::map<ContextKey, SrtcpContext> contexts_;
  std::map<std::uint32_t, std::deque<std::pair<std::uint64_t, std::uint64_t>>> copies_;  // source → (ordinal, digest), group only
  std::uint64_t received_ = 0, identical_copies_ = 0, untouched_ = 0, unexpected_source_ = 0;
};

}  // namespace mediaward::tools::traffic
