// SPDX-License-Identifier: Apache-2.0
// The signatures of a live swarm's newest munros (RFC 7574 §6.1.2), as they were received and verified: to be handed on with the chunks
// below them. A ring in memory that is taken once. The worker that owns the swarm writes, any worker reads: a place that is given to another
// munro loses its number first, everything is written with release, and who read one word of the other munro sees that.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/signature.h"

namespace mediaward::dataplane::ppspp {

class MunroLog {
 public:
  struct Entry {
    std::uint64_t ntp_time = 0;
    std::size_t bytes = 0;
    std::array<std::byte, crypto::kMaxSignatureBytes> room;
    [[nodiscard]] ConstBytes signature() const noexcept { return {room.data(), bytes}; }
  };

  MunroLog(std::size_t munros, std::size_t signature_bytes)
      : signature_bytes_(signature_bytes), heads_(munros), words_(munros * words_of(signature_bytes)) {}

  // Owner. A newer one takes the place of the one that is a ring's length older.
  void put(std::uint64_t munro, std::uint64_t ntp_time, ConstBytes signature) noexcept {
    Head& head = heads_[munro % heads_.size()];
    if (head.munro.load(std::memory_order_relaxed) > munro + 1) return;
    std::array<std::uint64_t, crypto::kMaxSignatureBytes / 8> padded{};
    std::memcpy(padded.data(), signature.data(), signature_bytes_);
    head.munro.store(0, std::memory_order_release);
    head.ntp_time.store(ntp_time, std::memory_order_release);
    std::atomic<std::uint64_t>* const to = words_.data() + first_word(munro);
    for (std::size_t i = 0; i < words_of(signature_bytes_); ++i) to[i].store(padded[i], std::memory_order_release);
    head.munro.store(munro + 1, std::memory_order_release);
  }
  // Any worker. False: not there (any more).
  [[nodiscard]] bool find(std::uint64_t munro, Entry& out) const noexcept {
    const Head& head = heads_[munro % heads_.size()];
    if (head.munro.load(std::memory_order_acquire) != munro + 1) return false;
    out.ntp_time = head.ntp_time.load(std::memory_order_acquire);
    out.bytes = signature_bytes_;
    std::array<std::uint64_t, crypto::kMaxSignatureBytes / 8> padded;
    const std::atomic<std::uint64_t>* const from = words_.data() + first_word(munro);
    for (std::size_t i = 0; i < words_of(signature_bytes_); ++i) padded[i] = from[i].load(std::memory_order_acquire);
    std::memcpy(out.room.data(), padded.data(), signature_bytes_);
    return head.munro.load(std::memory_order_relaxed) == munro + 1;
  }

 private:
  struct Head {
    std::atomic<std::uint64_t> munro{0};  // + 1; 0: none
    std::atomic<std::uint64_t> ntp_time{0};
  };
  [[nodiscard]] static constexpr std::size_t words_of(std::size_t signature_bytes) noexcept { return (signature_bytes + 7) / 8; }
  [[nodiscard]] std::size_t first_word(std::uint64_t munro) const noexcept { return munro % heads_.size() * words_of(signature_bytes_); }

  std::size_t signature_bytes_;
  std::vector<Head> heads_;
  std::vector<std::atomic<std::uint64_t>> words_;
};

}  // namespace mediaward::dataplane::ppspp
