// SPDX-License-Identifier: Apache-2.0
// The judgements on one received packet (see the header). The receiving thread.
#include "tools/traffic/checker.h"

#include <cstring>

#include "crypto/suite.h"
#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::array<std::string_view, kFindings> kNames{
    "duplicate", "out-of-order", "wrong-key",    "not-opened", "wrong-tag",       "wrong-payload",    "wrong-header", "wrong-length",
    "plaintext", "wrong-mac",    "wrong-source", "wrong-dscp", "bad-ip-checksum", "bad-udp-checksum", "never-sent"};

void note(FlowReport& report, Finding finding) noexcept {
  ++report.findings[static_cast<std::size_t>(finding)];
}

std::size_t tag_bytes(const std::string& suite) noexcept {
  const auto* row = crypto::find_suite(suite);
  return row == nullptr ? 0 : row->tag_bytes;
}

}  // namespace

std::string_view name(Finding finding) noexcept {
  return kNames[static_cast<std::size_t>(finding)];
}

Result<Checker> Checker::create(const Model& model, const SealedPool& pool, const CheckerSettings& settings) {
  Checker checker(model, pool, settings);
  if (auto made = checker.make_flows(); !made) return tl::unexpected(made.error());
  if (settings.latency) checker.send_ticks_.resize(pool.packets());
  std::uint32_t sum = 0;
  checker.fan_out_.push_back(0);
  for (const Stream& stream : model.streams()) checker.fan_out_.push_back(sum += stream.receivers);
  return checker;
}

Result<void> Checker::make_flows() {
  for (const Flow& flow : model_->flows()) {
    const Participant& receiver = model_->participants()[flow.receiver];
    const Stream& stream = model_->streams()[flow.stream];
    auto opener = SrtpContext::opener(receiver.send_suite, receiver.send_key, stream.ssrc, stream.first_index);
    if (!opener) return tl::unexpected(Error{opener.error().code, "participant " + receiver.name + ": " + opener.error().message});
    flows_.push_back({std::move(*opener), std::vector<std::uint64_t>((pool_->rounds() + 63) / 64), 0, 0, {}});
  }
  return {};
}

bool Checker::accept(const UdpView& view, bool l4_known_good, std::uint64_t now_ticks) noexcept {
  const std::uint32_t receiver = model_->find_receiver(view.destination(), view.v6, view.destination_port());
  if (receiver == Model::kNone || view.payload_bytes < kRtpHeaderBytes) {
    ++unexpected_receiver_;
    return false;
  }
  const std::uint32_t flow = model_->find_flow(receiver, load_be32(view.payload + 8));
  if (flow == Model::kNone) {
    ++unexpected_stream_;
    return false;
  }
  judge(flows_[flow], model_->flows()[flow], view, l4_known_good, now_ticks);
  return true;
}

void Checker::judge(FlowState& state, const Flow& flow, const UdpView& view, bool l4_known_good, std::uint64_t now_ticks) noexcept {
  const Stream& stream = model_->streams()[flow.stream];
  // The index nearest to the highest one seen, as any receiver estimates it (RFC 3711 §3.3.1).
  const auto expected_seq = static_cast<std::uint16_t>(stream.first_index + state.highest);
  const auto distance = static_cast<std::int16_t>(static_cast<std::uint16_t>(load_be16(view.payload + 2) - expected_seq));
  const std::uint64_t offset = state.highest + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
  const bool full_check = state.arrivals++ % settings_.verify_every == 0;
  if (offset >= sent_of_stream(flow.stream)) return note(state.report, Finding::kNeverSent);
  const std::uint64_t index = stream.first_index + offset;
  judge_headers(state, flow, view, index);
  if (full_check && !l4_known_good) {
    ++computed_checksums_;
    if (!view.udp_checksum_good()) note(state.report, Finding::kBadUdpChecksum);
  }
  if (!note_order(state, offset)) return;
  ++state.report.received;
  ++received_;
  if (settings_.latency) latency_.record(now_ticks - send_ticks_[offset * model_->streams().size() + flow.stream]);
  if (full_check)
    open(state, flow, view, index);
  else if (pool_->has_expected_tags())
    compare_tag(state, view, offset);
}

void Checker::compare_tag(FlowState& state, const UdpView& view, std::uint64_t offset) noexcept {
  const auto flow = static_cast<std::size_t>(&state - flows_.data());
  const std::byte* end = view.payload + view.payload_bytes;  // at least a header: 12 bytes
  ++compared_tags_;
  if (load_raw<std::uint64_t>(end - sizeof(std::uint64_t)) != pool_->expected_tag(flow, offset)) note(state.report, Finding::kWrongTag);
}

void Checker::judge_headers(FlowState& state, const Flow& flow, const UdpView& view, std::uint64_t index) noexcept {
  const Participant& receiver = model_->participants()[flow.receiver];
  const std::uint32_t ssrc = model_->streams()[flow.stream].ssrc;
  std::byte header[kRtpHeaderBytes];
  write_rtp_header(header, ssrc, index);
  if (std::memcmp(header, view.payload, sizeof header) != 0) note(state.report, Finding::kWrongHeader);
  if (view.payload_bytes != kRtpHeaderBytes + pool_->payload_bytes() + tag_bytes(receiver.send_suite))
    note(state.report, Finding::kWrongLength);
  if (std::memcmp(view.ethernet, receiver.mac.data(), receiver.mac.size()) != 0) note(state.report, Finding::kWrongMac);
  const bool source_good = view.v6 == receiver.local.v6 &&
                           std::memcmp(view.source(), receiver.local.bytes.data(), receiver.local.size()) == 0 &&
                           view.source_port() == receiver.local_port;
  if (!source_good) note(state.report, Finding::kWrongSource);
  if (view.dscp() != receiver.dscp) note(state.report, Finding::kWrongDscp);
  if (!view.ip_checksum_good()) note(state.report, Finding::kBadIpChecksum);
  if (view.payload_bytes >= kRtpHeaderBytes + 8 &&
      load_raw<std::uint64_t>(view.payload + kRtpHeaderBytes) == payload_word(pool_->seed(), ssrc, index))
    note(state.report, Finding::kPlaintext);
}

bool Checker::note_order(FlowState& state, std::uint64_t offset) noexcept {
  std::uint64_t& word = state.seen[offset / 64];
  const std::uint64_t bit = std::uint64_t{1} << (offset % 64);
  if ((word & bit) != 0) {
    note(state.report, Finding::kDuplicate);
    return false;
  }
  word |= bit;
  if (offset < state.highest)
    note(state.report, Finding::kOutOfOrder);
  else
    state.highest = offset;
  return true;
}

void Checker::open(FlowState& state, const Flow& flow, const UdpView& view, std::uint64_t index) noexcept {
  std::size_t bytes = view.payload_bytes;
  switch (state.opener.open(view.payload, bytes)) {
    case OpenVerdict::kOk:
      break;
    case OpenVerdict::kAuthFailed:
      return note(state.report, Finding::kWrongKey);
    default:
      return note(state.report, Finding::kNotOpened);
  }
  const ConstBytes payload{view.payload + kRtpHeaderBytes, bytes - kRtpHeaderBytes};
  const bool equal =
      payload.size() == pool_->payload_bytes() && is_payload(payload, pool_->seed(), model_->streams()[flow.stream].ssrc, index);
  if (equal)
    ++state.report.opened;
  else
    note(state.report, Finding::kWrongPayload);
}

std::uint64_t Checker::sent_of_stream(std::uint32_t stream) const noexcept {
  return sent_rounds_ + (stream < sent_rest_ ? 1 : 0);
}

std::uint64_t Checker::expected_of_flow(std::size_t flow) const noexcept {
  return sent_of_stream(model_->flows()[flow].stream);
}

std::uint64_t Checker::expected_packets() const noexcept {
  return sent_rounds_ * model_->flows().size() + fan_out_[sent_rest_];
}

std::uint64_t Checker::total(Finding finding) const noexcept {
  std::uint64_t sum = 0;
  for (const FlowState& state : flows_) sum += state.report.findings[static_cast<std::size_t>(finding)];
  return sum;
}

std::uint64_t Checker::opened_packets() const noexcept {
  std::uint64_t sum = 0;
  for (const FlowState& state : flows_) sum += state.report.opened;
  return sum;
}

}  // namespace mediaward::tools::traffic
