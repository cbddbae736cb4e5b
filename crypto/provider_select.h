// SPDX-License-Identifier: Apache-2.0
// Which provider the data plane uses, and why: self-test every candidate, measure those that passed, take the fastest.
// The widest instruction set is not always the fastest one, so nothing is taken for granted. Main thread, at start, once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/engine.h"

namespace mediaward::crypto {

struct ProviderRequest {
  std::string name = "auto";  // "auto", "ipsec-mb", "openssl"
  std::string isa = "auto";   // "auto", "sse", "avx2", "avx512"; anything but "auto" asks for ipsec-mb
};

// One line of the display: every provider that was looked at, used or not.
struct ProviderRow {
  std::string provider;
  std::string isa;           // "-" for openssl
  std::string version;       // empty when it could not be made
  double ns_per_packet = 0;  // mean of open and seal, both suites, burst 32, 160 bytes; 0: not measured
  bool self_test_passed = false;
  bool in_use = false;
  std::string reason;  // "measured: avx512 41 ns, sse 63 ns, avx2 78 ns per packet"; at most 159 bytes
};

struct ProviderChoice {
  std::unique_ptr<CryptoProvider> provider;
  std::vector<ProviderRow> rows;
};

// Fails with kInvalid for names it does not know, kUnsupported when what was asked for cannot run or fails its self-test.
// "auto" falls back to OpenSSL; an explicit wish never falls back.
[[nodiscard]] Result<ProviderChoice> choose_provider(const ProviderRequest& request);

}  // namespace mediaward::crypto
