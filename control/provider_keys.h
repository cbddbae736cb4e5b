// SPDX-License-Identifier: Apache-2.0
// Public keys of content providers ([[peer.provider_keys]] of the daemon's configuration), and whether a signature over the metadata of a
// swarm is theirs. The type of the key is the algorithm: ECDSA P-256 with SHA-256, Ed25519, RSA-PSS with SHA-256 (peer.proto has the text
// and the forms). No certificates and no trust but that of the operator who named the key.
// Filled on the main thread; then any number of threads may verify.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/error.h"

struct evp_pkey_st;

namespace mediaward::control {

class ProviderKeys {
 public:
  // A PEM text "BEGIN PUBLIC KEY". kInvalid names what is wrong with it; kUnsupported: a key of another type.
  [[nodiscard]] Result<void> add(const std::string& id, std::string_view pem);

  [[nodiscard]] bool knows(std::string_view id) const { return keys_.contains(id); }
  [[nodiscard]] std::vector<std::string> ids() const;
  [[nodiscard]] bool verify(std::string_view id, std::string_view text, std::string_view signature) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const noexcept;
  };
  std::map<std::string, std::unique_ptr<evp_pkey_st, Free>, std::less<>> keys_;
};

}  // namespace mediaward::control
