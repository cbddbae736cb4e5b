// SPDX-License-Identifier: Apache-2.0
// Takes the public key of a live swarm's id apart (RFC 7574 §7.4), see ppspp_swarm_key.h.
#include "dataplane/wire/ppspp_swarm_key.h"

#include <array>

namespace mediaward::dataplane::ppspp {

namespace {

constexpr std::size_t kMaxRsaBytes = 512;  // RFC 3110 §2: exponent and modulus up to 4096 bits

KeyError parse_rsa(ConstBytes key, SwarmKey& out) noexcept {
  if (key.empty()) return KeyError::kTruncated;
  // RFC 3110 §2: one octet of length, or a zero octet and two of them.
  std::size_t head = 1;
  std::size_t exponent = std::to_integer<std::size_t>(key[0]);
  if (exponent == 0) {
    head = 3;
    if (key.size() < head) return KeyError::kTruncated;
    exponent = load_be16(key.data() + 1);
  }
  if (key.size() <= head + exponent) return KeyError::kTruncated;
  out.exponent = key.subspan(head, exponent);
  out.modulus = key.subspan(head + exponent);
  if (out.exponent.empty() || out.exponent[0] == std::byte{0} || out.modulus[0] == std::byte{0}) return KeyError::kLeadingZero;
  if (out.exponent.size() > kMaxRsaBytes || out.modulus.size() > kMaxRsaBytes) return KeyError::kBadLength;
  out.signature_bytes = static_cast<std::uint16_t>(out.modulus.size());
  return KeyError::kNone;
}

// RFC 6605 §4: X‖Y, and a signature is r‖s of the same size.
KeyError parse_ecdsa(ConstBytes key, std::size_t point_bytes, SwarmKey& out) noexcept {
  if (key.size() != point_bytes) return KeyError::kBadLength;
  out.point = key;
  out.signature_bytes = static_cast<std::uint16_t>(point_bytes);
  return KeyError::kNone;
}

KeyError parse_key(SignatureAlgorithm algorithm, ConstBytes key, SwarmKey& out) noexcept {
  switch (algorithm) {
    case SignatureAlgorithm::kRsaSha1:
    case SignatureAlgorithm::kRsaSha256:
      return parse_rsa(key, out);
    case SignatureAlgorithm::kEcdsaP256Sha256:
      return parse_ecdsa(key, 64, out);
    case SignatureAlgorithm::kEcdsaP384Sha384:
      return parse_ecdsa(key, 96, out);
  }
  return KeyError::kUnknownAlgorithm;
}

}  // namespace

KeyError parse_swarm_key(ConstBytes swarm_id, SwarmKey& out) noexcept {
  if (swarm_id.empty()) return KeyError::kTruncated;
  SwarmKey key;
  key.algorithm = static_cast<SignatureAlgorithm>(swarm_id[0]);
  const KeyError error = parse_key(key.algorithm, swarm_id.subspan(1), key);
  if (error == KeyError::kNone) out = key;
  return error;
}

std::string_view to_string(KeyError error) noexcept {
  static constexpr std::array<std::string_view, 5> kTexts = {"none", "key ends too early", "algorithm that RFC 7574 §7.7 does not name",
                                                             "length that the algorithm does not have",
                                                             "exponent or modulus empty or with a leading zero"};
  return kTexts[static_cast<std::uint8_t>(error)];
}

}  // namespace mediaward::dataplane::ppspp
