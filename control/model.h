// SPDX-License-Identifier: Apache-2.0
// The desired state as values: conferences, legs, streams, topology and their keys, and the immutable snapshot that holds them all, with
// the swarms of peer_model.h.
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

#include "control/peer_model.h"
#include "control/secret.h"
#include "control/shared_map.h"
#include "crypto/error.h"
#include "crypto/suite.h"
#include "dataplane/abi/protocol.h"

namespace mediaward::control {

enum class ObjectKind : std::uint8_t { kConference, kLeg, kStream, kTopology, kSwarm, kAdmission, kContent };
[[nodiscard]] std::string_view to_string(ObjectKind kind) noexcept;  // "conference", "leg", "stream", "topology", "swarm", ...

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
  crypto::Suite suite = crypto::Suite::kNone;  // kNone: no key
  Secret<crypto::kMaxKeyBytes> key;
  Secret<16> salt;
  std::vector<std::uint8_t> mki;
  std::uint64_t lifetime_packets = 0, lifetime_srtcp_packets = 0;  // 0: the limit of the protocol
  [[nodiscard]] bool present() const noexcept { return suite != crypto::Suite::kNone; }
  [[nodiscard]] std::string fingerprint() const;  // first 8 bytes of SHA-256 over key and salt, hex
  bool operator==(const KeySet&) const = default;
};

struct Endpoint {
  abi::Family family = abi::Family::kIpv4;
  std::array<std::uint8_t, 16> address{};  // network order; IPv4 in the first 4
  std::uint16_t udp_port = 0;              // 0: not known
  [[nodiscard]] bool known() const noexcept { return udp_port != 0; }
  [[nodiscard]] std::string address_text() const;
  bool operator==(const Endpoint&) const = default;
  auto operator<=>(const Endpoint&) const = default;
};

// Of source addresses; bits 0: any.
struct Prefix {
  abi::Family family = abi::Family::kIpv4;
  std::array<std::uint8_t, 16> address{};  // nothing set behind the prefix
  std::uint8_t bits = 0;
  [[nodiscard]] std::string text() const;  // "192.0.2.0/24"; "" for any
  bool operator==(const Prefix&) const = default;
};

struct SpeakerPolicy {
  std::uint8_t loudest = 0, hysteresis_db = 0;
  std::uint16_t hold_ms = 0;
  bool operator==(const SpeakerPolicy&) const = default;
};

struct Conference {
  std::string id;
  std::uint64_t handle = 0, version = 0;
  abi::ForwardingMode mode = abi::ForwardingMode::kPerParticipantKeys;
  std::vector<KeySet> group_keys{};  // [0] seals
  SpeakerPolicy speakers{};
  bool spread = false;
};

struct Leg {
  std::string id, conference_id, port;
  std::uint64_t handle = 0, version = 0;
  Endpoint local, remote;
  KeySet receive_key, send_key;
  std::vector<KeySet> more_receive_keys{}, more_send_keys{};
  std::uint8_t dscp = 0;
  bool may_send = true, may_receive = true;  // the participant
  bool muted = false, allow_unencrypted_srtcp = false;
  bool rtcp_mux = true;
  std::uint16_t remote_rtcp_port = 0;  // without rtcp_mux; 0: the one behind remote's
  abi::SourcePolicy source_policy = abi::SourcePolicy::kExact;
  abi::SsrcPolicy ssrc_policy = abi::SsrcPolicy::kFixed;
  abi::RtcpPolicy rtcp_policy = abi::RtcpPolicy::kForward;
  Prefix source_filter{};
  std::uint16_t replay_window = 0;  // 0: the default
  std::uint8_t audio_level_id = 0;
};

struct Stream {
  std::string id, leg_id;
  std::uint64_t handle = 0, version = 0;
  std::uint32_t ssrc = 0, initial_roc = 0;  // ssrc 0: a place for one that is not known yet
};

// An exception to everybody hearing everybody: one per pair of legs, whatever their order.
struct TopologyEntry {
  std::string id;  // topology_id of the two legs
  std::string conference_id, leg_a, leg_b;
  std::uint64_t version = 0;
  abi::TopologyRelation relation = abi::TopologyRelation::kBoth;  // kBoth is never kept
};
[[nodiscard]] std::string topology_id(const std::string& leg_a, const std::string& leg_b);  // both ids, the smaller first

// Equal but for the version: nothing to send.
[[nodiscard]] bool same_content(const Conference& a, const Conference& b) noexcept;
[[nodiscard]] bool same_content(const Leg& a, const Leg& b) noexcept;
[[nodiscard]] bool same_content(const Stream& a, const Stream& b) noexcept;
[[nodiscard]] bool same_content(const TopologyEntry& a, const TopologyEntry& b) noexcept;

template <typename T>
using ObjectMap = std::map<std::string, std::shared_ptr<const T>, std::less<>>;

// Everything the appliance shall carry, at one revision.
struct DesiredState {
  std::uint64_t revision = 0;
  ObjectMap<Conference> conferences;
  ObjectMap<Leg> legs;
  ObjectMap<Stream> streams;
  ObjectMap<TopologyEntry> topology;
  std::multimap<std::string, std::string, std::less<>> legs_of;      // conference id → leg ids
  std::multimap<std::string, std::string, std::less<>> streams_of;   // leg id → stream ids
  std::multimap<std::string, std::string, std::less<>> topology_of;  // leg id → topology ids, each under both legs
  std::unordered_map<std::uint64_t, ObjectName> names;               // handle → name, of conferences, legs and streams

  SharedMap<Swarm, &Swarm::id> swarms;
  SharedMap<Swarm, &Swarm::handle> swarms_by_handle;
  SharedMap<Swarm, &Swarm::key> swarms_by_key;
  SharedMap<Admission, &Admission::key> admissions;  // those of a swarm side by side
  SharedMap<Admission, &Admission::handle> admissions_by_handle;
  SharedMap<Admission, &Admission::place> admission_places;
  SharedMap<SwarmContent, &SwarmContent::swarm_id> contents;

  [[nodiscard]] std::size_t size() const noexcept {
    return conferences.size() + legs.size() + streams.size() + topology.size() + swarms.size() + admissions.size() + contents.size();
  }
  [[nodiscard]] std::string name_of(std::uint64_t handle) const;  // "leg a/b"; "" for 0; "object <hex>" when unknown
  // Calls visit(admission) for each of the swarm's, by id, until it returns false.
  template <typename Visit>
  void for_each_admission(const std::string& swarm_id, Visit visit) const {
    for (auto at = admissions.lower_bound(admission_key(swarm_id, "")); at != admissions.end() && at->swarm_id == swarm_id; ++at)
      if (!visit(**at)) return;
  }
  [[nodiscard]] std::size_t admission_count(const std::string& swarm_id) const;
  [[nodiscard]] bool lets_hear(const std::string& receiver_leg, const std::string& sender_leg) const;  // as far as topology goes
};
using Snapshot = std::shared_ptr<const DesiredState>;
// The same state without the content of these swarms; the state itself when there are none.
[[nodiscard]] Snapshot without_contents(const Snapshot& state, const std::map<std::string, std::string>& swarms);

// An error with the place in the request that caused it.
struct ApiError {
  Error error;
  std::string object{}, field{};
  int operation_index = -1;
  bool stale_epoch = false;
};
template <typename T>
using ApiResult = tl::expected<T, ApiError>;

// An error at an object; the operation is filled in by who knows it.
[[nodiscard]] ApiError object_error(ErrorCode code, const ObjectName& object, std::string field, std::string message);

}  // namespace mediaward::control
