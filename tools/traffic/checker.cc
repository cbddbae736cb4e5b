// SPDX-License-Identifier: Apache-2.0
// The judgements on one received SRTP packet (see the header). The receiving thread.
#include "tools/traffic/checker.h"

#include <algorithm>
#include <cstring>

#include "tools/traffic/digest.h"
#include "tools/traffic/payload.h"
#include "tools/traffic/wire_judge.h"

namespace mediaward::tools::traffic {

Checker::Checker(const Model& model, const SealedPool& pool, const Ledger& ledger, const CheckerSettings& settings)
    : model_(&model),
      pool_(&pool),
      ledger_(&ledger),
      settings_(settings),
      streams_(model.streams().size()),
      words_((pool.rounds() + 63) / 64),
      flows_(model.flows().size()),
      findings_(flows_.size()),
      seen_(words_ * flows_.size()),
      introduced_(flows_.size()) {
  for (std::size_t f = 0; f < flows_.size(); ++f) flows_[f].highest = model.streams()[model.flows()[f].stream].first_index;
  const auto is_group = [](const Conference& c) { return c.mode == Mode::kGroup; };
  if (std::any_of(model.conferences().begin(), model.conferences().end(), is_group)) copies_.resize(pool.packets());
  if (settings.latency) send_ticks_.resize(pool.packets());
}

Result<Checker> Checker::create(const Model& model, const SealedPool& pool, const Ledger& ledger, const CheckerSettings& settings) {
  Checker checker(model, pool, ledger, settings);
  if (auto made = checker.make_openers(); !made) return tl::unexpected(made.error());
  return checker;
}

Result<void> Checker::make_openers() {
  if (flows_.empty()) return {};  // a run with content alone
  openers_.resize(flows_.size());
  const std::size_t wanted = settings_.verify_every == 1 ? flows_.size() : std::min<std::size_t>(flows_.size(), settings_.sampled_flows);
  const std::size_t stride = (flows_.size() + wanted - 1) / wanted;
  for (std::size_t f = 0; f < flows_.size(); f += stride) {
    const Stream& stream = model_->streams()[model_->flows()[f].stream];
    const Participant& receiver = model_->participants()[model_->flows()[f].receiver];
    const std::uint64_t first = stream.first_index_sent_on(model_->mode_of(receiver));
    auto opener = SrtpContext::create(model_->keys_between(model_->sender_of(stream), receiver), stream.ssrc, first);
    if (!opener) return tl::unexpected(Error{opener.error().code, "participant " + receiver.name + ": " + opener.error().message});
    openers_[f] = std::move(*opener);
  }
  return {};
}

void Checker::accept(const UdpView& view, std::uint32_t receiver, bool l4_known_good, std::uint64_t now_ticks) noexcept {
  const std::uint32_t flow = view.payload_bytes < kRtpHeaderBytes ? Model::kNone : model_->find_flow(receiver, load_be32(view.payload + 8));
  if (flow == Model::kNone) {
    ++unexpected_stream_;
    return;
  }
  const Stream& stream = model_->streams()[model_->flows()[flow].stream];
  const Participant& to = model_->participants()[receiver];
  Arrival arrival{view, flow, stream, to, model_->keys_between(model_->sender_of(stream), to)};
  judge(arrival, l4_known_good, now_ticks);
}

// The index nearest to the highest one seen, as any receiver estimates it (RFC 3711 §3.3.1), and whose packet that is.
bool Checker::find_round(Arrival& a) noexcept {
  const FlowState& state = flows_[a.flow];
  const auto last = static_cast<std::uint16_t>(state.highest);
  const auto distance = static_cast<std::int16_t>(static_cast<std::uint16_t>(load_be16(a.view.payload + 2) - last));
  a.index = state.highest + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
  const std::uint64_t offset = a.index - a.stream.first_index;
  a.round = offset / a.stream.step;
  return a.index >= a.stream.first_index && offset % a.stream.step == 0 && ledger_->forwarded(model_->flows()[a.flow].stream, a.round);
}

void Checker::judge(Arrival& a, bool l4_known_good, std::uint64_t now_ticks) noexcept {
  FlowState& state = flows_[a.flow];
  Findings& findings = findings_[a.flow];
  judge_wire(a.view, a.receiver, false, findings);
  if (!find_round(a)) {
    if (!is_introduction(a)) return findings.note(Finding::kNeverSent);
    introduced_[a.flow] = true;
    return;
  }
  const bool sampled = state.arrivals++ % settings_.verify_every == 0 && openers_[a.flow];
  if (sampled && !l4_known_good) {
    ++computed_checksums_;
    if (!a.view.udp_checksum_good()) findings.note(Finding::kBadUdpChecksum);
  }
  judge_packet(a, findings);
  if (!note_order(a, findings)) return;
  ++state.received;
  ++received_;
  returned(model_->flows()[a.flow].stream, a.round, now_ticks);
  const Mode mode = model_->mode_of(a.receiver);
  if (mode != Mode::kPerParticipant) judge_bytes(a, mode, findings);
  if (sampled)
    open(a, findings);
  else if (mode != Mode::kRelay && pool_->has_expected_tags())
    compare_tag(a, findings);
}

void Checker::judge_packet(const Arrival& a, Findings& findings) noexcept {
  std::byte header[kRtpHeaderBytes];
  write_rtp_header(header, a.stream.ssrc, a.index);
  if (std::memcmp(header, a.view.payload, sizeof header) != 0) findings.note(Finding::kWrongHeader);
  if (a.view.payload_bytes != kRtpHeaderBytes + pool_->payload_bytes() + a.keys.srtp_trailer_bytes()) findings.note(Finding::kWrongLength);
  if (a.keys.encrypts() && a.view.payload_bytes >= kRtpHeaderBytes + 8 &&
      load_raw<std::uint64_t>(a.view.payload + kRtpHeaderBytes) == payload_word(pool_->seed(), a.stream.ssrc, a.index))
    findings.note(Finding::kPlaintext);
  // Senders of a relay use their keys in turn; the appliance seals with the one in force.
  const std::size_t key = model_->mode_of(a.receiver) == Mode::kRelay ? a.round % a.keys.usable_keys() : 0;
  if (!has_mki(a.view, a.keys.srtp_mki_from_end(), a.keys.keys[key])) findings.note(Finding::kWrongMki);
}

void Checker::judge_bytes(const Arrival& a, Mode mode, Findings& findings) noexcept {
  const ConstBytes packet{a.view.payload, a.view.payload_bytes};
  const std::uint32_t stream = model_->flows()[a.flow].stream;
  if (mode == Mode::kRelay) {
    const Participant& sender = model_->sender_of(a.stream);
    const ConstBytes sent = pool_->record(a.round, stream).subspan(ip_bytes(sender.remote.v6) + kUdpBytes);
    const bool same = sent.size() == packet.size() && std::memcmp(sent.data(), packet.data(), sent.size()) == 0;
    same ? void(++untouched_) : findings.note(Finding::kAltered);
    return;
  }
  std::uint64_t& first = copies_[a.round * streams_ + stream];
  const std::uint64_t own = digest(packet) | 1;  // 0: nobody has got it yet
  if (first == 0)
    first = own;
  else
    first == own ? void(++identical_copies_) : findings.note(Finding::kNotIdentical);
}

void Checker::compare_tag(const Arrival& a, Findings& findings) noexcept {
  const std::size_t behind = a.keys.srtp_tag_end_from_end();
  const std::byte* end = a.view.payload + a.view.payload_bytes - std::min(behind, a.view.payload_bytes - sizeof(std::uint64_t));
  ++compared_tags_;
  if (load_raw<std::uint64_t>(end - sizeof(std::uint64_t)) != pool_->expected_tag(a.flow, a.round)) findings.note(Finding::kWrongTag);
}

bool Checker::note_order(const Arrival& a, Findings& findings) noexcept {
  FlowState& state = flows_[a.flow];
  std::uint64_t& word = seen_[a.flow * words_ + a.round / 64];
  const std::uint64_t bit = std::uint64_t{1} << (a.round % 64);
  if ((word & bit) != 0) return findings.note(Finding::kDuplicate), false;
  word |= bit;
  const std::uint64_t place = ledger_->place(model_->flows()[a.flow].stream, a.round);
  if (place < state.next_place)
    findings.note(Finding::kOutOfOrder);
  else
    state.next_place = place + 1;
  state.highest = std::max(state.highest, a.index);
  return true;
}

void Checker::open(const Arrival& a, Findings& findings) noexcept {
  std::size_t bytes = a.view.payload_bytes;
  switch (openers_[a.flow].open(a.view.payload, bytes)) {
    case OpenVerdict::kOk:
      break;
    case OpenVerdict::kAuthFailed:
      return findings.note(Finding::kWrongKey);
    default:
      return findings.note(Finding::kNotOpened);
  }
  const ConstBytes payload{a.view.payload + kRtpHeaderBytes, bytes - kRtpHeaderBytes};
  if (payload.size() == pool_->payload_bytes() && is_payload(payload, pool_->seed(), a.stream.ssrc, a.index))
    ++flows_[a.flow].opened;
  else
    findings.note(Finding::kWrongPayload);
}

std::uint64_t Checker::total(Finding finding) const noexcept {
  std::uint64_t sum = 0;
  for (const Findings& findings : findings_) sum += findings[finding];
  return sum;
}

std::uint64_t Checker::opened_packets() const noexcept {
  std::uint64_t sum = 0;
  for (const FlowState& state : flows_) sum += state.opened;
  return sum;
}

}  // namespace mediaward::tools::traffic
