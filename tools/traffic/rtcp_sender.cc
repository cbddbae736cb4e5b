// SPDX-License-Identifier: Apache-2.0
// Makes, seals and queues reports (see the header). The thread of the port.
#include "tools/traffic/rtcp_sender.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::size_t kBlocks = 8;  // of a report; RFC 3550 allows 31, and a source reports on the others in turn

}  // namespace

RtcpSender::RtcpSender(const Model& model, const Checker& checker, RtcpLedger& ledger, std::uint32_t every, std::size_t payload_bytes)
    : model_(&model), checker_(&checker), ledger_(&ledger), every_(every), payload_bytes_(payload_bytes) {}

Result<RtcpSender> RtcpSender::create(const Model& model, const Checker& checker, RtcpLedger& ledger, std::uint32_t every,
                                      std::size_t payload_bytes) {
  RtcpSender sender(model, checker, ledger, every, payload_bytes);
  sender.source_of_stream_.assign(model.streams().size(), Model::kNone);
  if (every == 0) return sender;
  if (auto made = sender.make_contexts(); !made) return tl::unexpected(made.error());
  sender.find_heard();
  sender.sources_.resize(model.rtcp_sources().size());
  sender.triggered_.resize(model.streams().size());
  // Who sends no stream reports behind the first one of his conference.
  std::vector<std::uint32_t> first_stream(model.conferences().size(), Model::kNone);
  for (std::uint32_t s = 0; s < model.streams().size(); ++s) {
    std::uint32_t& first = first_stream[model.sender_of(model.streams()[s]).conference];
    if (first == Model::kNone) first = s;
  }
  for (std::uint32_t i = 0; i < model.rtcp_sources().size(); ++i) {
    const RtcpSource& source = model.rtcp_sources()[i];
    if (source.stream != Model::kNone) sender.source_of_stream_[source.stream] = i;
    const std::uint32_t trigger =
        source.stream != Model::kNone ? source.stream : first_stream[model.participants()[source.participant].conference];
    if (trigger != Model::kNone) sender.triggered_[trigger].push_back(i);
  }
  return sender;
}

Result<void> RtcpSender::make_contexts() {
  contexts_.resize(model_->participants().size());
  plain_contexts_.resize(contexts_.size());
  for (const RtcpSource& source : model_->rtcp_sources()) {
    if (contexts_[source.participant]) continue;
    const Participant& p = model_->participants()[source.participant];
    auto context = SrtcpContext::create(p.receive, SrtpDirection::kSend, !p.plain_srtcp);
    if (!context) return tl::unexpected(Error{context.error().code, "participant " + p.name + ": " + context.error().message});
    contexts_[source.participant] = std::move(*context);
  }
  return {};
}

void RtcpSender::find_heard() {
  heard_flows_.resize(model_->participants().size());
  for (std::uint32_t f = 0; f < model_->flows().size(); ++f) {
    auto& heard = heard_flows_[model_->flows()[f].receiver];
    if (heard.size() < kBlocks) heard.push_back(f);
  }
}

void RtcpSender::visited(std::uint32_t stream, std::uint64_t round) {
  if (every_ == 0) return;
  if (const std::uint32_t own = source_of_stream_[stream]; own != Model::kNone) sources_[own].rounds = round + 1;
  for (const std::uint32_t source : triggered_[stream])
    if ((round + 1 + source) % every_ == 0) queue_.push_back(source);
}

// What a receiver would report of this flow (RFC 3550 §6.4.1).
ReportBlock RtcpSender::block_of(std::uint32_t flow, std::uint64_t now_ntp) const noexcept {
  const Flow& f = model_->flows()[flow];
  const Stream& stream = model_->streams()[f.stream];
  const std::uint64_t highest = checker_->highest_index_of_flow(flow), received = checker_->received_of_flow(flow);
  ReportBlock block;
  block.ssrc = stream.ssrc;
  block.highest_seq = static_cast<std::uint32_t>(highest);
  const std::uint64_t expected = received == 0 ? 0 : (highest - stream.first_index) / stream.step + 1;
  block.lost = static_cast<std::uint32_t>(expected > received ? expected - received : 0);
  block.fraction_lost = static_cast<std::uint8_t>(expected == 0 ? 0 : std::min<std::uint64_t>(255, block.lost * 256 / expected));
  const std::uint32_t reports = model_->find_rtcp_flow(f.receiver, stream.ssrc);
  if (reports == Model::kNone) return block;
  const RtcpLedger::Heard& heard = ledger_->last_heard(reports);
  block.last_sr = heard.middle_ntp;
  if (heard.middle_ntp != 0) block.since_last_sr = static_cast<std::uint32_t>((now_ntp - heard.at_ntp) >> 16);
  return block;
}

std::size_t RtcpSender::write_plain(std::uint32_t number, std::uint32_t ssrc, Bytes out) const noexcept {
  const RtcpSource& source = model_->rtcp_sources()[number];
  const std::uint64_t rounds = sources_[number].rounds, now = ntp_now();
  std::optional<SenderInfo> sender;
  if (source.stream != Model::kNone && rounds != 0)
    sender = SenderInfo{now, rtp_timestamp(source.ssrc, model_->streams()[source.stream].index_of(rounds - 1)),
                        static_cast<std::uint32_t>(rounds), static_cast<std::uint32_t>(rounds * payload_bytes_)};
  std::array<ReportBlock, kBlocks> blocks;
  std::size_t count = 0;
  for (const std::uint32_t flow : heard_flows_[source.participant]) blocks[count++] = block_of(flow, now);
  return write_compound(out, ssrc, sender, {blocks.data(), count}, model_->participants()[source.participant].name);
}

// Seals out.plain into out.packet and puts IP and UDP in front.
bool RtcpSender::seal(SrtcpContext& context, std::uint32_t source, unsigned key, SealedRtcp& out) const noexcept {
  const Participant& p = model_->participants()[model_->rtcp_sources()[source].participant];
  out.l4_bytes = ip_bytes(p.remote.v6) + kUdpBytes;
  std::memcpy(out.packet.data() + out.l4_bytes, out.plain.data(), out.plain_bytes);
  std::size_t bytes = out.plain_bytes;
  if (!context.seal(out.packet.data() + out.l4_bytes, bytes, key)) return false;
  out.packet_bytes = out.l4_bytes + bytes;
  write_ip_udp(out.packet.data(), {p.remote, p.local, p.remote_rtcp_port, p.local_rtcp_port}, bytes, 0);
  return true;
}

const SealedRtcp* RtcpSender::next() {
  if (is_prepared_) return &prepared_;
  const std::uint32_t number = queue_.front();
  const RtcpSource& source = model_->rtcp_sources()[number];
  const KeySet& keys = model_->participants()[source.participant].receive;
  prepared_.plain_bytes = write_plain(number, source.ssrc, prepared_.plain);
  is_prepared_ = seal(contexts_[source.participant], number, sources_[number].sealed % keys.usable_keys(), prepared_);
  ++sources_[number].sealed;
  return is_prepared_ ? &prepared_ : nullptr;
}

void RtcpSender::sent(bool twice) {
  const std::uint32_t number = queue_.front();
  Source& source = sources_[number];
  ledger_->sent(number, {prepared_.plain.data(), prepared_.plain_bytes}, prepared_.sealed(), twice);
  source.last.assign(prepared_.packet.data(), prepared_.packet.data() + prepared_.packet_bytes);
  if (source.first.empty()) source.first = source.last;
  skip();
}

void RtcpSender::skip() noexcept {
  queue_.pop_front();
  is_prepared_ = false;
}

bool RtcpSender::seal_introduction(std::uint32_t number, SealedRtcp& out) {
  const RtcpSource& source = model_->rtcp_sources()[number];
  out.plain_bytes = write_compound(out.plain, source.ssrc, std::nullopt, {}, model_->participants()[source.participant].name + " comes");
  if (!seal(contexts_[source.participant], number, 0, out)) return false;
  ++sources_[number].sealed;
  ledger_->introduced(number, {out.plain.data(), out.plain_bytes});
  return true;
}

bool RtcpSender::seal_extra(std::uint32_t number, std::uint32_t ssrc, bool malformed, SealedRtcp& out) {
  const RtcpSource& source = model_->rtcp_sources()[number];
  out.plain_bytes = write_plain(number, ssrc, out.plain);
  // RFC 3550 A.2: the lengths of all packets must add up; this one says that it goes on behind its end.
  if (malformed) store_be16(out.plain.data() + 2, static_cast<std::uint16_t>(load_be16(out.plain.data() + 2) + 100));
  if (!seal(contexts_[source.participant], number, 0, out)) return false;
  if (ssrc == source.ssrc) ++sources_[number].sealed;
  return true;
}

bool RtcpSender::seal_plain(std::uint32_t number, SealedRtcp& out) {
  const RtcpSource& source = model_->rtcp_sources()[number];
  SrtcpContext& context = plain_contexts_[source.participant];
  if (!context) {
    auto made = SrtcpContext::create(model_->participants()[source.participant].receive, SrtpDirection::kSend, false);
    if (!made) return false;
    context = std::move(*made);
  }
  Source& state = sources_[number];
  do {  // libsrtp counts by itself: seal until its index is one that the genuine reports have not reached
    out.plain_bytes = write_plain(number, source.ssrc, out.plain);
    if (!seal(context, number, 0, out)) return false;
  } while (++state.plain_sealed <= state.sealed);
  return true;
}

}  // namespace mediaward::tools::traffic
