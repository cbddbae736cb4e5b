// SPDX-License-Identifier: Apache-2.0
// Opens and seals one packet after the other with OpenSSL. Synchronous: what submit takes is done when it returns.
// Tags are compared in constant time, and before decryption where the transform allows it (AES-CM).
// Worker thread.
#define OPENSSL_SUPPRESS_DEPRECATED  // SHA1_Update on a stored state: EVP_MAC costs a third more per packet
#include "crypto/openssl_engine.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

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

JobStatus open_cm(const Key& key, const Job& job) noexcept {
  Digest digest;
  authenticate(key, job, true, digest);
  if (CRYPTO_memcmp(digest.data(), job.tag, job.tag_bytes) != 0) return JobStatus::kAuthFailed;
  return set_counter(key, job) && run_cipher(key.cipher, job) ? JobStatus::kOk : JobStatus::kEngineError;
}

JobStatus seal_cm(const Key& key, const Job& job) noexcept {
  if (!set_counter(key, job) || !run_cipher(key.cipher, job)) return JobStatus::kEngineError;
  Digest digest;
  authenticate(key, job, false, digest);
  std::memcpy(job.tag, digest.data(), job.tag_bytes);
  return JobStatus::kOk;
}

bool start_gcm(const Key& key, const Job& job, int encrypt) noexcept {
  int written = 0;
  if (EVP_CipherInit_ex(key.cipher, nullptr, nullptr, nullptr, raw(job.iv), encrypt) != 1) return false;
  return job.aad_bytes == 0 || EVP_CipherUpdate(key.cipher, nullptr, &written, raw(job.aad), job.aad_bytes) == 1;
}

// GCM decrypts before it knows: what came out under a wrong tag is destroyed.
void destroy_output(const Job& job) noexcept {
  (void)for_each_piece(job, [](const std::byte*, std::byte* dst, std::uint32_t bytes) {
    if (bytes != 0) OPENSSL_cleanse(dst, bytes);
    return true;
  });
}

JobStatus open_gcm(const Key& key, const Job& job) noexcept {
  std::array<unsigned char, kMaxTagBytes> tag;
  unsigned char none[16];
  int written = 0;
  std::memcpy(tag.data(), job.tag, job.tag_bytes);
  if (!start_gcm(key, job, 0) || !run_cipher(key.cipher, job) ||
      EVP_CIPHER_CTX_ctrl(key.cipher, EVP_CTRL_AEAD_SET_TAG, job.tag_bytes, tag.data()) != 1) {
    destroy_output(job);
    return JobStatus::kEngineError;
  }
  if (EVP_CipherFinal_ex(key.cipher, none, &written) == 1) return JobStatus::kOk;
  destroy_output(job);
  return JobStatus::kAuthFailed;
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
    case JobOp::kCmOpen:
      return open_cm(key, job);
    case JobOp::kCmSeal:
      return seal_cm(key, job);
    case JobOp::kGcmOpen:
      return open_gcm(key, job);
    case JobOp::kGcmSeal:
      return seal_gcm(key, job);
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
