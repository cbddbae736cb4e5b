// SPDX-License-Identifier: Apache-2.0
// The signatures of a live swarm's newest munros (RFC 7574 §6.1.2), as they were received and verified: to be handed on with the chunks
// below them. A ring in memory that is taken once. The worker that owns the swarm.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "crypto/bytes.h"

namespace mediaward::dataplane::ppspp {

class MunroLog {
 public:
  struct Entry {
    std::uint64_t ntp_time = 0;
    ConstBytes signature;
  };

  MunroLog(std::size_t munros, std::size_t signature_bytes)
      : signature_bytes_(signature_bytes), heads_(munros), signatures_(munros * signature_bytes) {}

  // A newer one takes the place of the one that is a ring's length older.
  void put(std::uint64_t munro, std::uint64_t ntp_time, ConstBytes signature) noexcept {
    const std::size_t at = munro % heads_.size();
    if (heads_[at].munro > munro + 1) return;
    heads_[at] = {munro + 1, ntp_time};
    std::memcpy(signatures_.data() + at * signature_bytes_, signature.data(), signature_bytes_);
  }
  // False: not there (any more).
  [[nodiscard]] bool find(std::uint64_t munro, Entry& out) const noexcept {
    const std::size_t at = munro % heads_.size();
    if (heads_[at].munro != munro + 1) return false;
    out = {heads_[at].ntp_time, {signatures_.data() + at * signature_bytes_, signature_bytes_}};
    return true;
  }

 private:
  struct Head {
    std::uint64_t munro = 0;  // + 1; 0: none
    std::uint64_t ntp_time = 0;
  };
  std::size_t signature_bytes_;
  std::vector<Head> heads_;
  std::vector<std::byte> signatures_;
};

}  // namespace mediaward::dataplane::ppspp
