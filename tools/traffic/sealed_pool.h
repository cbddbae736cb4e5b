// SPDX-License-Identifier: Apache-2.0
// All genuine SRTP packets of a run, sealed by libsrtp before its first packet leaves: libsrtp is slower than the appliance, and a
// packet that is sent twice would be a replay. One record per (round, stream), from its IP header to its tag, checksums included; the
// Ethernet header is put in front when it is sent, because the next hop is not known earlier. One libsrtp context exists per thread
// at a time, so that tens of thousands of streams cost no more memory than their packets.
// Never grows, never repeats: a run that needs more is refused with the memory it would take. Filled by several threads, read by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

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
  [[nodiscard]] ConstBytes record(std::uint64_t round, std::uint32_t stream) const noexcept {
    return {memory_ + (round * stream_bytes_.size() + stream) * stride_, stream_bytes_[stream]};
  }

  // What a packet must end with (before an MKI behind it) when it reaches the receiver of this flow: the last eight bytes that
  // libsrtp makes under the key of that flow. A tag depends on every byte of header and ciphertext (RFC 3711 §4.2, RFC 7714 §5.1), so
  // that comparing it compares the packet, as long as it was made over the bytes that were sent; that is what the sample opened by
  // libsrtp shows. Flows of a relay have none: there the bytes themselves are compared.
  [[nodiscard]] bool has_expected_tags() const noexcept { return !expected_.empty(); }
  [[nodiscard]] std::uint64_t expected_tag(std::size_t flow, std::uint64_t round) const noexcept { return expected_[row_of_flow_[flow]][round]; }

 private:
  SealedPool() = default;
  void measure(const Model& model);
  void choose_rows(const Model& model);
  Result<void> map(std::uint64_t bytes, std::uint64_t more_bytes);
  Result<void> run_tasks(const Model& model, unsigned threads);
  using Store = std::function<void(std::uint64_t round, ConstBytes sealed)>;
  Result<void> seal_packets(const Stream& stream, std::uint64_t first_index, const KeySet& keys, unsigned alternate, const std::string& who,
                            const Store& store) const;
  Result<void> seal_stream(const Model& model, std::uint32_t stream);
  Result<void> expect_flow(const Model& model, std::uint32_t flow);

  std::byte* memory_ = nullptr;
  std::uint64_t mapped_bytes_ = 0;
  std::uint64_t rounds_ = 0;
  std::size_t stride_ = 0;
  std::size_t payload_bytes_ = 0;
  std::uint64_t seed_ = 0;
  std::vector<std::uint16_t> stream_bytes_;           // record length per stream
  std::vector<std::vector<std::uint64_t>> expected_;  // rows of one word per round; empty when not asked for
  std::vector<std::uint32_t> row_of_flow_;            // receivers of one sealed packet share a row
  std::vector<std::uint32_t> flow_of_row_;
};

}  // namespace mediaward::tools::traffic
