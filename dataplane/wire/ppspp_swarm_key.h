// SPDX-License-Identifier: Apache-2.0
// The public key that is the id of a live swarm (RFC 7574 §7.4): one octet of DNSSEC algorithm and the public key field of a DNSKEY record,
// RSA as in RFC 3110 §2, ECDSA as in RFC 6605 §4. Says where exponent, modulus or point are and how long signatures will be.
// No cryptography: whether modulus or point are any good is seen by who makes a key of them. Once per swarm; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "crypto/bytes.h"
#include "dataplane/wire/ppspp_types.h"

namespace mediaward::dataplane::ppspp {

struct SwarmKey {
  SignatureAlgorithm algorithm = SignatureAlgorithm::kEcdsaP256Sha256;
  std::uint16_t signature_bytes = 0;  // RSA: of the modulus; ECDSA: r‖s
  ConstBytes exponent{};              // RSA
  ConstBytes modulus{};               // RSA
  ConstBytes point{};                 // ECDSA: X‖Y
};

enum class KeyError : std::uint8_t {
  kNone,
  kTruncated,         // ends inside the exponent, or nothing is left for the modulus
  kUnknownAlgorithm,  // none of the four of RFC 7574 §7.7
  kBadLength,         // point not of its curve's size; modulus over 4096 bits (RFC 3110 §2)
  kLeadingZero,       // exponent or modulus begins with a zero octet, or is empty (RFC 3110 §2 forbids it)
};
[[nodiscard]] std::string_view to_string(KeyError error) noexcept;

// `out` is written only with kNone and refers to `swarm_id`.
[[nodiscard]] KeyError parse_swarm_key(ConstBytes swarm_id, SwarmKey& out) noexcept;

}  // namespace mediaward::dataplane::ppspp
