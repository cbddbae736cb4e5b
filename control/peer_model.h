// SPDX-License-Identifier: Apache-2.0
// The part of the desired state that concerns content distribution, as values: swarms, who is admitted to them, and what is preloaded.
// Immutable once they are in a snapshot (model.h). They hold no secret: content keys never come here. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/abi/peer.h"

namespace mediaward::control {

using SwarmKey = std::vector<std::uint8_t>;

struct Swarm {
  std::string id;
  std::uint64_t handle = 0, version = 0;
  abi::SwarmKind kind = abi::SwarmKind::kStatic;
  SwarmKey key;                           // root hash; live: DNSSEC algorithm and public key
  std::uint8_t hash = 2, addressing = 2;  // RFC 7574 §7.6, §7.8
  std::uint32_t chunk_bytes = 0;
  std::uint64_t content_bytes = 0;  // live: 0
  std::uint8_t munro_level = 0;     // live
  abi::SignatureForm signature_form = abi::SignatureForm::kRfc7574;
  std::uint64_t discard_window = 0;  // live: chunks, all ones: everything
  std::uint32_t munro_max_age_ms = 0;
  abi::SwarmSource source = abi::SwarmSource::kPeers;
  abi::FetchPolicy fetch = abi::FetchPolicy::kOnDemand;
  std::uint8_t stored_level = 0;
  std::uint64_t expires_unix_ns = 0;
  std::uint64_t cache_quota_bytes = 0, send_bytes_per_s = 0;
  bool guard_drops = false, guard_only = false;
  abi::ConductPolicy conduct{};
  std::string content_key_id{};  // empty: none
  std::uint32_t content_key_version = 0;
  std::string signature{}, signature_key_id{};  // of the metadata; empty: not signed
};

// Addresses from which a peer may come. bits 0 is everybody of the family.
struct PeerPrefix {
  abi::Family family = abi::Family::kIpv4;
  std::array<std::uint8_t, 16> address{};  // nothing set behind the prefix
  std::uint8_t bits = 0;
  [[nodiscard]] bool is_one() const noexcept { return bits == (family == abi::Family::kIpv4 ? 32 : 128); }
  [[nodiscard]] std::string text() const;  // "192.0.2.0/24"; one address without its length
  bool operator==(const PeerPrefix&) const = default;
};

struct Admission {
  std::string key;  // admission_key: what a transaction knows it by
  std::string id, swarm_id, port;
  std::uint64_t handle = 0, version = 0;
  PeerPrefix peers;
  std::uint16_t udp_port = 0;  // 0: any
  bool provide = false, receive = false, connect = false, libswift = false;
  std::uint8_t rank = 0;
  bool has_local = false;
  std::array<std::uint8_t, 16> local_address{};  // of peers.family
  std::uint32_t max_peers = 0;
  std::uint64_t expires_unix_ns = 0, send_bytes_per_s = 0;
  std::string place{};  // what no two admissions of a swarm share: port, prefix, UDP port
};
[[nodiscard]] std::string admission_key(std::string_view swarm_id, std::string_view id);  // no id holds a space
[[nodiscard]] std::string admission_place(const Admission& admission);

// Of one swarm at most one. Equal bytes by definition: the swarm's root says what they are.
struct SwarmContent {
  std::string swarm_id;
  std::uint64_t version = 0;
  abi::ContentKind kind = abi::ContentKind::kContent;
  std::string file{};  // below the content directory; empty: inline
  std::shared_ptr<const std::string> inline_bytes{};
};

// A peer by its address, within one swarm.
struct PeerName {
  std::string swarm_id;
  abi::Family family = abi::Family::kIpv4;
  std::array<std::uint8_t, 16> address{};
  std::uint16_t udp_port = 0;  // 0: any
};
// What is done to a peer; no part of the desired state.
struct PeerOrder {
  PeerName peer;
  abi::PeerCommandKind kind = abi::PeerCommandKind::kUnban;
  std::uint64_t a = 0, b = 0;  // as abi::PeerCommand has them
  bool complete = false;
  std::string author{}, reason{};
};

// Equal but for the version: nothing to send.
[[nodiscard]] bool same_content(const Swarm& a, const Swarm& b) noexcept;
[[nodiscard]] bool same_content(const Admission& a, const Admission& b) noexcept;
[[nodiscard]] bool same_content(const SwarmContent& a, const SwarmContent& b) noexcept;

inline constexpr std::uint64_t kWholeWindow = ~std::uint64_t{0};  // RFC 7574 §7.9
inline constexpr std::uint64_t kMostChunks = std::uint64_t{1} << 32;
[[nodiscard]] std::size_t digest_bytes(std::uint8_t hash) noexcept;    // of a number of RFC 7574 §7.6; 0: there is none such
[[nodiscard]] std::string_view hash_name(std::uint8_t hash) noexcept;  // "sha256"
[[nodiscard]] std::uint64_t chunks_of(const Swarm& swarm) noexcept;    // live: 0
[[nodiscard]] std::uint64_t bytes_of(const Swarm& swarm, abi::ContentKind kind) noexcept;  // what such content must have

// "192.0.2.7:6778", "[2001:db8::7]:6778"; without a port the address alone. address: 4 or 16 bytes.
[[nodiscard]] std::string endpoint_text(abi::Family family, const std::uint8_t* address, std::uint16_t udp_port);

}  // namespace mediaward::control
