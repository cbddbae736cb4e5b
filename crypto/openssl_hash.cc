// SPDX-License-Identifier: Apache-2.0
// See hash.h. One context per hasher, reused; algorithms are fetched once.
#include <openssl/evp.h>

#include <array>
#include <new>

#include "crypto/hash.h"

namespace mediaward::crypto {
namespace {

struct Free {
  void operator()(EVP_MD* md) const noexcept { EVP_MD_free(md); }
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Algorithms = std::array<std::unique_ptr<EVP_MD, Free>, kHashIds>;

class OpensslHasher final : public Hasher {
 public:
  explicit OpensslHasher(std::shared_ptr<const Algorithms> algorithms) : algorithms_(std::move(algorithms)), context_(EVP_MD_CTX_new()) {
    if (context_ == nullptr) throw std::bad_alloc();
  }

  bool hash(HashId id, std::span<const HashMessage> messages) noexcept override {
    const EVP_MD* algorithm = (*algorithms_)[static_cast<std::size_t>(id)].get();
    for (const HashMessage& m : messages) {
      if (EVP_DigestInit_ex2(context_.get(), algorithm, nullptr) != 1 || EVP_DigestUpdate(context_.get(), m.data, m.bytes) != 1 ||
          EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(m.digest), nullptr) != 1)
        return false;
    }
    return true;
  }

 private:
  const std::shared_ptr<const Algorithms> algorithms_;
  const std::unique_ptr<EVP_MD_CTX, Free> context_;
};

class OpensslHashProvider final : public HashProvider {
 public:
  OpensslHashProvider() {
    auto algorithms = std::make_shared<Algorithms>();
    constexpr std::array kNames{"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"};
    for (std::size_t i = 0; i < kHashIds; ++i) {
      (*algorithms)[i].reset(EVP_MD_fetch(nullptr, kNames[i], nullptr));
      if ((*algorithms)[i] == nullptr) throw std::bad_alloc();
    }
    algorithms_ = std::move(algorithms);
  }
  std::string_view name() const noexcept override { return "openssl"; }
  std::string_view isa() const noexcept override { return "-"; }
  std::unique_ptr<Hasher> make_hasher() override { return std::make_unique<OpensslHasher>(algorithms_); }

 private:
  std::shared_ptr<const Algorithms> algorithms_;
};

}  // namespace

std::unique_ptr<HashProvider> make_openssl_hash_provider() { return std::make_unique<OpensslHashProvider>(); }

}  // namespace mediaward::crypto
