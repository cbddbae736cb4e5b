// SPDX-License-Identifier: Apache-2.0
// Free lists by size over one mapping. A free block holds nothing but the link to the next one.
// No coalescing: key contexts come in two or three sizes, and a larger block is split when its own list is empty.
// Main thread.
#include "crypto/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "crypto/huge_pages.h"

namespace mediaward::crypto {
namespace {

constexpr std::size_t units_of(std::size_t bytes) noexcept {
  return (bytes + SecretArena::kUnitBytes - 1) / SecretArena::kUnitBytes;
}

}  // namespace

Result<std::unique_ptr<SecretArena>> SecretArena::create(const SecretArenaRequest& request) {
  const HugeMapping mapping = map_huge_pages(request.capacity_bytes, request.hugetlb);
  if (mapping.memory.empty())
    return fail(ErrorCode::kExhausted,
                "key arena: the kernel has no " + std::to_string(request.capacity_bytes >> 20) + " MB: lower the number of keys or add memory");
  // Best effort, each reported or harmless: no core dumps, no copy in a child, no swap.
  void* const at = mapping.memory.data();
  const std::size_t bytes = mapping.memory.size();
  (void)::madvise(at, bytes, MADV_DONTDUMP);
  (void)::madvise(at, bytes, MADV_DONTFORK);
  const bool locked = ::mlock(at, bytes) == 0;
  return std::unique_ptr<SecretArena>(new SecretArena(mapping.memory, mapping.page_kind, locked));
}

SecretArena::~SecretArena() {
  OPENSSL_cleanse(region_.data(), fresh_);
  unmap_huge_pages(region_);
}

void SecretArena::put(std::byte* block, std::size_t units) noexcept {
  free_[units] = ::new (static_cast<void*>(block)) Free{free_[units]};
}

std::byte* SecretArena::take(std::size_t units) noexcept {
  if (free_[units] == nullptr && region_.size() - fresh_ >= units * kUnitBytes) {
    std::byte* block = region_.data() + fresh_;
    fresh_ += units * kUnitBytes;
    return block;
  }
  for (std::size_t have = units; have < kClasses; ++have) {
    Free* block = free_[have];
    if (block == nullptr) continue;
    free_[have] = block->next;
    auto* bytes = reinterpret_cast<std::byte*>(block);
    if (have > units) put(bytes + units * kUnitBytes, have - units);
    return bytes;
  }
  return nullptr;
}

std::byte* SecretArena::allocate(std::size_t bytes) noexcept {
  if (bytes == 0 || bytes > kMaxBlockBytes) return nullptr;
  const std::size_t units = units_of(bytes);
  std::byte* block = take(units);
  if (block == nullptr) return nullptr;
  std::memset(block, 0, sizeof(Free));
  used_ += units * kUnitBytes;
  return block;
}

void SecretArena::release(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return;
  const std::size_t units = units_of(bytes);
  OPENSSL_cleanse(block, units * kUnitBytes);
  used_ -= units * kUnitBytes;
  put(static_cast<std::byte*>(block), units);
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  bytes_ = std::move(other.bytes_);
  other.bytes_.clear();
  return *this;
}

void SecretBytes::wipe() noexcept {
  if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

bool SecretBytes::operator==(const SecretBytes& other) const noexcept {
  return size() == other.size() && (empty() || CRYPTO_memcmp(data(), other.data(), size()) == 0);
}

std::uint64_t key_fingerprint(ConstBytes master_key, ConstBytes master_salt) {
  constexpr std::string_view kDomain = "mediaward srtp key fingerprint 1";
  SecretBytes input(kDomain.size() + 2 + master_key.size() + master_salt.size());
  std::byte* at = input.data();
  const auto append = [&at](const void* from, std::size_t bytes) {
    if (bytes != 0) std::memcpy(at, from, bytes);
    at += bytes;
  };
  append(kDomain.data(), kDomain.size());
  for (const ConstBytes part : {master_key, master_salt}) {
    *at++ = static_cast<std::byte>(part.size());
    append(part.data(), part.size());
  }
  std::array<std::byte, 32> digest{};
  if (EVP_Digest(input.data(), input.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(), nullptr) != 1)
    return 0;
  return load_be64(digest.data());
}

}  // namespace mediaward::crypto
