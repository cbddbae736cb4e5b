// SPDX-License-Identifier: Apache-2.0
// The passes of the transforms with HMAC-SHA1 (AES-CM and NULL): all tags of a burst, then all ciphers, or the other way round,
// on job arrays of our own whose constant fields are written once. Tags come from our own kernels (sha_kernels.h) where the CPU runs them
// and they are wanted, else from the library.
// Nothing is decrypted before its tag was compared. Private to crypto/ipsec_mb_*.cc. Worker thread.
#pragma once

#include "crypto/ipsec_mb_engine.h"
#include "crypto/ipsec_mb_pass.h"
#include "crypto/sha_kernels.h"

namespace mediaward::crypto::ipsec_mb {

enum class Cipher { kAesCm128, kAesCm256, kNull };

class HmacPasses {
 public:
  // Borrows the managers; `narrow` may be null.
  HmacPasses(IsaLevel level, HmacKernels kernels, IMB_MGR* manager, IMB_MGR* narrow) noexcept;
  HmacPasses(const HmacPasses&) = delete;
  HmacPasses& operator=(const HmacPasses&) = delete;
  ~HmacPasses();

  // At most kBurst plain jobs of one operation; their order in the array changes, their status is set.
  template <Cipher kCipher>
  void open(Job** jobs, unsigned n) noexcept;
  template <Cipher kCipher>
  void seal(Job** jobs, unsigned n) noexcept;

  // One well-formed job of several pieces.
  JobStatus run_pieces(const Job& job) noexcept;

 private:
  static constexpr std::size_t kLinearBytes = kMaxJobBytes + 2048;  // a packet of several pieces laid out in one, header included

  struct Behind {  // what lay behind the ciphertext before the ROC was written there
    Tag tag;
    std::byte* at;
    std::uint32_t word;
  };

  void prepare_hash(unsigned slot, const Job& job, std::byte* end) noexcept;
  void put_back(unsigned slot) noexcept;
  bool hash(unsigned n) noexcept;
  void hash_own(unsigned n) noexcept;
  template <Cipher kCipher>
  void prepare_cipher(unsigned slot, const Job& job) noexcept;
  template <Cipher kCipher>
  bool cipher(unsigned n) noexcept;

  IMB_MGR* const manager_;
  IMB_MGR* const narrow_;      // SHA-NI, for what would leave most lanes of manager_ empty; null where it gains nothing
  const unsigned lanes_mask_;  // SHA-1 lanes of manager_ less one
  const bool own_;             // tags come from our own kernels
  const bool own_narrow_;      // ... and few at a time from those with SHA-NI
  sha::HmacMessage messages_[kBurst];
  Behind behind_[kBurst];
  alignas(64) std::byte digests_[kBurst][32];
  alignas(64) IMB_JOB hash_jobs_[kBurst];
  alignas(64) IMB_JOB cipher_jobs_[2][kBurst];  // by key size
  alignas(64) std::byte linear_[kLinearBytes];
};

}  // namespace mediaward::crypto::ipsec_mb
