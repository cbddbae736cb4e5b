// SPDX-License-Identifier: Apache-2.0
// Where secrets live: one locked, non-dumpable region for expanded keys, and a small owner for master keys on their way.
// Everything is overwritten when it is released; nothing here prints a key, only a fingerprint.
// Main thread (workers only read the key contexts that were allocated here).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/error.h"

namespace mediaward::crypto {

struct KeyContext;

struct SecretArenaRequest {
  std::size_t capacity_bytes = std::size_t{16} << 20;  // rounded up to whole 2 MB pages; all of it is touched and locked at once
  bool hugetlb = false;                                // take MAP_HUGETLB pages; without any free: transparent huge pages
};

class SecretArena {
 public:
  // The unit of allocation and the alignment; key contexts of every provider are some of these.
  static constexpr std::size_t kUnitBytes = 64;
  static constexpr std::size_t kMaxBlockBytes = 8192;

  // Fails with kExhausted when the kernel has no memory. That mlock was refused (RLIMIT_MEMLOCK) is no failure: see locked().
  [[nodiscard]] static Result<std::unique_ptr<SecretArena>> create(const SecretArenaRequest& request);
  SecretArena(const SecretArena&) = delete;
  SecretArena& operator=(const SecretArena&) = delete;
  ~SecretArena();  // overwrites everything

  // Zero-filled, aligned to 64; nullptr when full, or bytes is 0 or above kMaxBlockBytes. O(1) but for a full arena.
  [[nodiscard]] std::byte* allocate(std::size_t bytes) noexcept;
  [[nodiscard]] KeyContext* allocate_key(std::size_t bytes) noexcept { return reinterpret_cast<KeyContext*>(allocate(bytes)); }
  // Overwrites and takes back; bytes as given to allocate. nullptr is allowed.
  void release(void* block, std::size_t bytes) noexcept;

  [[nodiscard]] std::size_t capacity_bytes() const noexcept { return region_.size(); }
  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_; }
  [[nodiscard]] bool locked() const noexcept { return locked_; }                    // false: pages may reach swap; raise LimitMEMLOCK
  [[nodiscard]] std::string_view page_kind() const noexcept { return page_kind_; }  // "hugetlb 2M", "thp", "4k"

 private:
  struct Free {
    Free* next;
  };
  static constexpr std::size_t kClasses = kMaxBlockBytes / kUnitBytes + 1;

  SecretArena(Bytes region, std::string_view page_kind, bool locked) : region_(region), page_kind_(page_kind), locked_(locked) {}
  void put(std::byte* block, std::size_t units) noexcept;
  std::byte* take(std::size_t units) noexcept;

  const Bytes region_;
  const std::string_view page_kind_;
  const bool locked_;
  std::size_t fresh_ = 0;  // offset of what was never given out
  std::size_t used_ = 0;
  std::array<Free*, kClasses> free_{};  // by size in units
};

// A few bytes of secret with one owner: fixed size, moved but never copied by accident, overwritten at the end.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size) : bytes_(size) {}
  explicit SecretBytes(ConstBytes from) : bytes_(from.begin(), from.end()) {}
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(); }

  [[nodiscard]] SecretBytes clone() const { return SecretBytes(view()); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] std::byte* data() noexcept { return bytes_.data(); }
  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] Bytes view() noexcept { return bytes_; }
  [[nodiscard]] ConstBytes view() const noexcept { return bytes_; }
  void wipe() noexcept;                                                    // overwrites and empties
  [[nodiscard]] bool operator==(const SecretBytes& other) const noexcept;  // in constant time for equal lengths

 private:
  std::vector<std::byte> bytes_;
};

// What may be shown of a key, and what saved state is matched against: the first 8 bytes of a domain-separated SHA-256.
// The salt is part of it: the same master key under another salt gives other session keys. 0 only if libcrypto fails.
[[nodiscard]] std::uint64_t key_fingerprint(ConstBytes master_key, ConstBytes master_salt);

}  // namespace mediaward::crypto
