// SPDX-License-Identifier: Apache-2.0
// See hash.h: what a provider must prove before it is used, and which one is. Main thread.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "crypto/hash.h"

namespace mediaward::crypto {
namespace {

struct KnownAnswer {
  HashId id;
  std::string_view digest;  // of "abc" (FIPS 180-4 examples)
};
constexpr std::array kAbc{
    KnownAnswer{HashId::kSha1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    KnownAnswer{HashId::kSha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    KnownAnswer{HashId::kSha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    KnownAnswer{HashId::kSha384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    KnownAnswer{HashId::kSha512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
                                 "454d4423643ce80e2a9ac94fa54ca49f"},
};

// Lengths on both sides of every edge of blocks and padding.
constexpr std::array<std::uint32_t, 14> kLengths{0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 1024};
constexpr std::size_t kMostTogether = 40;  // two whole groups and a rest

std::string name_of(HashId id) {
  constexpr std::array kNames{"SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"};
  return kNames[static_cast<std::size_t>(id)];
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) {
    out += kDigits[std::to_integer<unsigned>(b) >> 4];
    out += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

using Digest = std::array<std::byte, kMaxDigestBytes>;

std::vector<Digest> digests_of(Hasher& hasher, HashId id, std::span<const std::byte> content, std::size_t together) {
  std::vector<Digest> out(together);
  std::vector<HashMessage> messages;
  for (std::size_t i = 0; i < together; ++i) messages.push_back({content.data() + i, kLengths[(i * 5) % kLengths.size()], out[i].data()});
  if (!hasher.hash(id, messages)) out.clear();
  return out;
}

}  // namespace

Result<void> self_test(HashProvider& provider) {
  const auto wrong = [&provider](HashId id, const std::string& what) {
    return fail(ErrorCode::kInternal, "hashes " + std::string(provider.name()) + " " + std::string(provider.isa()) + ": " + name_of(id) + " " + what);
  };
  const auto hasher = provider.make_hasher(), oracle = make_openssl_hash_provider()->make_hasher();
  std::vector<std::byte> content(kMostTogether + 1024);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i * 167 + (i >> 8));
  constexpr std::array kText{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
  for (const KnownAnswer& known : kAbc) {
    Digest digest{};
    const HashMessage message{kText.data(), kText.size(), digest.data()};
    if (!hasher->hash(known.id, {&message, 1})) return wrong(known.id, "does not work");
    if (hex({digest.data(), digest_bytes(known.id)}) != known.digest) return wrong(known.id, "of \"abc\" is not what FIPS 180-4 says");
    for (std::size_t together = 1; together <= kMostTogether; ++together)
      if (digests_of(*hasher, known.id, content, together) != digests_of(*oracle, known.id, content, together))
        return wrong(known.id, "of " + std::to_string(together) + " messages at once differs from libcrypto's");
  }
  return {};
}

std::unique_ptr<HashProvider> select_hash_provider(std::string& refused) {
  for (const HashIsa isa : kHashIsas) {
    auto provider = make_native_hash_provider(isa, isa == HashIsa::kAvx512Sha && cpu_supports(isa) ? measure_narrow_limits() : NarrowLimits{});
    if (!provider) {
      refused += provider.error().message + "\n";
      continue;
    }
    if (auto good = self_test(**provider); !good) {
      refused += good.error().message + "\n";
      continue;
    }
    return std::move(*provider);
  }
  return make_openssl_hash_provider();
}

}  // namespace mediaward::crypto
