// SPDX-License-Identifier: Apache-2.0
// The direct calls of the library, one packet each: GCM fills the wide registers with blocks of one packet, lanes gain nothing.
// A check decrypts into scratch, because the library has no call that only verifies; scratch is wiped before submit returns.
// Worker thread.
#include "crypto/ipsec_mb_gcm.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace mediaward::crypto::ipsec_mb {
namespace {

constexpr unsigned kKeysAhead = 4;                                         // how many jobs ahead key lines are fetched
constexpr std::size_t kPowersStart = sizeof(gcm_key_data::expanded_keys);  // round keys, then powers of the hash key
constexpr std::size_t kNarrowPowersBytes = 16 * 16;                        // 8 powers and 8 Karatsuba halves
#if IMB_VERSION_NUM >= IMB_VERSION(1, 4, 0)
constexpr std::size_t kWidePowersBytes = 16 * 32;  // H^32 ... H^1
#else
constexpr std::size_t kWidePowersBytes = 16 * 48;  // H^48 ... H^1
#endif
static_assert(kPowersStart + kWidePowersBytes <= sizeof(gcm_key_data));

const gcm_key_data* key_of(const Job& job) noexcept {
  return &reinterpret_cast<const GcmKey*>(job.key)->data;
}

// The library's calls by key size.
template <unsigned kKeyBytes>
struct Calls;
template <>
struct Calls<16> {
  static constexpr std::size_t kRoundKeyBytes = kAes128RoundKeyBytes;
  static constexpr auto kEncrypt = &IMB_MGR::gcm128_enc;
  static constexpr auto kDecrypt = &IMB_MGR::gcm128_dec;
  static constexpr auto kInit = &IMB_MGR::gcm128_init;
  static constexpr auto kEncryptUpdate = &IMB_MGR::gcm128_enc_update;
  static constexpr auto kDecryptUpdate = &IMB_MGR::gcm128_dec_update;
  static constexpr auto kEncryptFinalize = &IMB_MGR::gcm128_enc_finalize;
  static constexpr auto kDecryptFinalize = &IMB_MGR::gcm128_dec_finalize;
};
template <>
struct Calls<32> {
  static constexpr std::size_t kRoundKeyBytes = kAes256RoundKeyBytes;
  static constexpr auto kEncrypt = &IMB_MGR::gcm256_enc;
  static constexpr auto kDecrypt = &IMB_MGR::gcm256_dec;
  static constexpr auto kInit = &IMB_MGR::gcm256_init;
  static constexpr auto kEncryptUpdate = &IMB_MGR::gcm256_enc_update;
  static constexpr auto kDecryptUpdate = &IMB_MGR::gcm256_dec_update;
  static constexpr auto kEncryptFinalize = &IMB_MGR::gcm256_enc_finalize;
  static constexpr auto kDecryptFinalize = &IMB_MGR::gcm256_dec_finalize;
};

constexpr bool is_check(JobOp op) noexcept {
  return op == JobOp::kGcm128Check || op == JobOp::kGcm256Check;
}

// GCM decrypts before it knows. What came out under a wrong tag is taken back: encrypted again where it overwrote the ciphertext, so that
// another key or index may still be tried, and destroyed elsewhere.
template <unsigned kKeyBytes>
void take_back(IMB_MGR* manager, gcm_context_data& context, const Job& job) noexcept {
  using C = Calls<kKeyBytes>;
  alignas(16) std::uint8_t tag[kMaxTagBytes];
  const gcm_key_data* key = key_of(job);
  (manager->*C::kInit)(key, &context, raw(job.iv), raw(job.aad), job.aad_bytes);
  for_each_piece(job, [&](const std::byte* src, std::byte* dst, std::uint32_t bytes) {
    if (bytes == 0) return;
    (manager->*C::kEncryptUpdate)(key, &context, raw(dst), raw(dst), bytes);
    if (src != dst) OPENSSL_cleanse(dst, bytes);
  });
  (manager->*C::kEncryptFinalize)(key, &context, tag, sizeof tag);
}

}  // namespace

GcmPasses::GcmPasses(IsaLevel level, IMB_MGR* manager) noexcept
    : manager_(manager),
      powers_bytes_(level == IsaLevel::kAvx512 && cpu_has_vaes() ? kWidePowersBytes : kNarrowPowersBytes),
      powers_end_(kPowersStart + powers_bytes_) {}

GcmPasses::~GcmPasses() {
  OPENSSL_cleanse(&context_, sizeof context_);
  OPENSSL_cleanse(tag_, sizeof tag_);
  OPENSSL_cleanse(scratch_, sizeof scratch_);
}

// Round keys, and of the hash-key powers (they end with H^1) those a packet of this length multiplies by.
template <unsigned kKeyBytes>
inline void GcmPasses::prefetch_key(const Job& job) const noexcept {
  const auto* key = reinterpret_cast<const std::byte*>(job.key);
  for (std::size_t at = 0; at < Calls<kKeyBytes>::kRoundKeyBytes; at += 64) prefetch(key + at);
  const std::size_t used = std::min<std::size_t>(powers_bytes_, std::size_t{job.bytes} + job.aad_bytes + 32);
  for (std::size_t at = powers_end_ - used; at < powers_end_; at += 64) prefetch(key + at);
}

inline bool GcmPasses::tag_is(const Job& job) const noexcept {
  return equal(load_tag(job.tag, job.tag_bytes), load_tag(tag_, job.tag_bytes));
}

// Plaintext goes to `to`, whatever the tag; true when the tag is right.
template <unsigned kKeyBytes>
inline bool GcmPasses::decrypt(const Job& job, std::byte* to) noexcept {
  (manager_->*Calls<kKeyBytes>::kDecrypt)(key_of(job), &context_, raw(to), raw(job.src), job.bytes, raw(job.iv), raw(job.aad),
                                          job.aad_bytes, raw(tag_), kMaxTagBytes);
  return tag_is(job);
}

template <unsigned kKeyBytes>
void GcmPasses::open(Job** jobs, unsigned n) noexcept {
  for (unsigned i = 0; i < std::min(n, kKeysAhead); ++i) prefetch_key<kKeyBytes>(*jobs[i]);
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    if (i + kKeysAhead < n) prefetch_key<kKeyBytes>(*jobs[i + kKeysAhead]);
    const bool good = decrypt<kKeyBytes>(job, job.dst);
    job.status = good ? JobStatus::kOk : JobStatus::kAuthFailed;
    if (!good) [[unlikely]]
      take_back<kKeyBytes>(manager_, context_, job);
  }
}

template <unsigned kKeyBytes>
void GcmPasses::seal(Job** jobs, unsigned n) noexcept {
  for (unsigned i = 0; i < std::min(n, kKeysAhead); ++i) prefetch_key<kKeyBytes>(*jobs[i]);
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    if (i + kKeysAhead < n) prefetch_key<kKeyBytes>(*jobs[i + kKeysAhead]);
    (manager_->*Calls<kKeyBytes>::kEncrypt)(key_of(job), &context_, raw(job.dst), raw(job.src), job.bytes, raw(job.iv), raw(job.aad),
                                            job.aad_bytes, raw(job.tag), job.tag_bytes);
    job.status = JobStatus::kOk;
  }
}

template <unsigned kKeyBytes>
void GcmPasses::check(Job** jobs, unsigned n) noexcept {
  std::size_t used = 0;
  for (unsigned i = 0; i < std::min(n, kKeysAhead); ++i) prefetch_key<kKeyBytes>(*jobs[i]);
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    if (i + kKeysAhead < n) prefetch_key<kKeyBytes>(*jobs[i + kKeysAhead]);
    job.status = decrypt<kKeyBytes>(job, scratch_) ? JobStatus::kOk : JobStatus::kAuthFailed;
    used = std::max<std::size_t>(used, job.bytes);
  }
  OPENSSL_cleanse(scratch_, used);
}

template <unsigned kKeyBytes>
JobStatus GcmPasses::run_pieces(const Job& job) noexcept {
  using C = Calls<kKeyBytes>;
  const gcm_key_data* key = key_of(job);
  (manager_->*C::kInit)(key, &context_, raw(job.iv), raw(job.aad), job.aad_bytes);
  if (is_seal(job.op)) {
    for_each_piece(job, [&](const std::byte* src, std::byte* dst, std::uint32_t bytes) {
      if (bytes != 0) (manager_->*C::kEncryptUpdate)(key, &context_, raw(dst), raw(src), bytes);
    });
    (manager_->*C::kEncryptFinalize)(key, &context_, raw(job.tag), job.tag_bytes);
    return JobStatus::kOk;
  }
  const bool check = is_check(job.op);
  std::uint32_t used = 0;
  for_each_piece(job, [&](const std::byte* src, std::byte* dst, std::uint32_t bytes) {
    if (bytes != 0) (manager_->*C::kDecryptUpdate)(key, &context_, raw(check ? scratch_ : dst), raw(src), bytes);
    used = std::max(used, bytes);
  });
  (manager_->*C::kDecryptFinalize)(key, &context_, raw(tag_), kMaxTagBytes);
  const bool good = tag_is(job);
  if (check)
    OPENSSL_cleanse(scratch_, used);
  else if (!good)
    take_back<kKeyBytes>(manager_, context_, job);
  return good ? JobStatus::kOk : JobStatus::kAuthFailed;
}

template void GcmPasses::open<16>(Job**, unsigned) noexcept;
template void GcmPasses::open<32>(Job**, unsigned) noexcept;
template void GcmPasses::seal<16>(Job**, unsigned) noexcept;
template void GcmPasses::seal<32>(Job**, unsigned) noexcept;
template void GcmPasses::check<16>(Job**, unsigned) noexcept;
template void GcmPasses::check<32>(Job**, unsigned) noexcept;
template JobStatus GcmPasses::run_pieces<16>(const Job&) noexcept;
template JobStatus GcmPasses::run_pieces<32>(const Job&) noexcept;

}  // namespace mediaward::crypto::ipsec_mb
