// SPDX-License-Identifier: Apache-2.0
// Packets that introduce streams (see the header). The port's thread.
#include "tools/traffic/introduction.h"

#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

Result<Introduction> Introduction::create(const Model& model, std::size_t payload_bytes, std::uint64_t seed) {
  Introduction out(model, payload_bytes, seed);
  for (std::uint32_t s = 0; s < model.streams().size(); ++s) {
    const Stream& stream = model.streams()[s];
    if (!stream.introduced) continue;
    auto context = SrtpContext::create(model.sender_of(stream).receive, stream.ssrc, stream.first_index - kMaxIntroductions);
    if (!context) return tl::unexpected(context.error());
    out.streams_.push_back(s);
    out.contexts_.push_back(std::move(*context));
  }
  out.made_.resize(out.streams_.size());
  for (std::uint32_t i = 0; i < model.rtcp_sources().size(); ++i)
    if (const RtcpSource& source = model.rtcp_sources()[i]; model.is_introduced(source)) out.sources_.push_back(i);
  return out;
}

ConstBytes Introduction::next(std::size_t which) {
  if (made_[which] == kMaxIntroductions) return {};
  const Stream& stream = model_->streams()[streams_[which]];
  const Participant& sender = model_->sender_of(stream);
  const std::uint64_t index = stream.first_index - kMaxIntroductions + made_[which]++;
  const std::size_t l4 = ip_bytes(sender.remote.v6) + kUdpBytes;
  packet_.assign(l4 + kRtpHeaderBytes + payload_bytes_ + kMaxTrailerBytes, std::byte{0});
  write_rtp_header(packet_.data() + l4, stream.ssrc, index);
  fill_payload({packet_.data() + l4 + kRtpHeaderBytes, payload_bytes_}, seed_, stream.ssrc, index);
  std::size_t bytes = kRtpHeaderBytes + payload_bytes_;
  if (!contexts_[which].seal(packet_.data() + l4, bytes)) return {};
  write_ip_udp(packet_.data(), {sender.remote, sender.local, sender.remote_port, sender.local_port}, bytes, 0);
  return {packet_.data(), l4 + bytes};
}

std::string Introduction::missing(const Checker& checker, const RtcpChecker& rtcp_checker, bool with_rtcp) const {
  const auto& people = model_->participants();
  for (std::size_t f = 0; f < model_->flows().size(); ++f) {
    const Flow& flow = model_->flows()[f];
    if (model_->streams()[flow.stream].introduced && !checker.introduced(f))
      return people[flow.receiver].name + " has heard nothing of " + model_->sender_of(model_->streams()[flow.stream]).name;
  }
  for (std::size_t f = 0; f < model_->rtcp_flows().size() && with_rtcp; ++f) {
    const RtcpFlow& flow = model_->rtcp_flows()[f];
    const RtcpSource& source = model_->rtcp_sources()[flow.source];
    if (model_->is_introduced(source) && !rtcp_checker.introduced(f))
      return people[flow.receiver].name + " has got no report of " + people[source.participant].name;
  }
  return {};
}

std::map<std::string, std::uint64_t> Introduction::tolerated_drops() const {
  std::map<std::string, std::uint64_t> drops;
  if (sent_ != 0)
    for (const char* reason : {"srtp.no_receiver", "srtp.not_bound", "policy.muted", "policy.isolated"}) drops[reason] = sent_;
  if (rtcp_sent_ != 0) drops["srtcp.no_receiver"] = rtcp_sent_;
  if (rtcp_sent_ != 0) drops["srtp.not_bound"] += rtcp_sent_;
  return drops;
}

}  // namespace mediaward::tools::traffic
