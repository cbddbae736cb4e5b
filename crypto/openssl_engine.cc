// SPDX-License-Identifier: Apache-2.0
// Opens and seals one packet after the other with OpenSSL. Synchronous: what submit takes is done when it returns.
// Tags are compared in constant time, and before decryption where the transform allows it (AES-CM).
// Worker thread.
#define OPENSSL_SUPPRESS_DEPRECATED  // SHA1_Update on a stored state: EVP_MAC costs a third more per packet
#include "crypto/openssl_engine.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "crypto/bytes.h"
#include "crypto/completion_queue.h"
#include "crypto/job_check.h"

namespace mediaward::crypto::openssl {
namespace {

const unsigned char* raw(const std::byte* p) noexcept {
  return reinterpret_cast<const unsigned char*>(p);
}
unsigned char* raw(std::byte* p) noexcept {
  return reinterpret_cast<unsigned char*>(p);
}

// Runs f(src, dst, bytes) over the first piece and the further segments; stops at the first false.
template <typename F>
bool for_each_piece(const Job& job, F f) noexcept {
  if (!f(job.src, job.dst, job.bytes)) return false;
  for (unsigned i = 0; i < job.more_count; ++i)
    if (!f(job.more[i].src, job.more[i].dst, job.more[i].bytes)) return false;
  return true;
}

bool run_cipher(EVP_CIPHER_CTX* ctx, const Job& job) noexcept {
  return for_each_piece(job, [ctx](const std::byte* src, std::byte* dst, std::uint32_t bytes) {
    int written = 0;
    return bytes == 0 || EVP_CipherUpdate(ctx, raw(dst), &written, raw(src), static_cast<int>(bytes)) == 1;
  });
}

using Digest = std::array<unsigned char, SHA_DIGEST_LENGTH>;

// HMAC-SHA1 over header, ciphertext (source when opening, destination when sealing) and ROC (RFC 3711 §4.2).
void authenticate(const Key& key, const Job& job, bool over_source, Digest& digest) noexcept {
  SHA_CTX sha = key.inner;
  SHA1_Update(&sha, job.aad, job.aad_bytes);
  (void)for_each_piece(job, [&](const std::byte* src, const std::byte* dst, std::uint32_t bytes) {
    SHA1_Update(&sha, over_source ? src : dst, bytes);
    return true;
  });
  const std::uint32_t roc = byte_swap(job.roc);
  SHA1_Update(&sha, &roc, sizeof roc);
  SHA1_Final(digest.data(), &sha);
  sha = key.outer;
  SHA1_Update(&sha, digest.data(), digest.size());
  SHA1_Final(digest.data(), &sha);
}

bool set_counter(const Key& key, const Job& job) noexcept {
  return EVP_EncryptInit_ex(key.cipher, nullptr, nullptr, nullptr, raw(job.iv)) == 1;
}

bool is_authentic(const Key& key, const Job& job) noexcept {
  Digest digest;
  authenticate(key, job, true, digest);
  return CRYPTO_memcmp(digest.data(), job.tag, job.tag_bytes) == 0;
}

void tag_output(const Key& key, const Job& job) noexcept {
  Digest digest;
  authenticate(key, job, false, digest);
  std::memcpy(job.tag, digest.data(), job.tag_bytes);
}

void copy_payload(const Job& job) noexcept {
  (void)for_each_piece(job, [](const std::byte* src, std::byte* dst, std::uint32_t bytes) {
    if (src != dst && bytes != 0) std::memcpy(dst, src, bytes);
    return true;
  });
}

JobStatus open_null(const Key& key, const Job& job) noexcept {
  if (!is_authentic(key, job)) return JobStatus::kAuthFailed;
  copy_payload(job);
  return JobStatus::kOk;
}

JobStatus seal_null(const Key& key, const Job& job) noexcept {
  copy_payload(job);
  tag_output(key, job);
  return JobStatus::kOk;
}

JobStatus open_cm(const Key& key, const Job& job) noexcept {
  if (!is_authentic(key, job)) return JobStatus::kAuthFailed;
  return set_counter(key, job) && run_cipher(key.cipher, job) ? JobStatus::kOk : JobStatus::kEngineError;
}

JobStatus seal_cm(const Key& key, const Job& job) noexcept {
  if (!set_counter(key, job) || !run_cipher(key.cipher, job)) return JobStatus::kEngineError;
  tag_output(key, job);
  return JobStatus::kOk;
}

bool start_gcm(const Key& key, const Job& job, int encrypt) noexcept {
  int written = 0;
  if (EVP_CipherInit_ex(key.cipher, nullptr, nullptr, nullptr, raw(job.iv), encrypt) != 1) return false;
  return job.aad_bytes == 0 || EVP_CipherUpdate(key.cipher, nullptr, &written, raw(job.aad), job.aad_bytes) == 1;
}

// GCM decrypts before it knows. What came out under a wrong tag is taken back: encrypted again where it overwrote the ciphertext, so that
// another key or index may still be tried, and destroyed elsewhere.
void take_back(const Key& key, const Job& job) noexcept {
  const bool started = start_gcm(key, job, 1);
  (void)for_each_piece(job, [&](const std::byte* src, std::byte* dst, std::uint32_t bytes) {
    int written = 0;
    if (bytes == 0) return true;
    const bool again = started && EVP_CipherUpdate(key.cipher, raw(dst), &written, raw(dst), static_cast<int>(bytes)) == 1;
    if (!again || src != dst) OPENSSL_cleanse(dst, bytes);
    return true;
  });
}

// Decrypts into a small buffer over and over, for the tag's sake only: without a destination EVP takes the bytes for AAD.
bool decrypt_and_forget(EVP_CIPHER_CTX* ctx, const Job& job) noexcept {
  std::array<std::byte, 1024> scratch;
  const bool done = for_each_piece(job, [&](const std::byte* src, std::byte*, std::uint32_t bytes) {
    int written = 0;
    for (std::uint32_t at = 0; at < bytes; at += scratch.size()) {
      const auto part = static_cast<int>(std::min<std::size_t>(bytes - at, scratch.size()));
      if (EVP_CipherUpdate(ctx, raw(scratch.data()), &written, raw(src + at), part) != 1) return false;
    }
    return true;
  });
  OPENSSL_cleanse(scratch.data(), scratch.size());
  return done;
}

JobStatus verdict_of_gcm(EVP_CIPHER_CTX* ctx, const Job& job) noexcept {
  std::array<unsigned char, kMaxTagBytes> tag;
  unsigned char none[16];
  int written = 0;
  std::memcpy(tag.data(), job.tag, job.tag_bytes);
  if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, job.tag_bytes, tag.data()) != 1) return JobStatus::kEngineError;
  return EVP_CipherFinal_ex(ctx, none, &written) == 1 ? JobStatus::kOk : JobStatus::kAuthFailed;
}

JobStatus open_gcm(const Key& key, const Job& job) noexcept {
  const bool done = start_gcm(key, job, 0) && run_cipher(key.cipher, job);
  const JobStatus status = done ? verdict_of_gcm(key.cipher, job) : JobStatus::kEngineError;
  if (status != JobStatus::kOk) take_back(key, job);
  return status;
}

JobStatus check_gcm(const Key& key, const Job& job) noexcept {
  const bool done = start_gcm(key, job, 0) && decrypt_and_forget(key.cipher, job);
  return done ? verdict_of_gcm(key.cipher, job) : JobStatus::kEngineError;
}

JobStatus seal_gcm(const Key& key, const Job& job) noexcept {
  unsigned char none[16];
  int written = 0;
  const bool done = start_gcm(key, job, 1) && run_cipher(key.cipher, job) && EVP_CipherFinal_ex(key.cipher, none, &written) == 1 &&
                    EVP_CIPHER_CTX_ctrl(key.cipher, EVP_CTRL_AEAD_GET_TAG, job.tag_bytes, job.tag) == 1;
  return done ? JobStatus::kOk : JobStatus::kEngineError;
}

JobStatus run(const Job& job) noexcept {
  if (!is_well_formed(job)) return JobStatus::kEngineError;
  const Key& key = *key_of(job.key);
  switch (job.op) {
    case JobOp::kCm128Open:
    case JobOp::kCm256Open:
      return open_cm(key, job);
    case JobOp::kCm128Seal:
    case JobOp::kCm256Seal:
      return seal_cm(key, job);
    case JobOp::kGcm128Open:
    case JobOp::kGcm256Open:
      return open_gcm(key, job);
    case JobOp::kGcm128Seal:
    case JobOp::kGcm256Seal:
      return seal_gcm(key, job);
    case JobOp::kNullOpen:
      return open_null(key, job);
    case JobOp::kNullSeal:
      return seal_null(key, job);
    case JobOp::kGcm128Check:
    case JobOp::kGcm256Check:
      return check_gcm(key, job);
  }
  return JobStatus::kEngineError;
}

class OpensslEngine final : public Engine {
 public:
  std::size_t submit(std::span<Job* const> jobs) noexcept override {
    const auto taken = jobs.first(std::min(jobs.size(), done_.room()));
    for (Job* job : taken) job->status = run(*job);
    done_.push(taken);
    return taken.size();
  }
  std::size_t poll(std::span<Job*> done) noexcept override { return done_.pop(done); }
  std::size_t in_flight() const noexcept override { return done_.size(); }

 private:
  CompletionQueue done_;
};

}  // namespace

std::unique_ptr<Engine> make_engine() {
  return std::make_unique<OpensslEngine>();
}

}  // namespace mediaward::crypto::openssl
