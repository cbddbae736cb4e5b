// SPDX-License-Identifier: Apache-2.0
// Opens and seals bursts with ipsec-mb: whole passes over the burst (all tags, then all ciphers), never chained jobs, on
// job arrays of our own whose constant fields are written once. Synchronous: what submit takes is done when it returns.
// Nothing is decrypted before its tag was compared (AES-CM); what GCM decrypted under a wrong tag is destroyed.
// Worker thread; one engine, one manager, one worker.
#include "crypto/ipsec_mb_engine.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "crypto/bytes.h"
#include "crypto/completion_queue.h"
#include "crypto/job_check.h"

namespace mediaward::crypto::ipsec_mb {
namespace {

constexpr unsigned kBurst = 128;  // IMB_MAX_BURST_SIZE: the library takes no more at once
static_assert(kBurst <= IMB_MAX_BURST_SIZE);
constexpr unsigned kRocBytes = 4;
constexpr unsigned kDigestBytes = 20;  // the library writes 12 or 20 bytes, never SRTP's 10: so into scratch
constexpr unsigned kGcmKeysAhead = 4;  // how many GCM jobs ahead key lines are fetched
constexpr unsigned kNarrowBurst = 6;   // up to so many packets SHA-NI, two at a time, beats a lane group that is mostly empty
constexpr std::size_t kPowersStart = sizeof(gcm_key_data::expanded_keys);  // round keys, then powers of the hash key
constexpr std::size_t kNarrowPowersBytes = 16 * 16;                        // 8 powers and 8 Karatsuba halves
#if IMB_VERSION_NUM >= IMB_VERSION(1, 4, 0)
constexpr std::size_t kWidePowersBytes = 16 * 32;  // H^32 ... H^1
#else
constexpr std::size_t kWidePowersBytes = 16 * 48;  // H^48 ... H^1
#endif
static_assert(kPowersStart + kWidePowersBytes <= sizeof(gcm_key_data));
constexpr std::size_t kLinearBytes = kMaxJobBytes + 2048;  // a multi-piece CM packet laid out in one piece, header included

const CmKey& cm_key(const Job& job) noexcept {
  return *reinterpret_cast<const CmKey*>(job.key);
}
const GcmKey& gcm_key(const Job& job) noexcept {
  return *reinterpret_cast<const GcmKey*>(job.key);
}
const std::uint8_t* raw(const std::byte* p) noexcept {
  return reinterpret_cast<const std::uint8_t*>(p);
}
std::uint8_t* raw(std::byte* p) noexcept {
  return reinterpret_cast<std::uint8_t*>(p);
}

// A tag of 4 to 16 bytes as two words that overlap when it is shorter than both.
struct Tag {
  std::uint64_t head;
  std::uint64_t tail;
};
inline Tag load_tag(const std::byte* p, unsigned bytes) noexcept {
  if (bytes >= 8) [[likely]]
    return {load_raw<std::uint64_t>(p), load_raw<std::uint64_t>(p + bytes - 8)};
  return {load_raw<std::uint32_t>(p), load_raw<std::uint32_t>(p + bytes - 4)};
}
inline void store_tag(std::byte* p, const std::byte* digest, unsigned bytes) noexcept {
  const Tag tag = load_tag(digest, bytes);
  if (bytes >= 8) [[likely]] {
    store_raw(p, tag.head);
    store_raw(p + bytes - 8, tag.tail);
  } else {
    store_raw(p, static_cast<std::uint32_t>(tag.head));
    store_raw(p + bytes - 4, static_cast<std::uint32_t>(tag.tail));
  }
}
inline bool equal(const Tag& a, const Tag& b) noexcept {
  return ((a.head ^ b.head) | (a.tail ^ b.tail)) == 0;
}  // in constant time

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

inline void prefetch_cm_key(const Job& job) noexcept {
  const CmKey& key = cm_key(job);
  prefetch(key.inner);
  prefetch(key.round_keys);
  prefetch(key.round_keys + 64);
  prefetch(key.round_keys + 128);
}

class IpsecMbEngine final : public Engine {
 public:
  IpsecMbEngine(IsaLevel level, Manager manager, Manager narrow);
  ~IpsecMbEngine() override;

  std::size_t submit(std::span<Job* const> jobs) noexcept override;
  std::size_t poll(std::span<Job*> done) noexcept override { return done_.pop(done); }
  std::size_t in_flight() const noexcept override { return done_.size(); }

 private:
  static constexpr unsigned kOps = 4;
  static constexpr unsigned kOddLane = kOps;  // several pieces, or ill-formed: one by one

  struct Behind {  // what lay behind the ciphertext before the ROC was written there
    Tag tag;
    std::byte* at;
    std::uint32_t word;
  };

  void run_lane(unsigned lane) noexcept;
  void open_cm(Job** jobs, unsigned n) noexcept;
  void seal_cm(Job** jobs, unsigned n) noexcept;
  void open_gcm(Job** jobs, unsigned n) noexcept;
  void seal_gcm(Job** jobs, unsigned n) noexcept;
  void run_odd(Job** jobs, unsigned n) noexcept;
  JobStatus run_cm_pieces(const Job& job) noexcept;
  JobStatus run_gcm_pieces(const Job& job) noexcept;

  void prepare_hash(unsigned slot, const Job& job, std::byte* end) noexcept;
  void prepare_cipher(unsigned slot, const Job& job) noexcept;
  bool hash(unsigned n) noexcept;
  bool cipher(unsigned n) noexcept {
    return IMB_SUBMIT_CIPHER_BURST_NOCHECK(manager_.get(), cipher_jobs_, n, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES) == n;
  }
  void prefetch_gcm_key(const Job& job) const noexcept;

  const Manager manager_;
  const Manager narrow_;            // SHA-NI, for what would leave most lanes of manager_ empty; null where it gains nothing
  const unsigned lanes_mask_;       // SHA-1 lanes of manager_ less one
  const std::size_t powers_bytes_;  // how many bytes of hash-key powers a GCM packet can use, and where in GcmKey they end
  const std::size_t powers_end_;
  std::array<unsigned, kOps + 1> lane_count_{};
  Job* lanes_[kOps + 1][kBurst];
  Behind behind_[kBurst];
  alignas(64) gcm_context_data gcm_;
  alignas(64) std::byte digests_[kBurst][32];
  alignas(64) IMB_JOB hash_jobs_[kBurst];
  alignas(64) IMB_JOB cipher_jobs_[kBurst];
  CompletionQueue done_;
  alignas(64) std::byte linear_[kLinearBytes];
};

IpsecMbEngine::IpsecMbEngine(IsaLevel level, Manager manager, Manager narrow)
    : manager_(std::move(manager)),
      narrow_(std::move(narrow)),
      lanes_mask_(level == IsaLevel::kAvx512 ? 15 : 7),
      powers_bytes_(level == IsaLevel::kAvx512 && cpu_has_vaes() ? kWidePowersBytes : kNarrowPowersBytes),
      powers_end_(kPowersStart + powers_bytes_) {
  std::memset(hash_jobs_, 0, sizeof hash_jobs_);
  std::memset(cipher_jobs_, 0, sizeof cipher_jobs_);
  for (unsigned i = 0; i < kBurst; ++i) {
    IMB_JOB& h = hash_jobs_[i];
    h.cipher_mode = IMB_CIPHER_NULL;
    h.cipher_direction = IMB_DIR_ENCRYPT;
    h.hash_alg = IMB_AUTH_HMAC_SHA_1;
    h.chain_order = IMB_ORDER_HASH_CIPHER;
    h.auth_tag_output = raw(digests_[i]);
    h.auth_tag_output_len_in_bytes = kDigestBytes;
    IMB_JOB& c = cipher_jobs_[i];
    c.cipher_mode = IMB_CIPHER_CNTR;
    c.cipher_direction = IMB_DIR_ENCRYPT;
    c.hash_alg = IMB_AUTH_NULL;
    c.chain_order = IMB_ORDER_CIPHER_HASH;
    c.key_len_in_bytes = 16;
    c.iv_len_in_bytes = 16;
#if IMB_VERSION_NUM >= IMB_VERSION(1, 4, 0)
    imb_set_session(manager_.get(), &h);
    imb_set_session(manager_.get(), &c);
#endif
  }
}

// The last lane group costs as much as a full one, however few packets are in it: few go to the narrow manager instead.
inline bool IpsecMbEngine::hash(unsigned n) noexcept {
  const unsigned rest = n & lanes_mask_;
  const unsigned narrow = narrow_ != nullptr && rest <= kNarrowBurst ? rest : 0;
  const unsigned wide = n - narrow;
  unsigned done = 0;
  if (wide != 0) done = IMB_SUBMIT_HASH_BURST_NOCHECK(manager_.get(), hash_jobs_, wide, IMB_AUTH_HMAC_SHA_1);
  if (narrow != 0) done += IMB_SUBMIT_HASH_BURST_NOCHECK(narrow_.get(), hash_jobs_ + wide, narrow, IMB_AUTH_HMAC_SHA_1);
  return done == n;
}

IpsecMbEngine::~IpsecMbEngine() {
  OPENSSL_cleanse(linear_, sizeof linear_);
  OPENSSL_cleanse(digests_, sizeof digests_);
  OPENSSL_cleanse(&gcm_, sizeof gcm_);
}

std::size_t IpsecMbEngine::submit(std::span<Job* const> jobs) noexcept {
  const auto taken = jobs.first(std::min(jobs.size(), done_.room()));
  for (Job* job : taken) {
    const unsigned lane = is_plain(*job) ? static_cast<unsigned>(job->op) : kOddLane;
    lanes_[lane][lane_count_[lane]++] = job;
    if (lane_count_[lane] == kBurst) [[unlikely]]
      run_lane(lane);
  }
  for (unsigned lane = 0; lane <= kOddLane; ++lane)
    if (lane_count_[lane] != 0) run_lane(lane);
  done_.push(taken);
  return taken.size();
}

void IpsecMbEngine::run_lane(unsigned lane) noexcept {
  Job** jobs = lanes_[lane];
  const unsigned n = lane_count_[lane];
  lane_count_[lane] = 0;
  switch (lane) {
    case static_cast<unsigned>(JobOp::kCmOpen):
      return open_cm(jobs, n);
    case static_cast<unsigned>(JobOp::kCmSeal):
      return seal_cm(jobs, n);
    case static_cast<unsigned>(JobOp::kGcmOpen):
      return open_gcm(jobs, n);
    case static_cast<unsigned>(JobOp::kGcmSeal):
      return seal_gcm(jobs, n);
    default:
      return run_odd(jobs, n);
  }
}

// The tag covers header, ciphertext and ROC (RFC 3711 §4.2); `end` is where the ciphertext ends and the ROC lies.
inline void IpsecMbEngine::prepare_hash(unsigned slot, const Job& job, std::byte* end) noexcept {
  IMB_JOB& h = hash_jobs_[slot];
  const CmKey& key = cm_key(job);
  h.src = raw(job.aad);
  h.msg_len_to_hash_in_bytes = static_cast<std::uint64_t>(job.aad_bytes) + job.bytes + kRocBytes;
  h.u.HMAC._hashed_auth_key_xor_ipad = raw(key.inner);
  h.u.HMAC._hashed_auth_key_xor_opad = raw(key.outer);
  behind_[slot].at = end;
  behind_[slot].word = load_raw<std::uint32_t>(end);
  store_be32(end, job.roc);
}

inline void IpsecMbEngine::prepare_cipher(unsigned slot, const Job& job) noexcept {
  IMB_JOB& c = cipher_jobs_[slot];
  c.enc_keys = cm_key(job).round_keys;
  c.src = raw(job.src);
  c.dst = raw(job.dst);
  c.msg_len_to_cipher_in_bytes = job.bytes;
  c.iv = raw(job.iv);
}

void IpsecMbEngine::open_cm(Job** jobs, unsigned n) noexcept {
  sort_by_length(jobs, n);
  for (unsigned i = 0; i < n; ++i) {
    const Job& job = *jobs[i];
    prefetch_cm_key(job);
    behind_[i].tag = load_tag(job.tag, job.tag_bytes);  // before the ROC is written over it
    prepare_hash(i, job, job.src + job.bytes);
  }
  const bool hashed = hash(n);
  unsigned survivors = 0;
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    store_raw(behind_[i].at, behind_[i].word);
    const bool good = hashed & equal(behind_[i].tag, load_tag(digests_[i], job.tag_bytes));
    job.status = good ? JobStatus::kOk : JobStatus::kAuthFailed;
    prepare_cipher(survivors, job);
    survivors += static_cast<unsigned>(good & (job.bytes != 0));
  }
  const bool ciphered = survivors == 0 || cipher(survivors);
  if (!(hashed && ciphered)) [[unlikely]]
    for (unsigned i = 0; i < n; ++i) jobs[i]->status = JobStatus::kEngineError;
}

void IpsecMbEngine::seal_cm(Job** jobs, unsigned n) noexcept {
  sort_by_length(jobs, n);
  unsigned ciphers = 0;
  for (unsigned i = 0; i < n; ++i) {
    const Job& job = *jobs[i];
    prefetch_cm_key(job);
    prepare_cipher(ciphers, job);
    ciphers += static_cast<unsigned>(job.bytes != 0);
    prepare_hash(i, job, job.dst + job.bytes);
  }
  const bool done = (ciphers == 0 || cipher(ciphers)) && hash(n);
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    store_raw(behind_[i].at, behind_[i].word);
    store_tag(job.tag, digests_[i], job.tag_bytes);
    job.status = done ? JobStatus::kOk : JobStatus::kEngineError;
  }
}

// Round keys, and of the hash-key powers (they end with H^1) those a packet of this length multiplies by.
inline void IpsecMbEngine::prefetch_gcm_key(const Job& job) const noexcept {
  const auto* key = reinterpret_cast<const std::byte*>(job.key);
  for (std::size_t at = 0; at < kAes128RoundKeyBytes; at += 64) prefetch(key + at);
  const std::size_t used = std::min<std::size_t>(powers_bytes_, std::size_t{job.bytes} + job.aad_bytes + 32);
  for (std::size_t at = powers_end_ - used; at < powers_end_; at += 64) prefetch(key + at);
}

void IpsecMbEngine::open_gcm(Job** jobs, unsigned n) noexcept {
  for (unsigned i = 0; i < std::min(n, kGcmKeysAhead); ++i) prefetch_gcm_key(*jobs[i]);
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    if (i + kGcmKeysAhead < n) prefetch_gcm_key(*jobs[i + kGcmKeysAhead]);
    IMB_AES128_GCM_DEC(manager_.get(), &gcm_key(job).data, &gcm_, raw(job.dst), raw(job.src), job.bytes, raw(job.iv), raw(job.aad),
                       job.aad_bytes, raw(digests_[0]), kMaxTagBytes);
    const bool good = equal(load_tag(job.tag, job.tag_bytes), load_tag(digests_[0], job.tag_bytes));
    job.status = good ? JobStatus::kOk : JobStatus::kAuthFailed;
    if (!good && job.bytes != 0) [[unlikely]]
      OPENSSL_cleanse(job.dst, job.bytes);
  }
}

void IpsecMbEngine::seal_gcm(Job** jobs, unsigned n) noexcept {
  for (unsigned i = 0; i < std::min(n, kGcmKeysAhead); ++i) prefetch_gcm_key(*jobs[i]);
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    if (i + kGcmKeysAhead < n) prefetch_gcm_key(*jobs[i + kGcmKeysAhead]);
    IMB_AES128_GCM_ENC(manager_.get(), &gcm_key(job).data, &gcm_, raw(job.dst), raw(job.src), job.bytes, raw(job.iv), raw(job.aad),
                       job.aad_bytes, raw(job.tag), job.tag_bytes);
    job.status = JobStatus::kOk;
  }
}

void IpsecMbEngine::run_odd(Job** jobs, unsigned n) noexcept {
  for (unsigned i = 0; i < n; ++i) {
    Job& job = *jobs[i];
    if (!is_well_formed(job))
      job.status = JobStatus::kEngineError;
    else
      job.status = job.op == JobOp::kGcmOpen || job.op == JobOp::kGcmSeal ? run_gcm_pieces(job) : run_cm_pieces(job);
  }
}

// Runs f(src, dst, bytes) over the first piece and the further segments.
template <typename F>
void for_each_piece(const Job& job, F f) noexcept {
  f(job.src, job.dst, job.bytes);
  for (unsigned i = 0; i < job.more_count; ++i) f(job.more[i].src, job.more[i].dst, job.more[i].bytes);
}

JobStatus IpsecMbEngine::run_gcm_pieces(const Job& job) noexcept {
  const gcm_key_data* key = &gcm_key(job).data;
  IMB_MGR* manager = manager_.get();
  IMB_AES128_GCM_INIT(manager, key, &gcm_, raw(job.iv), raw(job.aad), job.aad_bytes);
  if (job.op == JobOp::kGcmSeal) {
    for_each_piece(job, [&](const std::byte* src, std::byte* dst, std::uint32_t bytes) {
      if (bytes != 0) IMB_AES128_GCM_ENC_UPDATE(manager, key, &gcm_, raw(dst), raw(src), bytes);
    });
    IMB_AES128_GCM_ENC_FINALIZE(manager, key, &gcm_, raw(job.tag), job.tag_bytes);
    return JobStatus::kOk;
  }
  for_each_piece(job, [&](const std::byte* src, std::byte* dst, std::uint32_t bytes) {
    if (bytes != 0) IMB_AES128_GCM_DEC_UPDATE(manager, key, &gcm_, raw(dst), raw(src), bytes);
  });
  IMB_AES128_GCM_DEC_FINALIZE(manager, key, &gcm_, raw(digests_[0]), kMaxTagBytes);
  if (equal(load_tag(job.tag, job.tag_bytes), load_tag(digests_[0], job.tag_bytes))) return JobStatus::kOk;
  for_each_piece(job, [](const std::byte*, std::byte* dst, std::uint32_t bytes) {
    if (bytes != 0) OPENSSL_cleanse(dst, bytes);
  });
  return JobStatus::kAuthFailed;
}

// HMAC has no pieces in the library: the packet is laid out in one, run through as a burst of one, and spread again.
JobStatus IpsecMbEngine::run_cm_pieces(const Job& job) noexcept {
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
  job.op == JobOp::kCmOpen ? open_cm(&one, 1) : seal_cm(&one, 1);
  if (whole.status != JobStatus::kOk) return whole.status;
  at = text;
  for_each_piece(job, [&at](const std::byte*, std::byte* dst, std::uint32_t bytes) {
    if (bytes != 0) std::memcpy(dst, at, bytes);
    at += bytes;
  });
  return JobStatus::kOk;
}

}  // namespace

std::unique_ptr<Engine> make_engine(IsaLevel level) {
  Manager manager = make_manager(level);
  if (manager == nullptr) return nullptr;
  Manager narrow = level != IsaLevel::kSse && cpu_has_sha_ni() ? make_manager(IsaLevel::kSse) : nullptr;
  return std::make_unique<IpsecMbEngine>(level, std::move(manager), std::move(narrow));
}

}  // namespace mediaward::crypto::ipsec_mb
