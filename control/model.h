// SPDX-License-Identifier: Apache-2.0
// The desired state as values: conferences, legs, streams and their keys, and the immutable snapshot that holds them all.
// Objects are shared between snapshots and never change once they are in one, so that readers need no lock and a key has one copy.
// It knows neither the API nor the data plane's socket. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/secret.h"
#include "crypto/error.h"
#include "crypto/suite.h"
#include "dataplane/abi/protocol.h"

namespace mediaward::control {

enum class ObjectKind : std::uint8_t { kConference, kLeg, kStream };
[[nodiscard]] std::string_view to_string(ObjectKind kind) noexcept;  // "conference", "leg", "stream"

// 64-bit id in the data plane: the first 8 bytes of SHA-256 over "kind/id", never 0; equal in every life of the daemon.
[[nodiscard]] std::uint64_t object_handle(ObjectKind kind, std::string_view id);
[[nodiscard]] std::string handle_text(std::uint64_t handle);  // 16 hex digits

struct ObjectName {
  ObjectKind kind = ObjectKind::kConference;
  std::string id;
  [[nodiscard]] std::string text() const { return std::string(to_string(kind)) + " " + id; }
  bool operator==(const ObjectName&) const = default;
};

struct KeySet {
  crypto::Suite suite = crypto::Suite::kNone;
  Secret<crypto::kMaxKeyBytes> key;
  Secret<16> salt;
  std::vector<std::uint8_t> mki;
  std::uint64_t lifetime_packets = 0;             // 0: the limit of the transform
  [[nodiscard]] std::string fingerprint() const;  // first 8 bytes of SHA-256 over key and salt, hex
  bool operator==(const KeySet&) const = default;
};

struct Endpoint {
  abi::Family family = abi::Family::kIpv4;
  std::array<std::uint8_t, 16> address{};  // network order; IPv4 in the first 4
  std::uint16_t udp_port = 0;
  [[nodiscard]] std::string address_text() const;
  bool operator==(const Endpoint&) const = default;
  auto operator<=>(const Endpoint&) const = default;
};

struct Conference {
  std::string id;
  std::uint64_t handle = 0, version = 0;
  abi::ForwardingMode mode = abi::ForwardingMode::kPerParticipantKeys;
};

struct Leg {
  std::string id, conference_id, port;
  std::uint64_t handle = 0, version = 0;
  Endpoint local, remote;
  KeySet receive_key, send_key;
  std::uint8_t dscp = 0;
  bool may_send = true, may_receive = true;  // the participant
};

struct Stream {
  std::string id, leg_id;
  std::uint64_t handle = 0, version = 0;
  std::uint32_t ssrc = 0, initial_roc = 0;
};

// Equal but for the version: nothing to send.
[[nodiscard]] bool same_content(const Conference& a, const Conference& b) noexcept;
[[nodiscard]] bool same_content(const Leg& a, const Leg& b) noexcept;
[[nodiscard]] bool same_content(const Stream& a, const Stream& b) noexcept;

template <typename T>
using ObjectMap = std::map<std::string, std::shared_ptr<const T>, std::less<>>;

// Everything the appliance shall carry, at one revision.
struct DesiredState {
  std::uint64_t revision = 0;
  ObjectMap<Conference> conferences;
  ObjectMap<Leg> legs;
  ObjectMap<Stream> streams;
  std::multimap<std::string, std::string, std::less<>> legs_of;     // conference id → leg ids
  std::multimap<std::string, std::string, std::less<>> streams_of;  // leg id → stream ids
  std::unordered_map<std::uint64_t, ObjectName> names;              // handle → name

  [[nodiscard]] std::size_t size() const noexcept { return conferences.size() + legs.size() + streams.size(); }
  [[nodiscard]] std::string name_of(std::uint64_t handle) const;  // "leg a/b"; "" for 0; "object <hex>" when unknown
};
using Snapshot = std::shared_ptr<const DesiredState>;

// An error with the place in the request that caused it.
struct ApiError {
  Error error;
  std::string object{}, field{};
  int operation_index = -1;
  bool stale_epoch = false;
};
template <typename T>
using ApiResult = tl::expected<T, ApiError>;

}  // namespace mediaward::control
