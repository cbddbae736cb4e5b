// SPDX-License-Identifier: Apache-2.0
// AES-GCM on one packet after the other, both key sizes, with the key lines of the next packets on their way.
// What was decrypted under a wrong tag is destroyed; what was decrypted only to check a tag never leaves scratch, and is wiped.
// Private to crypto/ipsec_mb_*.cc. Worker thread.
#pragma once

#include "crypto/ipsec_mb_engine.h"
#include "crypto/ipsec_mb_pass.h"

namespace mediaward::crypto::ipsec_mb {

class GcmPasses {
 public:
  GcmPasses(IsaLevel level, IMB_MGR* manager) noexcept;  // borrows the manager
  GcmPasses(const GcmPasses&) = delete;
  GcmPasses& operator=(const GcmPasses&) = delete;
  ~GcmPasses();

  // Plain jobs of one operation; sets their status.
  template <unsigned kKeyBytes>
  void open(Job** jobs, unsigned n) noexcept;
  template <unsigned kKeyBytes>
  void seal(Job** jobs, unsigned n) noexcept;
  template <unsigned kKeyBytes>
  void check(Job** jobs, unsigned n) noexcept;

  // One well-formed job of several pieces.
  template <unsigned kKeyBytes>
  JobStatus run_pieces(const Job& job) noexcept;

 private:
  template <unsigned kKeyBytes>
  void prefetch_key(const Job& job) const noexcept;
  template <unsigned kKeyBytes>
  bool decrypt(const Job& job, std::byte* to) noexcept;
  [[nodiscard]] bool tag_is(const Job& job) const noexcept;

  IMB_MGR* const manager_;
  const std::size_t powers_bytes_;  // how many bytes of hash-key powers a packet can use, and where in GcmKey they end
  const std::size_t powers_end_;
  alignas(64) gcm_context_data context_;
  alignas(64) std::byte tag_[kMaxTagBytes];
  alignas(64) std::byte scratch_[kMaxJobBytes];
};

}  // namespace mediaward::crypto::ipsec_mb
