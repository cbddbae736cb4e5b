// SPDX-License-Identifier: Apache-2.0
// Seals the packets of a run into one anonymous mapping (see the header). Streams are independent, so threads take whole streams.
#include "tools/traffic/sealed_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "tools/traffic/payload.h"
#include "tools/traffic/srtp_context.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::size_t kStrideUnit = 16;
constexpr std::uint32_t kNoRow = ~0u;

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
  pool.payload_bytes_ = plan.payload_bytes;
  pool.seed_ = plan.seed;
  if (model.streams().empty()) return pool;  // a run with content alone
  pool.rounds_ = std::max<std::uint64_t>(1, (plan.packets + model.streams().size() - 1) / model.streams().size());
  const Stream& first = model.streams()[0];
  if (pool.rounds_ * first.step >= std::uint64_t{1} << 47)
    return fail(ErrorCode::kInvalid, "so many packets would exhaust the SRTP indexes of a stream (RFC 3711 §3.3.1)");
  pool.measure(model);
  if (plan.expected_tags) pool.choose_rows(model);
  // Behind the last record libsrtp may look at its longest trailer's room.
  const std::uint64_t tag_bytes = pool.rounds_ * pool.flow_of_row_.size() * sizeof(std::uint64_t);
  if (auto mapped = pool.map(pool.packets() * pool.stride_ + kMaxTrailerBytes, tag_bytes); !mapped) return tl::unexpected(mapped.error());
  pool.expected_.assign(pool.flow_of_row_.size(), std::vector<std::uint64_t>(pool.rounds_));
  if (auto sealed = pool.run_tasks(model, plan.threads); !sealed) return tl::unexpected(sealed.error());
  return pool;
}

void SealedPool::measure(const Model& model) {
  for (const Stream& stream : model.streams()) {
    const Participant& sender = model.sender_of(stream);
    stream_bytes_.push_back(static_cast<std::uint16_t>(ip_bytes(sender.remote.v6) + kUdpBytes + kRtpHeaderBytes + payload_bytes_ +
                                                       sender.receive.srtp_trailer_bytes()));
  }
  const std::size_t largest = *std::max_element(stream_bytes_.begin(), stream_bytes_.end());
  stride_ = (largest + kStrideUnit - 1) / kStrideUnit * kStrideUnit;
}

void SealedPool::choose_rows(const Model& model) {
  std::map<std::uint32_t, std::uint32_t> row_of_group_stream;
  for (std::uint32_t f = 0; f < model.flows().size(); ++f) {
    const Flow& flow = model.flows()[f];
    const Mode mode = model.mode_of(model.participants()[flow.receiver]);
    std::uint32_t row = mode == Mode::kRelay ? kNoRow : static_cast<std::uint32_t>(flow_of_row_.size());
    if (mode == Mode::kGroup) row = row_of_group_stream.try_emplace(flow.stream, row).first->second;
    row_of_flow_.push_back(row);
    if (row == flow_of_row_.size()) flow_of_row_.push_back(f);
  }
}

Result<void> SealedPool::run_tasks(const Model& model, unsigned threads) {
  const std::size_t streams = model.streams().size();
  std::atomic<std::uint32_t> next{0};
  const auto tasks = static_cast<std::uint32_t>(streams + flow_of_row_.size());
  threads = std::clamp(threads, 1u, tasks);
  std::vector<std::optional<Error>> errors(threads);
  std::vector<std::jthread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (std::uint32_t task = next++; task < tasks; task = next++) {
        auto sealed = task < streams ? seal_stream(model, task) : expect_flow(model, flow_of_row_[task - streams]);
        if (!sealed) errors[t] = sealed.error();
      }
    });
  }
  workers.clear();  // joins
  for (const auto& error : errors)
    if (error) return tl::unexpected(*error);
  return {};
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

// All packets of a stream under these keys; `alternate` keys take turns.
Result<void> SealedPool::seal_packets(const Stream& stream, std::uint64_t first_index, const KeySet& keys, unsigned alternate,
                                      const std::string& who, const Store& store) const {
  auto context = SrtpContext::create(keys, stream.ssrc, first_index);
  if (!context) return tl::unexpected(Error{context.error().code, "participant " + who + ": " + context.error().message});
  std::byte packet[kRtpHeaderBytes + 8192 + kMaxTrailerBytes];
  for (std::uint64_t k = 0; k < rounds_; ++k) {
    write_rtp_header(packet, stream.ssrc, stream.index_of(k));
    fill_payload({packet + kRtpHeaderBytes, payload_bytes_}, seed_, stream.ssrc, stream.index_of(k));
    std::size_t bytes = kRtpHeaderBytes + payload_bytes_;
    if (!context->seal(packet, bytes, static_cast<unsigned>(k % alternate)))
      return fail(ErrorCode::kInternal, "libsrtp could not seal packet " + std::to_string(k) + " of participant " + who);
    store(k, {packet, bytes});
  }
  return {};
}

Result<void> SealedPool::seal_stream(const Model& model, std::uint32_t number) {
  const Stream& stream = model.streams()[number];
  const Participant& sender = model.sender_of(stream);
  const UdpPath path{sender.remote, sender.local, sender.remote_port, sender.local_port};
  const std::size_t l4 = ip_bytes(sender.remote.v6) + kUdpBytes;
  bool fits = true;
  const auto sealed = seal_packets(stream, stream.first_index, sender.receive, sender.receive.usable_keys(), sender.name, [&](std::uint64_t k, ConstBytes packet) {
    fits = fits && packet.size() + l4 == stream_bytes_[number];
    if (!fits) return;
    std::byte* record = memory_ + (k * stream_bytes_.size() + number) * stride_;
    std::memcpy(record + l4, packet.data(), packet.size());
    write_ip_udp(record, path, packet.size(), 0);
  });
  if (sealed && !fits) return fail(ErrorCode::kInternal, "libsrtp made packets of another length than " + std::string(sender.receive.suite->name));
  return sealed;
}

// Seals what the appliance should make of each packet; only the end of the tag is kept.
Result<void> SealedPool::expect_flow(const Model& model, std::uint32_t number) {
  const Flow& flow = model.flows()[number];
  const Stream& stream = model.streams()[flow.stream];
  const Participant& receiver = model.participants()[flow.receiver];
  const KeySet& keys = model.keys_between(model.sender_of(stream), receiver);
  std::vector<std::uint64_t>& row = expected_[row_of_flow_[number]];
  return seal_packets(stream, stream.first_index_sent_on(model.mode_of(receiver)), keys, 1, receiver.name, [&](std::uint64_t k, ConstBytes packet) {
    row[k] = load_raw<std::uint64_t>(packet.data() + packet.size() - keys.srtp_tag_end_from_end() - sizeof(std::uint64_t));
  });
}

SealedPool::SealedPool(SealedPool&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      mapped_bytes_(other.mapped_bytes_),
      rounds_(other.rounds_),
      stride_(other.stride_),
      payload_bytes_(other.payload_bytes_),
      seed_(other.seed_),
      stream_bytes_(std::move(other.stream_bytes_)),
      expected_(std::move(other.expected_)),
      row_of_flow_(std::move(other.row_of_flow_)),
      flow_of_row_(std::move(other.flow_of_row_)) {}

SealedPool::~SealedPool() {
  if (memory_ != nullptr) munmap(memory_, mapped_bytes_);
}

}  // namespace mediaward::tools::traffic
