// SPDX-License-Identifier: Apache-2.0
// See engine_subject.h.
#include "bench/path/engine_subject.h"

#include <cstring>
#include <stdexcept>

#include "bench/support/cpu_clock.h"
#include "crypto/srtp_index.h"

namespace mediaward::bench {

EngineSubject::EngineSubject(crypto::CryptoProvider& provider, crypto::Suite suite, std::size_t payload_bytes)
    : flows_(make_flows(suite)),
      source_(provider, suite, flows_, payload_bytes),
      verifier_(suite, flows_, source_),
      keys_(provider, suite, flows_),
      engine_(provider.make_engine()),
      io_(kBuffers, {}),
      jobs_(kBurst) {
  for (std::size_t i = 0; i < kBurst; ++i) burst_[i] = &jobs_[i];
}

EngineSubject::Place EngineSubject::place_of(std::size_t packet) const {
  const std::uint64_t position = source_.position() - kSlicePackets + packet;
  return {PacketSource::flow_at(position), PacketSource::index_at(position)};
}

void EngineSubject::describe(crypto::Job& job, bool seal, const KeyRing::Key& key, std::size_t flow, std::uint64_t index) const {
  const bool gcm = source_.suite().transform == crypto::Transform::kAesGcm;
  if (gcm)
    job.op = seal ? crypto::JobOp::kGcmSeal : crypto::JobOp::kGcmOpen;
  else
    job.op = seal ? crypto::JobOp::kCmSeal : crypto::JobOp::kCmOpen;
  job.status = crypto::JobStatus::kPending;
  job.tag_bytes = source_.suite().tag_bytes;
  job.roc = static_cast<std::uint32_t>(index >> 16);
  job.key = key.context;
  job.bytes = static_cast<std::uint32_t>(source_.payload_bytes());
  job.aad_bytes = kRtpHeaderBytes;
  if (gcm)
    crypto::make_gcm_iv(job.iv, key.salt.data(), flows_[flow].ssrc, index);
  else
    crypto::make_cm_iv(job.iv, key.salt.data(), flows_[flow].ssrc, index);
}

void EngineSubject::prepare_open(std::span<dataplane::Packet* const> packets, std::size_t first) {
  for (std::size_t i = 0; i < kBurst; ++i) {
    const Place place = place_of(first + i);
    std::byte* rtp = packets[i]->data + kFrameHeaderBytes;
    crypto::Job& job = jobs_[i];
    describe(job, false, keys_.receive_key(place.flow), place.flow, place.index);
    job.src = job.dst = rtp + kRtpHeaderBytes;
    job.aad = rtp;
    job.tag = rtp + kRtpHeaderBytes + source_.payload_bytes();
  }
}

void EngineSubject::prepare_seal(std::span<dataplane::Packet* const> packets, std::span<dataplane::Packet* const> out, std::size_t first) {
  for (std::size_t i = 0; i < kBurst; ++i) {
    const Place place = place_of(first + i);
    const std::byte* plain = packets[i]->data + kFrameHeaderBytes;
    std::byte* rtp = out[i]->data + kFrameHeaderBytes;
    std::memcpy(rtp, plain, kRtpHeaderBytes);
    out[i]->bytes = packets[i]->bytes;
    crypto::Job& job = jobs_[i];
    describe(job, true, keys_.send_key(flows_[place.flow].partner), place.flow, place.index);
    job.src = packets[i]->data + kFrameHeaderBytes + kRtpHeaderBytes;
    job.dst = rtp + kRtpHeaderBytes;
    job.aad = rtp;
    job.tag = rtp + kRtpHeaderBytes + source_.payload_bytes();
  }
}

std::uint64_t EngineSubject::run_burst() {
  const std::uint64_t begin = ticks();
  std::size_t back = 0;
  for (std::size_t taken = 0; back < kBurst; back += engine_->poll(done_))
    taken += engine_->submit(std::span<crypto::Job* const>(burst_.data() + taken, kBurst - taken));
  return ticks() - begin;
}

std::uint64_t EngineSubject::run_slice(bool verify) {
  const auto packets = io_.load(kSlicePackets);
  source_.fill(packets);
  std::array<dataplane::Packet*, kBurst> out;
  std::uint64_t spent = 0;
  for (std::size_t first = 0; first < kSlicePackets; first += kBurst) {
    if (!io_.allocate(out)) throw std::runtime_error("the benchmark has too few buffers");
    const auto burst = packets.subspan(first, kBurst);
    prepare_open(burst, first);
    spent += run_burst();
    prepare_seal(burst, out, first);
    spent += run_burst();
    for (const auto& job : jobs_)
      if (job.status != crypto::JobStatus::kOk) throw std::runtime_error("a prepared job of the benchmark failed");
    if (verify && first + RingIo::kTxRing >= kSlicePackets)
      for (std::size_t i = 0; i < kBurst; ++i) {
        const Place place = place_of(first + i);
        verifier_.check(place.flow, place.index, {out[i]->data + kFrameHeaderBytes, source_.frame_bytes() - kFrameHeaderBytes});
      }
    static_cast<void>(io_.transmit(out));
    io_.release(burst);
  }
  return spent;
}

}  // namespace mediaward::bench
