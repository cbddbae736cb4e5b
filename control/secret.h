// SPDX-License-Identifier: Apache-2.0
// Key material as a value: fixed room, wiped when it dies, with no operator that prints it. SecretBuffer is the same for a
// message that carries keys to the data plane. Neither is locked into memory: the daemon as a whole is made non-dumpable at start.
// Any thread.
#pragma once

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "crypto/bytes.h"

namespace mediaward::control {

template <std::size_t Capacity>
class Secret {
 public:
  Secret() noexcept = default;
  Secret(const Secret&) noexcept = default;
  Secret& operator=(const Secret&) noexcept = default;
  ~Secret() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  // False, and unchanged, when it does not fit.
  [[nodiscard]] bool assign(std::span<const std::uint8_t> from) noexcept {
    if (from.size() > Capacity) return false;
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
    std::copy(from.begin(), from.end(), bytes_.begin());
    size_ = from.size();
    return true;
  }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return {bytes_.data(), size_}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  bool operator==(const Secret& other) const noexcept {
    return size_ == other.size_ && CRYPTO_memcmp(bytes_.data(), other.bytes_.data(), Capacity) == 0;
  }

 private:
  std::array<std::uint8_t, Capacity> bytes_{};
  std::size_t size_ = 0;
};

class SecretBuffer {
 public:
  SecretBuffer() = default;
  explicit SecretBuffer(ConstBytes from) : bytes_(from.begin(), from.end()) {}
  SecretBuffer(const SecretBuffer&) = default;
  SecretBuffer(SecretBuffer&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  SecretBuffer& operator=(SecretBuffer other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~SecretBuffer() {
    if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
  }
  [[nodiscard]] ConstBytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] Bytes bytes() noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace mediaward::control
