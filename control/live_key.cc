// SPDX-License-Identifier: Apache-2.0
// Lengths of live swarms' keys by algorithm. Any thread.
#include "control/live_key.h"

#include <bit>

namespace mediaward::control {

namespace {

constexpr std::uint8_t kRsaSha1 = 5, kRsaSha256 = 8, kEcdsaP256 = 13, kEcdsaP384 = 14;  // RFC 7574 §7.7
constexpr std::size_t kMinRsaBits = 2048;                                               // NIST SP 800-131A §3
constexpr std::size_t kMaxRsaBits = 4096;                                               // RFC 3110 §2, RFC 5702 §2
constexpr std::size_t kMaxExponentBytes = 8;

tl::unexpected<Error> bad(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

Result<void> check_point(std::size_t has, std::size_t wants, const char* curve) {
  if (has == wants) return {};
  return bad("has " + std::to_string(has) + " bytes behind its algorithm; a point of " + curve + " has " + std::to_string(wants) +
             " (RFC 6605 §4)");
}

// RFC 3110 §2: the exponent's length in one octet, or 0 and two octets; the exponent; the modulus.
Result<void> check_rsa(std::span<const std::uint8_t> key) {
  if (key.empty()) return bad("has nothing behind its algorithm; an RSA key is exponent and modulus (RFC 3110 §2)");
  if (key[0] == 0) return bad("has its exponent's length in three octets: an exponent of more than 255 bytes is not taken; use 65537");
  const std::size_t length = key[0];
  if (length > kMaxExponentBytes) return bad("has an exponent of " + std::to_string(length) + " bytes; at most 8 are taken");
  if (key.size() <= 1 + length) return bad("ends before its modulus begins (RFC 3110 §2)");
  const auto modulus = key.subspan(1 + length);
  if (modulus[0] == 0 || key[1] == 0) return bad("has a number that begins with a zero octet, which RFC 3110 §2 forbids");
  const std::size_t bits = modulus.size() * 8 - static_cast<std::size_t>(std::countl_zero(modulus[0]));
  if (bits >= kMinRsaBits && bits <= kMaxRsaBits) return {};
  return bad("has an RSA modulus of " + std::to_string(bits) + " bits; 2048 to 4096 are taken");
}

}  // namespace

Result<void> check_live_key(std::span<const std::uint8_t> key) {
  if (key.empty()) return bad("is missing: one octet of DNSSEC algorithm, then the public key as in a DNSKEY record");
  switch (key[0]) {
    case kEcdsaP256:
      return check_point(key.size() - 1, 64, "P-256");
    case kEcdsaP384:
      return check_point(key.size() - 1, 96, "P-384");
    case kRsaSha1:
    case kRsaSha256:
      return check_rsa(key.subspan(1));
    default:
      return bad("begins with algorithm " + std::to_string(key[0]) +
                 "; there are 5 (RSASHA1), 8 (RSASHA256), 13 (ECDSAP256SHA256) and 14 (ECDSAP384SHA384)");
  }
}

}  // namespace mediaward::control
