// SPDX-License-Identifier: Apache-2.0
// Makes managers and prepares key contexts for the ipsec-mb engine.
// Does no packet work. Main thread.
#include "crypto/ipsec_mb_provider.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "crypto/bytes.h"
#include "crypto/ipsec_mb_engine.h"

namespace mediaward::crypto {
namespace ipsec_mb {

Manager make_manager(IsaLevel level) noexcept {
  Manager manager(alloc_mb_mgr(0));
  if (manager == nullptr) return nullptr;
  switch (level) {
    case IsaLevel::kSse:
      init_mb_mgr_sse(manager.get());
      break;
    case IsaLevel::kAvx2:
      init_mb_mgr_avx2(manager.get());
      break;
    case IsaLevel::kAvx512:
      init_mb_mgr_avx512(manager.get());
      break;
  }
  if (imb_get_errno(manager.get()) != 0) return nullptr;
  return manager;
}

namespace {

constexpr std::size_t kShaBlockBytes = 64;

class IpsecMbProvider final : public CryptoProvider {
 public:
  IpsecMbProvider(IsaLevel level, HmacKernels kernels, Manager manager) : level_(level), kernels_(kernels), manager_(std::move(manager)) {}

  std::string_view name() const noexcept override { return "ipsec-mb"; }
  std::string_view isa() const noexcept override { return to_string(level_); }
  std::string version() const override {
    const unsigned v = imb_get_version();
    return std::to_string(v >> 16) + "." + std::to_string((v >> 8) & 0xff) + "." + std::to_string(v & 0xff);
  }
  std::unique_ptr<Engine> make_engine() override { return ipsec_mb::make_engine(level_, kernels_); }
  std::size_t key_context_bytes(Suite suite) const noexcept override {
    const SuiteInfo* info = find_suite(suite);
    if (info == nullptr) return 0;
    switch (info->transform) {
      case Transform::kAesGcm:
        return sizeof(GcmKey);
      case Transform::kAesCmHmacSha1:
        return info->key_bytes == 32 ? sizeof(CmKey256) : sizeof(CmKey);
      case Transform::kNullHmacSha1:
        return sizeof(HmacKey);
    }
    return 0;
  }
  bool key_contexts_shared() const noexcept override { return true; }

  Result<void> expand(Suite suite, const SessionKeys& keys, KeyContext* context) override {
    const SuiteInfo* info = find_suite(suite);
    if (info == nullptr)
      return fail(ErrorCode::kUnsupported,
                  "ipsec-mb: suite " + std::to_string(static_cast<unsigned>(suite)) + " is not supported by this engine");
    if (reinterpret_cast<std::uintptr_t>(context) % alignof(CmKey) != 0)
      return fail(ErrorCode::kInternal, "ipsec-mb: a key context must be aligned to 64 bytes: allocate it from SecretArena");
    const bool wide = info->key_bytes == 32;
    void* const at = context;
    switch (info->transform) {
      case Transform::kAesGcm:
        expand_gcm(keys, wide, *::new (at) GcmKey);
        break;
      case Transform::kAesCmHmacSha1:
        wide ? expand_cm(keys, *::new (at) CmKey256) : expand_cm(keys, *::new (at) CmKey);
        break;
      case Transform::kNullHmacSha1:
        expand_hmac(keys, *::new (at) HmacKey);
        break;
    }
    return {};
  }

  void wipe(Suite suite, KeyContext* context) noexcept override { OPENSSL_cleanse(context, key_context_bytes(suite)); }

 private:
  void expand_gcm(const SessionKeys& keys, bool wide, GcmKey& out) {
    if (wide)
      IMB_AES256_GCM_PRE(manager_.get(), keys.key.data(), &out.data);
    else
      IMB_AES128_GCM_PRE(manager_.get(), keys.key.data(), &out.data);
  }

  template <std::size_t kRoundKeyBytes>
  void expand_cm(const SessionKeys& keys, CmKeyOf<kRoundKeyBytes>& out) {
    alignas(64) std::array<std::byte, kAes256RoundKeyBytes> encrypt;
    alignas(64) std::array<std::byte, kAes256RoundKeyBytes> decrypt;  // not used: CTR only encrypts
    if constexpr (kRoundKeyBytes == kAes256RoundKeyBytes)
      IMB_AES_KEYEXP_256(manager_.get(), keys.key.data(), encrypt.data(), decrypt.data());
    else
      IMB_AES_KEYEXP_128(manager_.get(), keys.key.data(), encrypt.data(), decrypt.data());
    std::memcpy(out.round_keys, encrypt.data(), sizeof out.round_keys);
    OPENSSL_cleanse(encrypt.data(), encrypt.size());
    OPENSSL_cleanse(decrypt.data(), decrypt.size());
    expand_hmac(keys, out.hmac);
  }

  void expand_hmac(const SessionKeys& keys, HmacKey& out) {
    absorb_pad(keys, 0x36, out.inner);
    absorb_pad(keys, 0x5c, out.outer);
  }

  // The state of SHA-1 after one block of key ^ pad (RFC 2104 §2).
  void absorb_pad(const SessionKeys& keys, std::uint8_t pad, std::byte* state) {
    alignas(64) std::array<std::byte, kShaBlockBytes> block{};
    std::copy(keys.auth.begin(), keys.auth.end(), block.begin());
    for (auto& b : block) b ^= static_cast<std::byte>(pad);
    IMB_SHA1_ONE_BLOCK(manager_.get(), block.data(), state);
    OPENSSL_cleanse(block.data(), block.size());
  }

  const IsaLevel level_;
  const HmacKernels kernels_;
  const Manager manager_;
};

}  // namespace
}  // namespace ipsec_mb

Result<std::unique_ptr<CryptoProvider>> make_ipsec_mb_provider(IsaLevel level, HmacKernels kernels) {
  const std::string isa(to_string(level));
  if (!cpu_supports(level))
    return fail(ErrorCode::kUnsupported, "ipsec-mb: this CPU or its kernel cannot run " + isa + ": choose a narrower isa or \"auto\"");
  // IMB_JOB and gcm_key_data change with minor releases: another library than the one compiled against would corrupt memory.
  if (imb_get_version() >> 8 != IMB_VERSION_NUM >> 8)
    return fail(ErrorCode::kUnsupported, std::string("ipsec-mb: built for " IMB_VERSION_STR " but ") + imb_get_version_str() +
                                             " is installed: rebuild or install the matching package");
  ipsec_mb::Manager manager = ipsec_mb::make_manager(level);
  if (manager == nullptr)
    return fail(ErrorCode::kUnsupported, "ipsec-mb: the library refused to start its " + isa + " manager: choose another isa or \"auto\"");
  return std::make_unique<ipsec_mb::IpsecMbProvider>(level, kernels, std::move(manager));
}

}  // namespace mediaward::crypto
