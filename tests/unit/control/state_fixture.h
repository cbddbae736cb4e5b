// SPDX-License-Identifier: Apache-2.0
// Legs, streams and transactions to test with. Test thread.
#pragma once

#include <string>
#include <vector>

#include "control/store.h"

namespace mediaward::control::test {

inline KeySet make_key(std::uint8_t seed, crypto::Suite suite = crypto::Suite::kAesCm128HmacSha1_80) {
  KeySet key;
  key.suite = suite;
  const auto* row = crypto::find_suite(suite);
  if (!key.key.assign(std::vector<std::uint8_t>(row->key_bytes, seed))) return {};
  if (!key.salt.assign(std::vector<std::uint8_t>(row->salt_bytes, static_cast<std::uint8_t>(seed ^ 0xff)))) return {};
  return key;
}

inline Endpoint make_endpoint(std::uint8_t last, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address = {192, 0, 2, last};
  endpoint.udp_port = port;
  return endpoint;
}

inline LegRequest make_leg(const std::string& conference, const std::string& name, std::uint8_t number) {
  LegRequest request;
  request.leg.id = conference + "/" + name;
  request.leg.conference_id = conference;
  request.leg.port = "media0";
  request.leg.local = make_endpoint(1, static_cast<std::uint16_t>(20000 + number));
  request.leg.remote = make_endpoint(static_cast<std::uint8_t>(10 + number), 5004);
  request.leg.receive_key = make_key(static_cast<std::uint8_t>(2 * number + 1));
  request.leg.send_key = make_key(static_cast<std::uint8_t>(2 * number + 2));
  request.has_receive_key = request.has_send_key = true;
  return request;
}

inline Stream make_stream(const std::string& leg, std::uint32_t ssrc) {
  Stream stream;
  stream.id = leg + "/" + std::to_string(ssrc);
  stream.leg_id = leg;
  stream.ssrc = ssrc;
  return stream;
}

inline Conference make_conference(const std::string& id) {
  Conference conference;
  conference.id = id;
  return conference;
}

// A conference "c" of alice (SSRC 1) and bob (SSRC 2).
inline std::vector<Operation> two_participants(const std::string& id = "c") {
  return {make_conference(id), make_leg(id, "alice", 1), make_leg(id, "bob", 2), make_stream(id + "/alice", 1),
          make_stream(id + "/bob", 2)};
}

inline TopologyEntry make_topology(const std::string& conference, const std::string& a, const std::string& b,
                                   abi::TopologyRelation relation) {
  TopologyEntry entry;
  entry.conference_id = conference;
  entry.leg_a = conference + "/" + a;
  entry.leg_b = conference + "/" + b;
  entry.relation = relation;
  return entry;
}

// A leg of a conference whose members are not sealed for one by one.
inline LegRequest make_listener(const std::string& conference, const std::string& name, std::uint8_t number) {
  LegRequest request = make_leg(conference, name, number);
  request.leg.send_key = {};
  request.has_send_key = false;
  return request;
}

inline Conference make_group(const std::string& id) {
  Conference conference = make_conference(id);
  conference.mode = abi::ForwardingMode::kGroupKey;
  conference.group_keys = {make_key(90), make_key(91)};
  conference.speakers = {3, 6, 1500};
  return conference;
}

// The same two under a group key, with the three loudest.
inline std::vector<Operation> group_of_two(const std::string& id = "c") {
  return {make_group(id), make_listener(id, "alice", 1), make_listener(id, "bob", 2), make_stream(id + "/alice", 1),
          make_stream(id + "/bob", 2)};
}

}  // namespace mediaward::control::test
