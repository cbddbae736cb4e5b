// SPDX-License-Identifier: Apache-2.0
// The master keys of one direction with their suite, and where the parts of a packet sealed under them lie. Several keys are told
// apart by their MKIs (RFC 3711 §3.1); the first is the one in force. Secrets of a test peer: never printed, not wiped.
// Any thread; plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "crypto/suite.h"

namespace mediaward::tools::traffic {

struct MasterKey {
  std::vector<std::uint8_t> bytes;  // key ‖ salt
  std::vector<std::uint8_t> mki;    // empty: packets carry none
};

struct KeySet {
  const crypto::SuiteInfo* suite = nullptr;
  std::vector<MasterKey> keys;

  [[nodiscard]] bool empty() const noexcept { return keys.empty(); }
  [[nodiscard]] bool is_aead() const noexcept { return suite->transform == crypto::Transform::kAesGcm; }
  [[nodiscard]] bool encrypts() const noexcept { return suite->transform != crypto::Transform::kNullHmacSha1; }
  [[nodiscard]] std::size_t mki_bytes() const noexcept { return keys.empty() ? 0 : keys[0].mki.size(); }
  // With MKIs a sender may use any of its keys; without, the first.
  [[nodiscard]] unsigned usable_keys() const noexcept { return mki_bytes() == 0 ? 1u : static_cast<unsigned>(keys.size()); }

  // What a packet grows by.
  [[nodiscard]] std::size_t srtp_trailer_bytes() const noexcept { return suite->tag_bytes + mki_bytes(); }
  [[nodiscard]] std::size_t srtcp_trailer_bytes() const noexcept { return kIndexBytes + suite->srtcp_tag_bytes + mki_bytes(); }

  // Distances from the packet's end. The MKI lies in front of the tag (RFC 3711 §3.1), of an AEAD behind it (RFC 7714 §8.2, §9.2).
  [[nodiscard]] std::size_t srtp_mki_from_end() const noexcept { return mki_bytes() + (is_aead() ? 0u : suite->tag_bytes); }
  [[nodiscard]] std::size_t srtcp_mki_from_end() const noexcept { return mki_bytes() + (is_aead() ? 0u : suite->srtcp_tag_bytes); }
  [[nodiscard]] std::size_t srtcp_index_from_end() const noexcept { return srtcp_mki_from_end() + kIndexBytes; }
  [[nodiscard]] std::size_t srtp_tag_end_from_end() const noexcept { return is_aead() ? mki_bytes() : 0; }

  static constexpr std::size_t kIndexBytes = 4;  // E ‖ SRTCP index (RFC 3711 §3.4)
};

}  // namespace mediaward::tools::traffic
