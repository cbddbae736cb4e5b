// SPDX-License-Identifier: Apache-2.0
// The judgements on one received SRTCP packet (see the header). The receiving thread.
#include "tools/traffic/rtcp_checker.h"

#include <algorithm>
#include <array>

#include "tools/traffic/digest.h"
#include "tools/traffic/rtcp_compound.h"
#include "tools/traffic/wire_judge.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::uint32_t kEncrypted = 0x80000000u;  // RFC 3711 §3.4
constexpr std::size_t kCopiesRemembered = 4096;

}  // namespace

Result<RtcpChecker> RtcpChecker::create(const Model& model, RtcpLedger& ledger, bool enabled) {
  RtcpChecker checker(model, ledger);
  if (!enabled) return checker;
  if (auto made = checker.make_contexts(); !made) return tl::unexpected(made.error());
  return checker;
}

RtcpChecker::ContextKey RtcpChecker::context_key(const Participant& sender, std::uint32_t sender_number,
                                                 std::uint32_t receiver) const noexcept {
  return {receiver, model_->mode_of(sender) == Mode::kRelay ? sender_number : Model::kNone};
}

Result<void> RtcpChecker::make_contexts() {
  for (const RtcpFlow& flow : model_->rtcp_flows()) {
    const std::uint32_t number = model_->rtcp_sources()[flow.source].participant;
    const Participant& sender = model_->participants()[number];
    const Participant& receiver = model_->participants()[flow.receiver];
    const ContextKey key = context_key(sender, number, flow.receiver);
    if (contexts_.contains(key)) continue;
    const bool plain = model_->mode_of(sender) == Mode::kRelay && sender.plain_srtcp;
    auto context = SrtcpContext::create(model_->keys_between(sender, receiver), SrtpDirection::kReceive, !plain);
    if (!context) return tl::unexpected(Error{context.error().code, "participant " + receiver.name + ": " + context.error().message});
    contexts_.emplace(key, std::move(*context));
  }
  return {};
}

void RtcpChecker::accept(const UdpView& view, std::uint32_t receiver, bool l4_known_good) noexcept {
  const std::uint32_t flow =
      view.payload_bytes < kRtcpHeaderBytes ? Model::kNone : model_->find_rtcp_flow(receiver, load_be32(view.payload + 4));
  if (flow == Model::kNone || contexts_.empty()) {
    ++unexpected_source_;
    return;
  }
  FlowState& state = flows_[flow];
  judge_wire(view, model_->participants()[receiver], true, state.findings);
  if (!l4_known_good && !view.udp_checksum_good()) state.findings.note(Finding::kBadUdpChecksum);
  open(view, flow, state);
}

// What lies behind the ciphertext. False: too short to have it.
bool RtcpChecker::judge_trailer(const UdpView& view, const KeySet& keys, bool relay, bool plain_allowed, FlowState& state) noexcept {
  if (view.payload_bytes < kRtcpHeaderBytes + keys.srtcp_trailer_bytes()) return state.findings.note(Finding::kWrongLength), false;
  const auto is_there = [&](const MasterKey& key) { return has_mki(view, keys.srtcp_mki_from_end(), key); };
  const bool known = relay ? std::any_of(keys.keys.begin(), keys.keys.end(), is_there) : is_there(keys.keys[0]);
  if (!known) state.findings.note(Finding::kWrongMki);
  const std::uint32_t word = load_be32(view.payload + view.payload_bytes - keys.srtcp_index_from_end());
  if (keys.encrypts() && (word & kEncrypted) == 0 && !plain_allowed) state.findings.note(Finding::kUnencrypted);
  const std::uint32_t index = word & ~kEncrypted;
  if (index < state.next_index)
    state.findings.note(Finding::kWrongIndex);
  else
    state.next_index = std::uint64_t{index} + 1;
  return true;
}

void RtcpChecker::open(const UdpView& view, std::uint32_t number, FlowState& state) noexcept {
  const RtcpFlow& flow = model_->rtcp_flows()[number];
  const std::uint32_t sender_number = model_->rtcp_sources()[flow.source].participant;
  const Participant& sender = model_->participants()[sender_number];
  const Mode mode = model_->mode_of(sender);
  const bool relay = mode == Mode::kRelay;
  const KeySet& keys = model_->keys_between(sender, model_->participants()[flow.receiver]);
  if (!judge_trailer(view, keys, relay, relay && sender.plain_srtcp, state)) return;
  const ConstBytes sealed{view.payload, view.payload_bytes};
  const bool untouched = relay && ledger_->was_sealed(flow.source, sealed);
  const std::uint64_t own = digest(sealed);
  std::size_t bytes = view.payload_bytes;
  const OpenVerdict verdict = contexts_.find(context_key(sender, sender_number, flow.receiver))->second.open(view.payload, bytes);
  if (verdict == OpenVerdict::kReplayed) return state.findings.note(Finding::kDuplicate);
  const ConstBytes plain{view.payload, bytes};
  if (verdict == OpenVerdict::kOk && ledger_->is_introduction(flow.source, plain)) {
    state.introduced = true;
    return;
  }
  if (relay && !untouched) state.findings.note(Finding::kAltered);
  if (verdict != OpenVerdict::kOk)
    return state.findings.note(verdict == OpenVerdict::kAuthFailed ? Finding::kWrongKey : Finding::kNotOpened);
  const auto ordinal = ledger_->find_plain(flow.source, state.next_ordinal, plain);
  if (!ordinal) return state.findings.note(Finding::kWrongPayload);
  if (!note_order(state, *ordinal)) return;
  ++state.received;
  ++received_;
  if (untouched) ++untouched_;
  if (mode == Mode::kGroup) judge_copies(flow.source, *ordinal, own, state.findings);
  if (const auto middle = middle_ntp(plain)) ledger_->heard(number, {*middle, ntp_now()});
}

bool RtcpChecker::note_order(FlowState& state, std::uint64_t ordinal) noexcept {
  if (ordinal >= state.next_ordinal) {
    const std::uint64_t step = ordinal - state.next_ordinal + 1;
    state.seen = (step >= 64 ? 0 : state.seen << step) | 1;
    state.next_ordinal = ordinal + 1;
    return true;
  }
  const std::uint64_t behind = state.next_ordinal - 1 - ordinal;
  if (behind >= 64 || (state.seen >> behind & 1) != 0) return state.findings.note(Finding::kDuplicate), false;
  state.seen |= std::uint64_t{1} << behind;
  state.findings.note(Finding::kOutOfOrder);
  return true;
}

// Every receiver of a group gets the packet that was sealed once.
void RtcpChecker::judge_copies(std::uint32_t source, std::uint64_t ordinal, std::uint64_t own, Findings& findings) {
  auto& known = copies_[source];
  const auto first = std::find_if(known.rbegin(), known.rend(), [&](const auto& copy) { return copy.first == ordinal; });
  if (first == known.rend()) {
    if (known.size() == kCopiesRemembered) known.pop_front();
    known.emplace_back(ordinal, own);
  } else {
    first->second == own ? void(++identical_copies_) : findings.note(Finding::kNotIdentical);
  }
}

std::uint64_t RtcpChecker::total(Finding finding) const noexcept {
  std::uint64_t sum = 0;
  for (const FlowState& state : flows_) sum += state.findings[finding];
  return sum;
}

}  // namespace mediaward::tools::traffic
