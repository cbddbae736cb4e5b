// SPDX-License-Identifier: Apache-2.0
// See signature.h. The message is digested part by part, the digest verified under the key: libcrypto's key objects are only read, so one
// serves many threads; everything else is made per call.
#include "crypto/signature.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "crypto/signature_dnskey.h"

namespace mediaward::crypto {
namespace {

using signature::AlgorithmInfo;
using signature::EvpKeyContext;

const unsigned char* raw(const std::byte* p) noexcept {
  return reinterpret_cast<const unsigned char*>(p);
}

// What a refused key or signature leaves in libcrypto's queue of this thread is of no use to anybody.
class ErrorMark {
 public:
  ErrorMark() noexcept { ERR_set_mark(); }
  ErrorMark(const ErrorMark&) = delete;
  ErrorMark& operator=(const ErrorMark&) = delete;
  ~ErrorMark() { ERR_pop_to_mark(); }
};

struct Digest {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
};

bool digest_of(const EVP_MD* algorithm, std::span<const ConstBytes> message, Digest& out) noexcept {
  const std::unique_ptr<EVP_MD_CTX, signature::Freer<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  if (context == nullptr || EVP_DigestInit_ex(context.get(), algorithm, nullptr) != 1) return false;
  for (const ConstBytes part : message)
    if (EVP_DigestUpdate(context.get(), part.data(), part.size()) != 1) return false;
  return EVP_DigestFinal_ex(context.get(), out.bytes.data(), &out.size) == 1;
}

// r ‖ s as libcrypto wants it: SEQUENCE { INTEGER r, INTEGER s } (RFC 3279 §2.2.3).
class DerSignature {
 public:
  explicit DerSignature(ConstBytes r_and_s) noexcept {
    const std::size_t half = r_and_s.size() / 2;
    put_integer(r_and_s.first(half));
    put_integer(r_and_s.last(half));
    bytes_[1] = static_cast<unsigned char>(size_ - 2);
  }
  [[nodiscard]] const unsigned char* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kMaxIntegerBytes = 2 + 1 + 48;  // P-384: tag and length, a zero in front of a set top bit, the number

  // In as few octets as it has, and a zero in front where it would else be negative (X.690 §8.3).
  void put_integer(ConstBytes number) noexcept {
    while (number.size() > 1 && number[0] == std::byte{0}) number = number.subspan(1);
    const bool zero_in_front = (number[0] & std::byte{0x80}) != std::byte{0};
    bytes_[size_++] = 0x02;
    bytes_[size_++] = static_cast<unsigned char>(number.size() + zero_in_front);
    if (zero_in_front) bytes_[size_++] = 0;
    std::memcpy(&bytes_[size_], number.data(), number.size());
    size_ += number.size();
  }

  std::array<unsigned char, 2 + 2 * kMaxIntegerBytes> bytes_{0x30};
  std::size_t size_ = 2;
};

// Null when libcrypto does not do it: no memory, or a policy that forbids the algorithm.
EvpKeyContext start_verifying(const AlgorithmInfo& info, EVP_PKEY* key) noexcept {
  EvpKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (context == nullptr || EVP_PKEY_verify_init(context.get()) != 1) return nullptr;
  if (info.curve == nullptr && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1) return nullptr;
  if (EVP_PKEY_CTX_set_signature_md(context.get(), info.digest()) != 1) return nullptr;
  return context;
}

}  // namespace

std::string_view to_string(SignatureAlgorithm algorithm) noexcept {
  const AlgorithmInfo* info = signature::find_algorithm(static_cast<std::uint8_t>(algorithm));
  return info == nullptr ? std::string_view() : info->name;
}

void SignatureKey::Free::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}

Result<SignatureKey> SignatureKey::from_swarm_id(ConstBytes swarm_id, ShortRsaKeys short_rsa) {
  if (swarm_id.empty())
    return fail(ErrorCode::kInvalid, "live swarm ID: it is empty: algorithm octet and public key are wanted (RFC 7574 §7.2)");
  const auto number = std::to_integer<std::uint8_t>(swarm_id[0]);
  const AlgorithmInfo* info = signature::find_algorithm(number);
  if (info == nullptr)
    return fail(ErrorCode::kUnsupported,
                "live swarm ID: signature algorithm " + std::to_string(number) + " is none of 5, 8, 13 and 14 (RFC 7574 §7.7)");
  const ErrorMark mark;
  auto made = signature::from_dnskey(*info, swarm_id.subspan(1), short_rsa);
  if (!made) return fail(made.error().code, "live swarm ID: " + made.error().message);
  if (start_verifying(*info, made->key.get()) == nullptr)
    return fail(ErrorCode::kUnsupported,
                "live swarm ID: libcrypto's policy forbids " + std::string(info->name) + ": allow it or use another algorithm");
  return SignatureKey(info->algorithm, made->signature_bytes, Key(made->key.release()));
}

bool SignatureKey::verify(std::span<const ConstBytes> message, ConstBytes signature) const noexcept {
  const bool empty = std::ranges::all_of(message, [](ConstBytes part) { return part.empty(); });
  if (empty || key_ == nullptr || signature.size() != signature_bytes_) return false;
  const AlgorithmInfo& info = signature::info_of(algorithm_);
  const ErrorMark mark;
  Digest digest;
  const EvpKeyContext context = start_verifying(info, key_.get());
  if (context == nullptr || !digest_of(info.digest(), message, digest)) return false;
  const auto good = [&](const unsigned char* at, std::size_t size) {
    return EVP_PKEY_verify(context.get(), at, size, digest.bytes.data(), digest.size) == 1;
  };
  if (info.curve == nullptr) return good(raw(signature.data()), signature.size());
  const DerSignature der(signature);
  return good(der.data(), der.size());
}

MunroText::MunroText(MunroForm form, ConstBytes chunkspec, std::uint64_t ntp_timestamp, ConstBytes munro_hash) noexcept {
  if (chunkspec.size() > kMaxChunkSpecBytes || munro_hash.size() > kMaxHashBytes) return;
  if (form == MunroForm::kRfc7574) {
    const Be64 timestamp(ntp_timestamp);
    append(chunkspec);
    append(std::as_bytes(std::span(&timestamp, 1)));
  }
  append(munro_hash);
}

void MunroText::append(ConstBytes part) noexcept {
  std::ranges::copy(part, bytes_.begin() + size_);
  size_ = static_cast<std::uint8_t>(size_ + part.size());
}

}  // namespace mediaward::crypto
