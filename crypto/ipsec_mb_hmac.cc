// SPDX-License-Identifier: Apache-2.0
// Whole passes over the burst, never the library's chained jobs: those decrypt whatever the tag says.
// The ROC that the tag covers lies nowhere on the wire: for the library it is written behind the ciphertext for the time of the pass.
// Worker thread.
#include "crypto/ipsec_mb_hmac.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "crypto/job_check.h"

namespace mediaward::crypto::ipsec_mb {
namespace {

constexpr unsigned kRocBytes = 4;
constexpr unsigned kDigestBytes = 20;  // the library writes 12 or 20 bytes, never SRTP's 10: so into scratch
constexpr unsigned kNarrowBurst = 6;   // up to so many packets SHA-NI, two at a time, beats a lane group that is mostly empty

const HmacKey& hmac_key(const Job& job) noexcept {
  return *reinterpret_cast<const HmacKey*>(job.key);
}

// SHA-1 blocks of the authenticated portion: data, ROC, 0x80 and the 64-bit length.
inline unsigned sha1_blocks(const Job& job) noexcept {
  return (job.aad_bytes + job.bytes + kRocBytes + 9 + 63) >> 6;
}

// Puts packets of equal length into the same lane group: a group runs as long as its longest packet.
// Stable, so that the order of equal packets (and with it the use of cache) stays. Does nothing when all are equal.
void sort_by_length(Job** jobs, unsigned n) noexcept {
  constexpr unsigned kClasses = 33;  // lengths up to 32 blocks apart, everything longer in one class
  std::array<std::uint8_t, kBurst> of;
  unsigned mixed = 0;
  for (unsigned i = 0; i < n; ++i) {
    const unsigned blocks = sha1_blocks(*jobs[i]);
    of[i] = static_cast<std::uint8_t>(blocks < kClasses - 1 ? blocks : kClasses - 1);
    mixed |= static_cast<unsigned>(of[i] ^ of[0]);
  }
  if (mixed == 0) return;
  std::array<std::uint16_t, kClasses + 1> at{};
  for (unsigned i = 0; i < n; ++i) ++at[of[i] + 1U];
  for (unsigned c = 1; c <= kClasses; ++c) at[c] = static_cast<std::uint16_t>(at[c] + at[c - 1]);
  std::array<Job*, kBurst> sorted;
  for (unsigned i = 0; i < n; ++i) sorted[at[of[i]]++] = jobs[i];
  std::memcpy(jobs, sorted.data(), n * sizeof(Job*));
}

// Key context and library parameters by cipher.
template <Cipher kCipher>
struct CipherTraits;
template <>
struct CipherTraits<Cipher::kAesCm128> {
  using Key = CmKey;
  static constexpr auto kKeySize = IMB_KEY_128_BYTES;
  static constexpr unsigned kArray = 0;
};
template <>
struct CipherTraits<Cipher::kAesCm256> {
  using Key = CmKey256;
  static constexpr auto kKeySize = IMB_KEY_256_BYTES;
  static constexpr unsigned kArray = 1;
};
template <>
struct CipherTraits<Cipher::kNull> {
  using Key = HmacKey;
};

template <Cipher kCipher>
inline void prefetch_key(const Job& job) noexcept {
  const auto* key = reinterpret_cast<const std::byte*>(job.key);
  for (std::size_t at = 0; at < sizeof(typename CipherTraits<kCipher>::Key); at += 64) prefetch(key + at);
}

inline void copy_payload(const Job& job) noexcept {
  if (job.src != job.dst && job.bytes != 0) std::memcpy(job.dst, job.src, job.bytes);
}

void describe_cipher(IMB_JOB& job, std::uint64_t key_bytes) noexcept {
  job.cipher_mode = IMB_CIPHER_CNTR;
  job.cipher_direction = IMB_DIR_ENCRYPT;
  job.hash_alg = IMB_AUTH_NULL;
  job.chain_order = IMB_ORDER_CIPHER_HASH;
  job.key_len_in_bytes = key_bytes;
  job.iv_len_in_bytes = 16;
}

void describe_hash(IMB_JOB& job, std::byte* digest) noexcept {
  job.cipher_mode = IMB_CIPHER_NULL;
  job.cipher_direction = IMB_DIR_ENCRYPT;
  job.hash_alg = IMB_AUTH_HMAC_SHA_1;
  job.chain_order = IMB_ORDER_HASH_CIPHER;
  job.auth_tag_output = raw(digest);
  job.auth_tag_output_len_in_bytes = kDigestBytes;
}

}  // namespace

HmacPasses::HmacPasses(IsaLevel level, HmacKernels kernels, IMB_MGR* manager, IMB_MGR* narrow) noexcept
    : manager_(manager),
      narrow_(narrow),
      lanes_mask_(level == IsaLevel::kAvx512 ? 15 : 7),
      own_(level == IsaLevel::kAvx512 && kernels == HmacKernels::kOwn),
      own_narrow_(own_ && cpu_has_sha_ni()) {
  std::memset(hash_jobs_, 0, sizeof hash_jobs_);
  std::memset(cipher_jobs_, 0, sizeof cipher_jobs_);
  for (unsigned i = 0; i < kBurst; ++i) {
    describe_hash(hash_jobs_[i], digests_[i]);
    describe_cipher(cipher_jobs_[0][i], IMB_KEY_128_BYTES);
    describe_cipher(cipher_jobs_[1][i], IMB_KEY_256_BYTES);
#if IMB_VERSION_NUM >= IMB_VERSION(1, 4, 0)
    imb_set_session(manager_, &hash_jobs_[i]);
    imb_set_session(manager_, &cipher_jobs_[0][i]);
    imb_set_session(manager_, &cipher_jobs_[1][i]);
#endif
  }
}

HmacPasses::~HmacPasses() {
  OPENSSL_cleanse(linear_, sizeof linear_);
  OPENSSL_cleanse(digests_, sizeof digests_);
}

// The last lane group costs as much as a full one, however few packets are in it: few go to the narrow manager instead.
inline bool HmacPasses::hash(unsigned n) noexcept {
  if (own_) {
    hash_own(n);
    return true;
  }
  const unsigned rest = n & lanes_mask_;
  const unsigned narrow = narrow_ != nullptr && rest <= kNarrowBurst ? rest : 0;
  const unsigned wide = n - narrow;
  unsigned done = 0;
  if (wide != 0) done = IMB_SUBMIT_HASH_BURST_NOCHECK(manager_, hash_jobs_, wide, IMB_AUTH_HMAC_SHA_1);
  if (narrow != 0) done += IMB_SUBMIT_HASH_BURST_NOCHECK(narrow_, hash_jobs_ + wide, narrow, IMB_AUTH_HMAC_SHA_1);
  return done == n;
}

void HmacPasses::hash_own(unsigned n) noexcept {
  for (unsigned at = 0; at < n; at += sha::kLanes) {
    const unsigned group = std::min(n - at, sha::kLanes);
    if (own_narrow_ && group <= kNarrowBurst)
      sha::vl::hmac_sha1_ni(messages_ + at, group);
    else
      sha::hmac_sha1_x16(messages_ + at, group);
  }
}

// The tag covers header, ciphertext and ROC (RFC 3711 §4.2); `end` is where the ciphertext ends. Our own kernels take the ROC by itself; for
// the library it lies there until put_back.
inline void HmacPasses::prepare_hash(unsigned slot, const Job& job, std::byte* end) noexcept {
  const HmacKey& key = hmac_key(job);
  if (own_) {
    messages_[slot] = {job.aad, job.aad_bytes + job.bytes, job.roc, key.inner, digests_[slot]};
    return;
  }
  IMB_JOB& h = hash_jobs_[slot];
  h.src = raw(job.aad);
  h.msg_len_to_hash_in_bytes = static_cast<std::uint64_t>(job.aad_bytes) + job.bytes + kRocBytes;
  h.u.HMAC._hashed_auth_key_xor_ipad = raw(key.inner);
  h.u.HMAC._hashed_auth_key_xor_opad = raw(key.outer);
  behind_[slot].at = end;
  behind_[slot].word = load_raw<std::uint32_t>(end);
  store_be32(end, job.roc);
}

inline void HmacPasses::put_back(unsigned slot) noexcept {
  if (!own_) store_raw(behind_[slot].at, behind_[slot].word);
}

template <Cipher kCipher>
inline void HmacPasses::prepare_cipher(unsigned slot, const Job& job) noexcept {
  using Traits = CipherTraits<kCipher>;
  IMB_JOB& c = cipher_jobs_[Traits::kArray][slot];
  c.enc_keys = reinterpret_cast<const typename Traits::Key*>(job.key)->round_keys;
  c.src = raw(job.src);
  c.dst = raw(job.dst);
  c.msg_len_to_cipher_in_bytes = job.bytes;
  c.iv = raw(job.iv);
}

template <Cipher kCipher>
inline bool HmacPasses::cipher(unsigned n) noexcept {
  using Traits = CipherTraits<kCipher>;
  return n == 0 || IMB_SUBMIT_CIPHER_BURST_NOCHECK(manager_, cipher_jobs_[Traits::kArray], n, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
                                                   Traits::kKeySize) == n;
}

template <Cipher kCipher>
void HmacPasses::open(Job** jobs, unsigned n) noexcept {
  sort_by_length(jobs, n);
  for (unsigned i = 0; i < n; ++i) {
    const Job& job = *jobs[i];
    prefetch_key<kCipher>(job);
    behind_[i].tag = load_tag(job.tag, job.tag_bytes);  // before the ROC is written over it
    prepare_hash(i, job, job.src + job.bytes);
  }
  const bool hashed = hash(n);
  [[maybe_unused]] unsigned survivors = 0;
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    put_back(i);
    const bool good = hashed & equal(behind_[i].tag, load_tag(digests_[i], job.tag_bytes));
    job.status = good ? JobStatus::kOk : JobStatus::kAuthFailed;
    if constexpr (kCipher == Cipher::kNull) {
      if (good) copy_payload(job);
    } else {
      prepare_cipher<kCipher>(survivors, job);
      survivors += static_cast<unsigned>(good & (job.bytes != 0));
    }
  }
  bool done = hashed;
  if constexpr (kCipher != Cipher::kNull) done &= cipher<kCipher>(survivors);
  if (!done) [[unlikely]]
    for (unsigned i = 0; i < n; ++i) jobs[i]->status = JobStatus::kEngineError;
}

template <Cipher kCipher>
void HmacPasses::seal(Job** jobs, unsigned n) noexcept {
  sort_by_length(jobs, n);
  [[maybe_unused]] unsigned ciphers = 0;
  for (unsigned i = 0; i < n; ++i) {
    const Job& job = *jobs[i];
    prefetch_key<kCipher>(job);
    if constexpr (kCipher == Cipher::kNull) {
      copy_payload(job);
    } else {
      prepare_cipher<kCipher>(ciphers, job);
      ciphers += static_cast<unsigned>(job.bytes != 0);
    }
    prepare_hash(i, job, job.dst + job.bytes);
  }
  bool done = true;
  if constexpr (kCipher != Cipher::kNull) done = cipher<kCipher>(ciphers);
  done = done && hash(n);
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    put_back(i);
    store_tag(job.tag, digests_[i], job.tag_bytes);
    job.status = done ? JobStatus::kOk : JobStatus::kEngineError;
  }
}

template void HmacPasses::open<Cipher::kAesCm128>(Job**, unsigned) noexcept;
template void HmacPasses::open<Cipher::kAesCm256>(Job**, unsigned) noexcept;
template void HmacPasses::open<Cipher::kNull>(Job**, unsigned) noexcept;
template void HmacPasses::seal<Cipher::kAesCm128>(Job**, unsigned) noexcept;
template void HmacPasses::seal<Cipher::kAesCm256>(Job**, unsigned) noexcept;
template void HmacPasses::seal<Cipher::kNull>(Job**, unsigned) noexcept;

// HMAC has no pieces in the library: the packet is laid out in one, run through as a burst of one, and spread again.
JobStatus HmacPasses::run_pieces(const Job& job) noexcept {
  const std::size_t total = total_bytes(job);
  if (job.aad_bytes + total + kRocBytes + kMaxTagBytes > sizeof linear_) return JobStatus::kEngineError;
  std::byte* const text = linear_ + job.aad_bytes;
  if (job.aad_bytes != 0) std::memcpy(linear_, job.aad, job.aad_bytes);
  std::byte* at = text;
  for_each_piece(job, [&at](const std::byte* src, const std::byte*, std::uint32_t bytes) {
    if (bytes != 0) std::memcpy(at, src, bytes);
    at += bytes;
  });
  Job whole = job;
  whole.src = whole.dst = text;
  whole.aad = linear_;
  whole.bytes = static_cast<std::uint32_t>(total);
  whole.more_count = 0;
  Job* one = &whole;
  switch (job.op) {
    case JobOp::kCm128Open:
      open<Cipher::kAesCm128>(&one, 1);
      break;
    case JobOp::kCm128Seal:
      seal<Cipher::kAesCm128>(&one, 1);
      break;
    case JobOp::kCm256Open:
      open<Cipher::kAesCm256>(&one, 1);
      break;
    case JobOp::kCm256Seal:
      seal<Cipher::kAesCm256>(&one, 1);
      break;
    case JobOp::kNullOpen:
      open<Cipher::kNull>(&one, 1);
      break;
    case JobOp::kNullSeal:
      seal<Cipher::kNull>(&one, 1);
      break;
    default:
      return JobStatus::kEngineError;
  }
  if (whole.status != JobStatus::kOk) return whole.status;
  at = text;
  for_each_piece(job, [&at](const std::byte*, std::byte* dst, std::uint32_t bytes) {
    if (bytes != 0) std::memcpy(dst, at, bytes);
    at += bytes;
  });
  return JobStatus::kOk;
}

}  // namespace mediaward::crypto::ipsec_mb
