// SPDX-License-Identifier: Apache-2.0
// See packet_source.h.
#include "bench/support/packet_source.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "crypto/srtp_index.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/udp.h"
#include "tests/support/srtp_peer.h"

namespace mediaward::bench {
namespace {

namespace wire = dataplane::wire;

constexpr std::size_t kBatch = 128;
constexpr std::array<std::uint64_t, 5> kProvedIndexes{0, 1, 65535, 65536, 65537};  // with a ROC wrap

bool is_gcm(const crypto::SuiteInfo& suite) { return suite.transform == crypto::Transform::kAesGcm; }

std::array<std::byte, 4> address_bytes(std::uint32_t address) {
  std::array<std::byte, 4> bytes;
  store_be32(bytes.data(), address);
  return bytes;
}

}  // namespace

PacketSource::PacketSource(crypto::CryptoProvider& provider, crypto::Suite suite, const std::vector<Flow>& flows, std::size_t payload_bytes)
    : suite_(*crypto::find_suite(suite)),
      flows_(flows),
      payload_bytes_(payload_bytes),
      keys_(provider, suite, flows),
      engine_(provider.make_engine()),
      jobs_(kBatch) {
  make_templates();
  prove();
}

void PacketSource::make_templates() {
  const auto local = address_bytes(kLocalAddress);
  for (const Flow& flow : flows_) {
    auto& frame = templates_.emplace_back(frame_bytes() - suite_.tag_bytes);
    const auto remote = address_bytes(flow.remote_address);
    const auto rtp_bytes = static_cast<std::uint16_t>(frame_bytes() - kFrameHeaderBytes);
    wire::write_ethernet(frame.data(), kApplianceMac, kPeerMac, wire::kEtherIpv4, 0);
    wire::write_ipv4(frame.data() + 14, remote.data(), local.data(), wire::kProtocolUdp, static_cast<std::uint16_t>(wire::kUdpBytes + rtp_bytes), 0, 64, true);
    wire::write_udp(frame.data() + 34, flow.remote_port, flow.local_port, rtp_bytes);
    std::byte* rtp = frame.data() + kFrameHeaderBytes;
    rtp[0] = std::byte{0x80};
    rtp[1] = std::byte{96};
    store_be32(rtp + 8, flow.ssrc);
    std::uint32_t state = flow.ssrc;
    for (std::size_t i = 0; i < payload_bytes_; ++i) {
      state = state * 1664525u + 1013904223u;
      rtp[kRtpHeaderBytes + i] = static_cast<std::byte>(state >> 24);
    }
  }
}

void PacketSource::write_rtp(std::byte* rtp, std::size_t flow, std::uint64_t index) const {
  store_be16(rtp + 2, static_cast<std::uint16_t>(index));
  store_be32(rtp + 4, static_cast<std::uint32_t>(160 * index));
  expected_payload(flow, index, {rtp + kRtpHeaderBytes, payload_bytes_});
}

void PacketSource::expected_payload(std::size_t flow, std::uint64_t index, std::span<std::byte> out) const {
  std::memcpy(out.data(), templates_[flow].data() + kFrameHeaderBytes + kRtpHeaderBytes, out.size());
  store_be64(out.data(), index);  // no two payloads of a flow are equal
}

void PacketSource::describe(crypto::Job& job, std::byte* rtp, std::size_t flow, std::uint64_t index) const {
  const KeyRing::Key& key = keys_.receive_key(flow);
  job = crypto::Job{};
  job.op = is_gcm(suite_) ? crypto::JobOp::kGcmSeal : crypto::JobOp::kCmSeal;
  job.tag_bytes = suite_.tag_bytes;
  job.roc = static_cast<std::uint32_t>(index >> 16);
  job.key = key.context;
  job.src = job.dst = rtp + kRtpHeaderBytes;
  job.bytes = static_cast<std::uint32_t>(payload_bytes_);
  job.aad = rtp;
  job.aad_bytes = kRtpHeaderBytes;
  job.tag = rtp + kRtpHeaderBytes + payload_bytes_;
  if (is_gcm(suite_))
    crypto::make_gcm_iv(job.iv, key.salt.data(), flows_[flow].ssrc, index);
  else
    crypto::make_cm_iv(job.iv, key.salt.data(), flows_[flow].ssrc, index);
}

void PacketSource::seal(std::span<crypto::Job> jobs) {
  std::array<crypto::Job*, kBatch> burst, done;
  for (std::size_t i = 0; i < jobs.size(); ++i) burst[i] = &jobs[i];
  std::size_t taken = 0, back = 0;
  while (back < jobs.size()) {
    taken += engine_->submit(std::span<crypto::Job* const>(burst.data() + taken, jobs.size() - taken));
    back += engine_->poll(done);
  }
  for (const auto& job : jobs)
    if (job.status != crypto::JobStatus::kOk) throw std::runtime_error("the engine could not seal a packet of the benchmark");
}

void PacketSource::fill(std::span<dataplane::Packet* const> packets) {
  for (std::size_t begin = 0; begin < packets.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, packets.size() - begin);
    for (std::size_t i = 0; i < n; ++i, ++position_) {
      dataplane::Packet& packet = *packets[begin + i];
      const std::size_t flow = flow_at(position_);
      std::memcpy(packet.data, templates_[flow].data(), kFrameHeaderBytes + kRtpHeaderBytes);
      packet.bytes = static_cast<std::uint32_t>(frame_bytes());
      packet.flags = dataplane::kRxL4ChecksumGood;
      write_rtp(packet.data + kFrameHeaderBytes, flow, index_at(position_));
      describe(jobs_[i], packet.data + kFrameHeaderBytes, flow, index_at(position_));
    }
    seal({jobs_.data(), n});
  }
}

void PacketSource::prove() {
  for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
    test::SrtpPeer peer(suite_.id, flows_[flow].receive_key, test::SrtpPeer::Direction::kSend);
    for (const std::uint64_t index : kProvedIndexes) {
      std::vector<std::byte> ours(frame_bytes() - kFrameHeaderBytes);
      std::vector<std::uint8_t> theirs(ours.size() - suite_.tag_bytes);
      std::memcpy(ours.data(), templates_[flow].data() + kFrameHeaderBytes, theirs.size());
      write_rtp(ours.data(), flow, index);
      std::memcpy(theirs.data(), ours.data(), theirs.size());
      describe(jobs_[0], ours.data(), flow, index);
      seal({jobs_.data(), 1});
      theirs = peer.protect(std::move(theirs));
      if (theirs.size() != ours.size() || std::memcmp(theirs.data(), ours.data(), ours.size()) != 0)
        throw std::runtime_error("the engine's packets differ from libsrtp's: nothing is measured with it");
      ++proved_;
    }
  }
}

}  // namespace mediaward::bench
