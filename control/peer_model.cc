// SPDX-License-Identifier: Apache-2.0
// Sizes, texts and comparison of what swarms consist of. Any thread.
#include "control/peer_model.h"

#include <arpa/inet.h>

#include <cstring>
#include <tuple>
#include <type_traits>

namespace mediaward::control {

namespace {

static_assert(std::has_unique_object_representations_v<abi::ConductPolicy>);
bool same(const abi::ConductPolicy& a, const abi::ConductPolicy& b) noexcept {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

std::string address_text(abi::Family family, const std::uint8_t* address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family == abi::Family::kIpv4 ? AF_INET : AF_INET6, address, text, sizeof text);
  return text;
}

auto metadata(const Swarm& swarm) {
  return std::tie(swarm.id, swarm.kind, swarm.key, swarm.hash, swarm.addressing, swarm.chunk_bytes, swarm.content_bytes, swarm.munro_level,
                  swarm.signature_form, swarm.content_key_id, swarm.content_key_version, swarm.signature, swarm.signature_key_id);
}

auto policy(const Swarm& swarm) {
  return std::tie(swarm.discard_window, swarm.munro_max_age_ms, swarm.source, swarm.fetch, swarm.stored_level, swarm.expires_unix_ns,
                  swarm.cache_quota_bytes, swarm.send_bytes_per_s, swarm.guard_drops, swarm.guard_only);
}

auto content(const Admission& one) {
  return std::tie(one.key, one.port, one.peers, one.udp_port, one.provide, one.receive, one.connect, one.libswift, one.rank, one.has_local,
                  one.local_address, one.max_peers, one.expires_unix_ns, one.send_bytes_per_s);
}

}  // namespace

std::string PeerPrefix::text() const {
  std::string out = address_text(family, address.data());
  return is_one() ? out : out + "/" + std::to_string(bits);
}

std::string admission_key(std::string_view swarm_id, std::string_view id) {
  return std::string(swarm_id) + " " + std::string(id);
}

std::string admission_place(const Admission& one) {
  return one.swarm_id + " " + one.port + " " + one.peers.text() + " " + std::to_string(one.udp_port);
}

bool same_content(const Swarm& a, const Swarm& b) noexcept {
  return metadata(a) == metadata(b) && policy(a) == policy(b) && same(a.conduct, b.conduct);
}

bool same_content(const Admission& a, const Admission& b) noexcept {
  return content(a) == content(b);
}

bool same_content(const SwarmContent& a, const SwarmContent& b) noexcept {
  if (a.swarm_id != b.swarm_id || a.kind != b.kind || a.file != b.file) return false;
  if (a.inline_bytes == b.inline_bytes) return true;
  return a.inline_bytes != nullptr && b.inline_bytes != nullptr && *a.inline_bytes == *b.inline_bytes;
}

std::size_t digest_bytes(std::uint8_t hash) noexcept {
  constexpr std::size_t kBytes[] = {20, 28, 32, 48, 64};
  return hash < std::size(kBytes) ? kBytes[hash] : 0;
}

std::string_view hash_name(std::uint8_t hash) noexcept {
  constexpr std::string_view kNames[] = {"sha1", "sha224", "sha256", "sha384", "sha512"};
  return hash < std::size(kNames) ? kNames[hash] : std::string_view();
}

std::uint64_t chunks_of(const Swarm& swarm) noexcept {
  if (swarm.chunk_bytes == 0 || swarm.content_bytes == 0) return 0;
  return (swarm.content_bytes - 1) / swarm.chunk_bytes + 1;
}

std::uint64_t bytes_of(const Swarm& swarm, abi::ContentKind kind) noexcept {
  return kind == abi::ContentKind::kLeafHashes ? chunks_of(swarm) * digest_bytes(swarm.hash) : swarm.content_bytes;
}

std::string endpoint_text(abi::Family family, const std::uint8_t* address, std::uint16_t udp_port) {
  const std::string text = address_text(family, address);
  if (udp_port == 0) return text;
  return (family == abi::Family::kIpv6 ? "[" + text + "]" : text) + ":" + std::to_string(udp_port);
}

}  // namespace mediaward::control
