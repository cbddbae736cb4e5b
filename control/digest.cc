// SPDX-License-Identifier: Apache-2.0
// SHA-256 by OpenSSL's EVP. A failure there means a broken library: the daemon stops rather than go on with a wrong handle.
// Any thread.
#include "control/digest.h"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace mediaward::control {

Sha256Digest sha256(std::initializer_list<std::span<const std::uint8_t>> parts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  Sha256Digest digest{};
  bool good = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (const auto& part : parts) good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  good = good && EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  if (!good) {
    std::fputs("mediaward-controld: SHA-256 of libcrypto does not work\n", stderr);
    std::abort();
  }
  return digest;
}

Sha256Digest sha256(std::string_view text) {
  return sha256({std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())});
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace mediaward::control
