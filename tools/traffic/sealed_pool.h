// SPDX-License-Identifier: Apache-2.0
// All genuine packets of a run, sealed by libsrtp before its first packet leaves: libsrtp is slower than the appliance, and a packet
// that is sent twice would be a replay. Record k·S+s is packet k of stream s, from its IP header to its tag, checksums included;
// the Ethernet header is put in front when it is sent, because the next hop is not known earlier.
// Never grows, never repeats: a run that needs more is refused with the memory it would take. Filled by several threads, read by one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "tools/traffic/participant.h"

namespace mediaward::tools::traffic {

struct PoolPlan {
  std::uint64_t packets = 0;        // of all streams together; rounded up to whole rounds of all streams
  std::size_t payload_bytes = 160;  // at least 8
  std::uint64_t seed = 1;
  unsigned threads = 1;
  bool expected_tags = false;  // also seals for every receiver and keeps the end of the tag (see SealedPool::expected_tag)
};

class SealedPool {
 public:
  [[nodiscard]] static Result<SealedPool> seal(const Model& model, const PoolPlan& plan);
  SealedPool(SealedPool&& other) noexcept;
  SealedPool& operator=(SealedPool&&) = delete;
  ~SealedPool();

  [[nodiscard]] std::uint64_t packets() const noexcept { return rounds_ * stream_bytes_.size(); }
  [[nodiscard]] std::uint64_t rounds() const noexcept { return rounds_; }  // packets per stream
  [[nodiscard]] std::uint64_t bytes() const noexcept { return mapped_bytes_; }
  [[nodiscard]] std::size_t payload_bytes() const noexcept { return payload_bytes_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] ConstBytes record(std::uint64_t position) const noexcept {
    return record(position, static_cast<std::uint32_t>(position % stream_bytes_.size()));
  }
  // The same for a caller that knows the stream: position = round · streams + stream.
  [[nodiscard]] ConstBytes record(std::uint64_t position, std::uint32_t stream) const noexcept {
    return {memory_ + position * stride_, stream_bytes_[stream]};
  }

  // What a packet must end with when it reaches the receiver of this flow: the last eight bytes of the tag that libsrtp computes under
  // the receiver's key. A tag depends on every byte of header and ciphertext (RFC 3711 §4.2, RFC 7714 §5.1), so that comparing it
  // compares the packet, as long as it was made over the bytes that were sent; that is what the sample opened by libsrtp shows.
  [[nodiscard]] bool has_expected_tags() const noexcept { return !expected_.empty(); }
  [[nodiscard]] std::uint64_t expected_tag(std::size_t flow, std::uint64_t round) const noexcept { return expected_[flow][round]; }

 private:
  SealedPool() = default;
  Result<void> map(std::uint64_t bytes, std::uint64_t more_bytes);
  Result<void> seal_stream(const Model& model, std::uint32_t stream) noexcept;
  Result<void> expect_flow(const Model& model, std::uint32_t flow) noexcept;

  std::byte* memory_ = nullptr;
  std::uint64_t mapped_bytes_ = 0;
  std::uint64_t rounds_ = 0;
  std::size_t stride_ = 0;
  std::size_t payload_bytes_ = 0;
  std::uint64_t seed_ = 0;
  std::vector<std::uint16_t> stream_bytes_;           // record length per stream
  std::vector<std::vector<std::uint64_t>> expected_;  // per flow and round; empty when not asked for
};

}  // namespace mediaward::tools::traffic
