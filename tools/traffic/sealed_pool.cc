// SPDX-License-Identifier: Apache-2.0
// Seals the packets of a run into one anonymous mapping (see the header). Streams are independent, so threads take whole streams.
#include "tools/traffic/sealed_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include "crypto/suite.h"
#include "tools/traffic/payload.h"
#include "tools/traffic/sealer.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::size_t kStrideUnit = 16;

std::uint64_t available_memory_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  std::uint64_t kilobytes = 0;
  while (file >> name >> kilobytes && std::getline(file, unit))
    if (name == "MemAvailable:") return kilobytes * 1024;
  return 0;
}

std::string megabytes(std::uint64_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MB";
}

}  // namespace

Result<SealedPool> SealedPool::seal(const Model& model, const PoolPlan& plan) {
  if (plan.payload_bytes < 8 || plan.payload_bytes > 8192) return fail(ErrorCode::kInvalid, "payload must be 8 to 8192 bytes");
  SealedPool pool;
  const auto& streams = model.streams();
  pool.payload_bytes_ = plan.payload_bytes;
  pool.seed_ = plan.seed;
  pool.rounds_ = std::max<std::uint64_t>(1, (plan.packets + streams.size() - 1) / streams.size());
  for (const Stream& stream : streams) {
    const Participant& sender = model.participants()[stream.sender];
    const auto* suite = crypto::find_suite(sender.receive_suite);
    const std::size_t tag = suite == nullptr ? 0 : suite->tag_bytes;
    pool.stream_bytes_.push_back(
        static_cast<std::uint16_t>(ip_bytes(sender.remote.v6) + kUdpBytes + kRtpHeaderBytes + plan.payload_bytes + tag));
  }
  const std::size_t largest = *std::max_element(pool.stream_bytes_.begin(), pool.stream_bytes_.end());
  pool.stride_ = (largest + kStrideUnit - 1) / kStrideUnit * kStrideUnit;
  // Behind the last record libsrtp may look at its longest trailer's room.
  const std::uint64_t tag_bytes = plan.expected_tags ? pool.rounds_ * model.flows().size() * sizeof(std::uint64_t) : 0;
  if (auto mapped = pool.map(pool.packets() * pool.stride_ + SrtpContext::kMaxTrailerBytes, tag_bytes); !mapped)
    return tl::unexpected(mapped.error());

  if (plan.expected_tags) pool.expected_.assign(model.flows().size(), std::vector<std::uint64_t>(pool.rounds_));

  std::atomic<std::uint32_t> next{0};
  const auto tasks = static_cast<std::uint32_t>(streams.size() + pool.expected_.size());
  const unsigned threads = std::clamp(plan.threads, 1u, tasks);
  std::vector<std::optional<Error>> errors(threads);
  std::vector<std::jthread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (std::uint32_t task = next++; task < tasks; task = next++) {
        const auto flow = static_cast<std::uint32_t>(task - streams.size());
        auto sealed = task < streams.size() ? pool.seal_stream(model, task) : pool.expect_flow(model, flow);
        if (!sealed) errors[t] = sealed.error();
      }
    });
  }
  workers.clear();  // joins
  for (const auto& error : errors)
    if (error) return tl::unexpected(*error);
  return pool;
}

Result<void> SealedPool::map(std::uint64_t bytes, std::uint64_t more_bytes) {
  const std::uint64_t available = available_memory_bytes();
  if (available != 0 && bytes + more_bytes > available / 10 * 9)
    return fail(ErrorCode::kExhausted, "the sealed packets of this run take " + megabytes(bytes + more_bytes) + ", but only " +
                                           megabytes(available) +
                                           " of memory are available: send fewer packets (a pool is never sent twice)");
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return fail(ErrorCode::kExhausted, "no memory for " + megabytes(bytes) + " of sealed packets: " + std::strerror(errno));
  madvise(memory, bytes, MADV_HUGEPAGE);  // fewer TLB misses where the kernel has them; without it the tool is only slower
  memory_ = static_cast<std::byte*>(memory);
  mapped_bytes_ = bytes;
  return {};
}

Result<void> SealedPool::seal_stream(const Model& model, std::uint32_t stream_number) noexcept {
  const Stream& stream = model.streams()[stream_number];
  const Participant& sender = model.participants()[stream.sender];
  auto context = SrtpContext::sealer(sender.receive_suite, sender.receive_key, stream.ssrc, stream.first_index);
  if (!context) return tl::unexpected(Error{context.error().code, "participant " + sender.name + ": " + context.error().message});
  const UdpPath path{sender.remote, sender.local, sender.remote_port, sender.local_port};
  const std::size_t l4 = ip_bytes(sender.remote.v6) + kUdpBytes;
  std::byte packet[kRtpHeaderBytes + 8192 + SrtpContext::kMaxTrailerBytes];
  for (std::uint64_t k = 0; k < rounds_; ++k) {
    const std::uint64_t index = stream.first_index + k;
    write_rtp_header(packet, stream.ssrc, index);
    fill_payload({packet + kRtpHeaderBytes, payload_bytes_}, seed_, stream.ssrc, index);
    std::size_t bytes = kRtpHeaderBytes + payload_bytes_;
    if (!context->seal(packet, bytes) || bytes + l4 != stream_bytes_[stream_number])
      return fail(ErrorCode::kInternal, "libsrtp could not seal packet " + std::to_string(k) + " of participant " + sender.name);
    std::byte* record = memory_ + (k * stream_bytes_.size() + stream_number) * stride_;
    std::memcpy(record + l4, packet, bytes);
    write_ip_udp(record, path, bytes, 0);
  }
  return {};
}

// Seals what the appliance should make of each packet; only the end of the tag is kept.
Result<void> SealedPool::expect_flow(const Model& model, std::uint32_t number) noexcept {
  const Flow& flow = model.flows()[number];
  const Stream& stream = model.streams()[flow.stream];
  const Participant& receiver = model.participants()[flow.receiver];
  auto context = SrtpContext::sealer(receiver.send_suite, receiver.send_key, stream.ssrc, stream.first_index);
  if (!context) return tl::unexpected(Error{context.error().code, "participant " + receiver.name + ": " + context.error().message});
  std::byte packet[kRtpHeaderBytes + 8192 + SrtpContext::kMaxTrailerBytes];
  for (std::uint64_t k = 0; k < rounds_; ++k) {
    const std::uint64_t index = stream.first_index + k;
    write_rtp_header(packet, stream.ssrc, index);
    fill_payload({packet + kRtpHeaderBytes, payload_bytes_}, seed_, stream.ssrc, index);
    std::size_t bytes = kRtpHeaderBytes + payload_bytes_;
    if (!context->seal(packet, bytes))
      return fail(ErrorCode::kInternal, "libsrtp could not seal packet " + std::to_string(k) + " for participant " + receiver.name);
    expected_[number][k] = load_raw<std::uint64_t>(packet + bytes - sizeof(std::uint64_t));
  }
  return {};
}

SealedPool::SealedPool(SealedPool&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      mapped_bytes_(other.mapped_bytes_),
      rounds_(other.rounds_),
      stride_(other.stride_),
      payload_bytes_(other.payload_bytes_),
      seed_(other.seed_),
      stream_bytes_(std::move(other.stream_bytes_)),
      expected_(std::move(other.expected_)) {}

SealedPool::~SealedPool() {
  if (memory_ != nullptr) munmap(memory_, mapped_bytes_);
}

}  // namespace mediaward::tools::traffic
