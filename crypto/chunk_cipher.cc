// SPDX-License-Identifier: Apache-2.0
// One EVP context per cipher, its key set once; a chunk only sets the counter block. See chunk_cipher.h for the layout and why it never
// repeats. Tools; one thread per object.
#include "crypto/chunk_cipher.h"

#include <openssl/evp.h>

#include <algorithm>
#include <string>

namespace mediaward::crypto {
namespace {

constexpr std::size_t kCounterBlockBytes = 16;
constexpr std::size_t kChunkNumberAt = kChunkSaltBytes;
constexpr std::size_t kBlockAt = kChunkNumberAt + sizeof(std::uint64_t);
static_assert(kCounterBlockBytes - kBlockAt == 2 && kMaxCipherChunkBytes == (std::size_t{1} << 16) * kCounterBlockBytes,
              "a chunk's blocks must fill the block counter at most once");

constexpr std::size_t kKeyBytes128 = 16;
constexpr std::size_t kKeyBytes256 = 32;

constexpr int kNoDigit = -1;
int digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return kNoDigit;
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

const unsigned char* raw(const std::byte* p) noexcept {
  return reinterpret_cast<const unsigned char*>(p);
}

}  // namespace

Result<ContentKey> parse_content_key(std::string_view text) {
  const std::string_view hex = trimmed(text);
  const std::size_t bytes = hex.size() / 2;
  if (hex.size() % 2 != 0 || (bytes != kKeyBytes128 + kChunkSaltBytes && bytes != kKeyBytes256 + kChunkSaltBytes))
    return fail(ErrorCode::kInvalid, "content key: " + std::to_string(hex.size()) +
                                         " characters, wanted 44 (AES-128) or 76 (AES-256) hex digits of key and salt: make one with "
                                         "`openssl rand -hex 22` or `openssl rand -hex 38`");
  SecretBytes both(bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    const int high = digit(hex[2 * i]);
    const int low = digit(hex[2 * i + 1]);
    if (high == kNoDigit || low == kNoDigit)
      return fail(ErrorCode::kInvalid, "content key: character " + std::to_string(2 * i + (high == kNoDigit ? 1 : 2)) +
                                           " is no hex digit: give key and salt in hex, nothing between them");
    both.data()[i] = static_cast<std::byte>(high << 4 | low);
  }
  ContentKey out;
  out.key = SecretBytes(both.view().first(bytes - kChunkSaltBytes));
  std::ranges::copy(both.view().last(kChunkSaltBytes), out.salt.begin());
  return out;
}

void ChunkCipher::Free::operator()(evp_cipher_ctx_st* context) const noexcept {
  EVP_CIPHER_CTX_free(context);
}

Result<ChunkCipher> ChunkCipher::create(const ContentKey& key) {
  const bool wide = key.key.size() == kKeyBytes256;
  if (!wide && key.key.size() != kKeyBytes128)
    return fail(ErrorCode::kInvalid,
                "content key: " + std::to_string(key.key.size()) + " bytes, AES-CTR takes 16 or 32: give a key of that length");
  Context context(EVP_CIPHER_CTX_new());
  const EVP_CIPHER* cipher = wide ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
  if (context == nullptr || EVP_EncryptInit_ex(context.get(), cipher, nullptr, raw(key.key.data()), nullptr) != 1)
    return fail(ErrorCode::kInternal,
                "content key: OpenSSL's AES-CTR failed: check the installed libcrypto (FIPS or provider configuration)");
  return ChunkCipher(std::move(context), key.salt);
}

bool ChunkCipher::encrypt(std::uint64_t chunk, ConstBytes in, Bytes out) noexcept {
  if (context_ == nullptr || in.size() > kMaxCipherChunkBytes || out.size() < in.size()) return false;
  if (in.empty()) return true;
  std::array<std::byte, kCounterBlockBytes> counter{};  // the block counter begins at 0
  std::ranges::copy(salt_, counter.begin());
  store_be64(counter.data() + kChunkNumberAt, chunk);
  int written = 0;
  return EVP_EncryptInit_ex(context_.get(), nullptr, nullptr, nullptr, raw(counter.data())) == 1 &&
         EVP_EncryptUpdate(context_.get(), reinterpret_cast<unsigned char*>(out.data()), &written, raw(in.data()),
                           static_cast<int>(in.size())) == 1 &&
         written == static_cast<int>(in.size());
}

}  // namespace mediaward::crypto
