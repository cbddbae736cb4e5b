// SPDX-License-Identifier: Apache-2.0
// See packet_source.h.
#include "bench/support/packet_source.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
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
constexpr std::size_t kProvedStreams = 64;
constexpr std::array<std::uint64_t, 5> kProvedIndexes{0, 1, 65535, 65536, 65537};  // with a ROC wrap

std::array<std::byte, 4> address_bytes(std::uint32_t address) {
  std::array<std::byte, 4> bytes;
  store_be32(bytes.data(), address);
  return bytes;
}

}  // namespace

void describe_job(crypto::Job& job, const crypto::SuiteInfo& suite, bool seal, const KeyRing::Key& key, std::uint32_t ssrc,
                  std::uint64_t index) {
  job.op = seal ? suite.seal : suite.open;
  job.status = crypto::JobStatus::kPending;
  job.tag_bytes = suite.tag_bytes;
  job.roc = static_cast<std::uint32_t>(index >> 16);
  job.key = key.context;
  job.aad_bytes = kRtpHeaderBytes;
  if (crypto::is_gcm(job.op))
    crypto::make_gcm_iv(job.iv, key.salt.data(), ssrc, index);
  else
    crypto::make_cm_iv(job.iv, key.salt.data(), ssrc, index);
}

void run_jobs(crypto::Engine& engine, std::span<crypto::Job> jobs) {
  std::array<crypto::Job*, kBatch> burst, done;
  if (jobs.size() > kBatch) throw std::runtime_error("more jobs at once than the benchmark has places for");
  for (std::size_t i = 0; i < jobs.size(); ++i) burst[i] = &jobs[i];
  std::size_t taken = 0, back = 0;
  while (back < jobs.size()) {
    taken += engine.submit(std::span<crypto::Job* const>(burst.data() + taken, jobs.size() - taken));
    back += engine.poll(done);
  }
  for (const auto& job : jobs)
    if (job.status != crypto::JobStatus::kOk) throw std::runtime_error("the engine could not do a job of the benchmark");
}

PacketSource::PacketSource(crypto::CryptoProvider& provider, const Conferences& conferences, std::size_t payload_bytes)
    : conferences_(conferences),
      suite_(conferences.suite()),
      payload_bytes_(payload_bytes),
      keys_(provider, suite_.id, conferences.streams()),
      engine_(provider.make_engine()),
      pattern_(payload_bytes),
      jobs_(kBatch),
      next_(conferences.streams(), 0) {
  if (payload_bytes < kMinPayloadBytes) throw std::runtime_error("the benchmark's payloads have at least 16 bytes");
  std::uint32_t state = 1;
  for (auto& byte : pattern_) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::byte>(state >> 24);
  }
  for (std::size_t stream = 0; stream < conferences.streams(); ++stream) keys_.add(conferences.receive_key(conferences.sender(stream)));
  set_order(Order::kInTurn);
  prove();
}

void PacketSource::set_order(Order order) {
  order_.resize(conferences_.streams());
  for (std::uint32_t i = 0; i < order_.size(); ++i) order_[i] = i;
  if (order == Order::kRandom) std::shuffle(order_.begin(), order_.end(), std::minstd_rand(1));
  cursor_ = 0;
}

PacketSource::Place PacketSource::next_place() {
  const std::uint32_t stream = order_[cursor_];
  cursor_ = cursor_ + 1 == order_.size() ? 0 : cursor_ + 1;
  return {stream, next_[stream]++};
}

void PacketSource::write_headers(std::byte* frame, std::size_t stream) const {
  const Endpoint at = conferences_.endpoint(conferences_.sender(stream));
  const auto remote = address_bytes(at.remote_address), local = address_bytes(at.local_address);
  const auto rtp_bytes = static_cast<std::uint16_t>(frame_bytes() - kFrameHeaderBytes);
  wire::write_ethernet(frame, kApplianceMac, kPeerMac, wire::kEtherIpv4, 0);
  wire::write_ipv4(frame + 14, remote.data(), local.data(), wire::kProtocolUdp, static_cast<std::uint16_t>(wire::kUdpBytes + rtp_bytes), 0,
                   64, true);
  wire::write_udp(frame + 34, at.remote_port, at.local_port, rtp_bytes);
}

void PacketSource::write_rtp(std::byte* rtp, std::size_t stream, std::uint64_t index) const {
  rtp[0] = std::byte{0x80};
  rtp[1] = std::byte{96};
  store_be16(rtp + 2, static_cast<std::uint16_t>(index));
  store_be32(rtp + 4, static_cast<std::uint32_t>(160 * index));
  store_be32(rtp + 8, Conferences::ssrc(stream));
  expected_payload(stream, index, {rtp + kRtpHeaderBytes, payload_bytes_});
}

void PacketSource::expected_payload(std::size_t stream, std::uint64_t index, std::span<std::byte> out) const {
  std::memcpy(out.data(), pattern_.data(), out.size());
  store_be64(out.data(), index);  // no two payloads are equal
  store_be32(out.data() + 8, Conferences::ssrc(stream));
}

void PacketSource::describe(crypto::Job& job, std::byte* rtp, Place place) const {
  job = crypto::Job{};
  describe_job(job, suite_, true, keys_[place.stream], Conferences::ssrc(place.stream), place.index);
  job.src = job.dst = rtp + kRtpHeaderBytes;
  job.bytes = static_cast<std::uint32_t>(payload_bytes_);
  job.aad = rtp;
  job.tag = rtp + kRtpHeaderBytes + payload_bytes_;
}

void PacketSource::seal(std::span<crypto::Job> jobs) {
  run_jobs(*engine_, jobs);
}

void PacketSource::fill(std::span<dataplane::Packet* const> packets) {
  places_.clear();
  for (std::size_t begin = 0; begin < packets.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, packets.size() - begin);
    for (std::size_t i = 0; i < n; ++i) {
      dataplane::Packet& packet = *packets[begin + i];
      const Place place = places_.emplace_back(next_place());
      write_headers(packet.data, place.stream);
      packet.bytes = static_cast<std::uint32_t>(frame_bytes());
      packet.flags = dataplane::kRxL4ChecksumGood;
      write_rtp(packet.data + kFrameHeaderBytes, place.stream, place.index);
      describe(jobs_[i], packet.data + kFrameHeaderBytes, place);
    }
    seal({jobs_.data(), n});
  }
}

void PacketSource::prove() {
  const std::size_t proved = std::min(conferences_.streams(), kProvedStreams);
  for (std::size_t i = 0; i < proved; ++i) prove(i * conferences_.streams() / proved);
}

void PacketSource::prove(std::size_t stream) {
  test::SrtpPeer peer(suite_.id, conferences_.receive_key(conferences_.sender(stream)), test::SrtpPeer::Direction::kSend);
  for (const std::uint64_t index : kProvedIndexes) {
    std::vector<std::byte> ours(frame_bytes() - kFrameHeaderBytes);
    std::vector<std::uint8_t> theirs(ours.size() - suite_.tag_bytes);
    write_rtp(ours.data(), stream, index);
    std::memcpy(theirs.data(), ours.data(), theirs.size());
    describe(jobs_[0], ours.data(), {static_cast<std::uint32_t>(stream), index});
    seal({jobs_.data(), 1});
    theirs = peer.protect(std::move(theirs));
    if (theirs.size() != ours.size() || std::memcmp(theirs.data(), ours.data(), ours.size()) != 0)
      throw std::runtime_error("the engine's packets differ from libsrtp's: nothing is measured with it");
    ++proved_;
  }
}

}  // namespace mediaward::bench
