// SPDX-License-Identifier: Apache-2.0
// See hash.h: digests by Intel's multi-buffer library, a second implementation to check ours against and to measure it by; not chosen by
// itself. Its job interface only: the burst interface of release 1.3 knows no plain digests, and its direct calls are slower than
// libcrypto. Messages beyond what a job can carry go to libcrypto. The worker's own thread; nothing here allocates once a hasher is made.
#include <intel-ipsec-mb.h>

#include <new>
#include <string>
#include <utility>

#include "crypto/hash.h"
#include "crypto/ipsec_mb_engine.h"
#include "crypto/ipsec_mb_pass.h"

namespace mediaward::crypto {
namespace {

constexpr std::uint32_t kLongestJob = 65534;  // longer ones are refused, or by the calls without checks cut off in silence

constexpr IMB_HASH_ALG algorithm(HashId id) noexcept {
  constexpr IMB_HASH_ALG kAlgorithms[kHashIds] = {IMB_AUTH_SHA_1, IMB_AUTH_SHA_224, IMB_AUTH_SHA_256, IMB_AUTH_SHA_384, IMB_AUTH_SHA_512};
  return kAlgorithms[static_cast<std::size_t>(id)];
}

class IpsecMbHasher final : public Hasher {
 public:
  IpsecMbHasher(ipsec_mb::Manager manager, std::unique_ptr<Hasher> others) : manager_(std::move(manager)), others_(std::move(others)) {}

  bool hash(HashId id, std::span<const HashMessage> messages) noexcept override {
    bool good = true;
    std::size_t submitted = 0, done = 0;
    const auto take = [&good, &done](const IMB_JOB* job) {
      good &= job->status == IMB_STATUS_COMPLETED;
      ++done;
    };
    for (const HashMessage& m : messages) {
      if (m.bytes == 0 || m.bytes > kLongestJob) {
        good &= others_->hash(id, {&m, 1});
        continue;
      }
      fill(*IMB_GET_NEXT_JOB(manager_.get()), id, m);
      ++submitted;
      for (const IMB_JOB* job = IMB_SUBMIT_JOB(manager_.get()); job != nullptr; job = IMB_GET_COMPLETED_JOB(manager_.get())) take(job);
    }
    while (const IMB_JOB* const job = IMB_FLUSH_JOB(manager_.get())) take(job);
    return good && done == submitted;
  }

 private:
  static void fill(IMB_JOB& job, HashId id, const HashMessage& m) noexcept {
    job.cipher_mode = IMB_CIPHER_NULL;
    job.cipher_direction = IMB_DIR_ENCRYPT;
    job.chain_order = IMB_ORDER_HASH_CIPHER;
    job.hash_alg = algorithm(id);
    job.src = ipsec_mb::raw(m.data);
    job.hash_start_src_offset_in_bytes = 0;
    job.msg_len_to_hash_in_bytes = m.bytes;
    job.auth_tag_output = ipsec_mb::raw(m.digest);
    job.auth_tag_output_len_in_bytes = digest_bytes(id);
  }

  const ipsec_mb::Manager manager_;
  const std::unique_ptr<Hasher> others_;
};

class IpsecMbHashProvider final : public HashProvider {
 public:
  explicit IpsecMbHashProvider(IsaLevel level) : level_(level) {}
  std::string_view name() const noexcept override { return "ipsec-mb"; }
  std::string_view isa() const noexcept override { return to_string(level_); }
  std::unique_ptr<Hasher> make_hasher() override {
    ipsec_mb::Manager manager = ipsec_mb::make_manager(level_);
    if (manager == nullptr) throw std::bad_alloc();  // a moment ago it could
    return std::make_unique<IpsecMbHasher>(std::move(manager), others_->make_hasher());
  }

 private:
  const IsaLevel level_;
  const std::unique_ptr<HashProvider> others_ = make_openssl_hash_provider();
};

}  // namespace

Result<std::unique_ptr<HashProvider>> make_ipsec_mb_hash_provider(IsaLevel level) {
  const std::string isa(to_string(level));
  if (!cpu_supports(level)) return fail(ErrorCode::kUnsupported, "hashes ipsec-mb: this CPU, or its kernel, does not run " + isa);
  // IMB_JOB changes with minor releases.
  if (imb_get_version() >> 8 != IMB_VERSION_NUM >> 8)
    return fail(ErrorCode::kUnsupported,
                std::string("hashes ipsec-mb: built for " IMB_VERSION_STR " but ") + imb_get_version_str() + " is installed");
  if (ipsec_mb::make_manager(level) == nullptr)
    return fail(ErrorCode::kUnsupported, "hashes ipsec-mb: the library refused to start its " + isa + " manager");
  return std::make_unique<IpsecMbHashProvider>(level);
}

}  // namespace mediaward::crypto
