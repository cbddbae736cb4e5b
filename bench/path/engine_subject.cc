// SPDX-License-Identifier: Apache-2.0
// See engine_subject.h.
#include "bench/path/engine_subject.h"

#include <cstring>
#include <stdexcept>

#include "bench/support/cpu_clock.h"

namespace mediaward::bench {

EngineSubject::EngineSubject(crypto::CryptoProvider& provider, crypto::Suite suite, std::size_t payload_bytes)
    : conferences_(calls(suite)),
      source_(provider, conferences_, payload_bytes),
      verifier_(conferences_, source_),
      receive_keys_(provider, suite, conferences_.streams()),
      send_keys_(provider, suite, conferences_.streams()),
      engine_(provider.make_engine()),
      io_(kBuffers, {}),
      jobs_(kBurst) {
  for (std::size_t i = 0; i < kBurst; ++i) burst_[i] = &jobs_[i];
  for (std::size_t stream = 0; stream < conferences_.streams(); ++stream) {
    receive_keys_.add(conferences_.receive_key(conferences_.sender(stream)));
    send_keys_.add(conferences_.send_key(conferences_.listener(stream)));
  }
}

void EngineSubject::prepare_open(Packets packets, std::size_t first) {
  for (std::size_t i = 0; i < kBurst; ++i) {
    const auto place = source_.places()[first + i];
    std::byte* rtp = packets[i]->data + kFrameHeaderBytes;
    crypto::Job& job = jobs_[i];
    describe_job(job, source_.suite(), false, receive_keys_[place.stream], Conferences::ssrc(place.stream), place.index);
    job.bytes = static_cast<std::uint32_t>(source_.payload_bytes());
    job.src = job.dst = rtp + kRtpHeaderBytes;
    job.aad = rtp;
    job.tag = rtp + kRtpHeaderBytes + source_.payload_bytes();
  }
}

void EngineSubject::prepare_seal(Packets packets, Packets out, std::size_t first) {
  for (std::size_t i = 0; i < kBurst; ++i) {
    const auto place = source_.places()[first + i];
    const std::byte* plain = packets[i]->data + kFrameHeaderBytes;
    std::byte* rtp = out[i]->data + kFrameHeaderBytes;
    std::memcpy(rtp, plain, kRtpHeaderBytes);
    out[i]->bytes = packets[i]->bytes;
    crypto::Job& job = jobs_[i];
    describe_job(job, source_.suite(), true, send_keys_[place.stream], Conferences::ssrc(place.stream), place.index);
    job.bytes = static_cast<std::uint32_t>(source_.payload_bytes());
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
  const std::uint64_t spent = ticks() - begin;
  for (const auto& job : jobs_)
    if (job.status != crypto::JobStatus::kOk) throw std::runtime_error("a prepared job of the benchmark failed");
  return spent;
}

void EngineSubject::check(Packets out, std::size_t first) {
  for (std::size_t i = 0; i < kBurst; ++i) {
    const auto place = source_.places()[first + i];
    verifier_.check(conferences_.listener(place.stream), place.stream, place.index,
                    {out[i]->data + kFrameHeaderBytes, source_.frame_bytes() - kFrameHeaderBytes});
  }
}

SliceTicks EngineSubject::run_slice(bool verify) {
  const auto packets = io_.load(kSlicePackets);
  source_.fill(packets);
  std::array<dataplane::Packet*, kBurst> out;
  SliceTicks spent;
  for (std::size_t first = 0; first < kSlicePackets; first += kBurst) {
    if (!io_.allocate(out)) throw std::runtime_error("the benchmark has too few buffers");
    const auto burst = packets.subspan(first, kBurst);
    prepare_open(burst, first);
    spent.all += run_burst();
    prepare_seal(burst, out, first);
    spent.seal += run_burst();
    if (verify && first + RingIo::kTxRing >= kSlicePackets) check(out, first);
    static_cast<void>(io_.transmit(out));
    io_.release(burst);
  }
  spent.all += spent.seal;
  return spent;
}

}  // namespace mediaward::bench
