// SPDX-License-Identifier: Apache-2.0
// Conference file into messages. What the file's reader has checked is not checked again; the daemon checks everything. One thread.
#include "tools/mediawardctl/conference_message.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "crypto/suite.h"
#include "tools/conference_text.h"

namespace mediaward::tools {

namespace {

using Participant = ConferenceFile::Participant;
using Key = ConferenceFile::Key;
using KeySets = google::protobuf::RepeatedPtrField<v1::KeySet>;

// key ‖ salt as the file has it, cut where the suite says. A wrong length is left for the daemon to name.
void fill_key(v1::KeySet& out, const std::string& suite, const Key& in) {
  const auto* row = crypto::find_suite(std::string_view(suite));
  const std::size_t cut = std::min<std::size_t>(row != nullptr ? row->key_bytes : 16, in.bytes.size());
  const auto* bytes = reinterpret_cast<const char*>(in.bytes.data());
  out.set_suite(suite);
  out.mutable_master_key()->assign(bytes, cut);
  out.mutable_master_salt()->assign(bytes + cut, in.bytes.size() - cut);
  out.mutable_mki()->assign(in.mki.begin(), in.mki.end());
  out.set_lifetime_packets(in.lifetime);
  out.set_lifetime_srtcp_packets(in.srtcp_lifetime);
}

void fill_keys(KeySets& out, const std::string& suite, const std::vector<Key>& in) {
  for (const auto& key : in) fill_key(*out.Add(), suite, key);
}

void wipe(std::vector<std::uint8_t>& bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

void wipe(std::vector<Key>& keys) {
  for (auto& key : keys) wipe(key.bytes);
}

// The keys of a Leg or a RekeyLeg.
template <typename Message>
bool fill_leg_keys(Message& out, const Participant& in) {
  const bool receives = !in.receive_key.empty() && !in.end_to_end;
  if (receives) {
    Key key{in.receive_key, in.receive_mki, in.receive_lifetime, in.receive_srtcp_lifetime};
    fill_key(*out.mutable_receive_key(), in.receive_suite, key);
    fill_keys(*out.mutable_more_receive_keys(), in.receive_suite, in.more_receive_keys);
    wipe(key.bytes);
  }
  if (!in.send_key.empty()) {
    Key key{in.send_key, in.send_mki, in.send_lifetime, in.send_srtcp_lifetime};
    fill_key(*out.mutable_send_key(), in.send_suite, key);
    fill_keys(*out.mutable_more_send_keys(), in.send_suite, in.more_send_keys);
    wipe(key.bytes);
  }
  return receives || !in.send_key.empty();
}

void fill_endpoint(v1::Endpoint& out, const ConferenceFile::Endpoint& in) {
  out.set_address(in.address);
  out.set_udp_port(in.udp_port);
}

v1::Direction direction_of(const Participant& in) {
  if (in.may_send) return in.may_receive ? v1::DIRECTION_BOTH : v1::DIRECTION_SEND_ONLY;
  return in.may_receive ? v1::DIRECTION_RECEIVE_ONLY : v1::DIRECTION_INACTIVE;
}

void fill_policies(v1::Leg& out, const Participant& in) {
  constexpr v1::SourcePolicy kSources[] = {v1::SOURCE_POLICY_EXACT, v1::SOURCE_POLICY_FIRST_AUTHENTICATED,
                                           v1::SOURCE_POLICY_LATEST_AUTHENTICATED};
  out.set_dscp(in.dscp);
  out.set_direction(direction_of(in));
  out.set_muted(in.muted);
  out.set_source_policy(kSources[static_cast<std::uint8_t>(in.source)]);
  if (in.source_filter) out.set_source_filter(to_text(*in.source_filter));
  out.set_ssrc_policy(in.ssrc_places != 0 ? v1::SSRC_POLICY_FIRST_AUTHENTICATED : v1::SSRC_POLICY_FIXED);
  out.set_srtcp_policy(in.rtcp_drop ? v1::SRTCP_POLICY_DROP : v1::SRTCP_POLICY_FORWARD);
  out.set_rtcp_transport(in.rtcp_mux ? v1::RTCP_TRANSPORT_MULTIPLEXED : v1::RTCP_TRANSPORT_SEPARATE);
  out.set_remote_rtcp_port(in.remote_rtcp_port);
  out.set_allow_unencrypted_srtcp(in.allow_unencrypted_srtcp);
  out.set_audio_level_id(in.audio_level_id);
  out.set_replay_window(in.replay_window);
}

void fill_leg(v1::Leg& out, const ConferenceFile& conference, const Participant& in) {
  out.set_id(leg_id(conference, in.id));
  out.set_conference_id(conference.id);
  out.set_port(in.port);
  fill_endpoint(*out.mutable_local(), in.local);
  if (in.remote.udp_port != 0) fill_endpoint(*out.mutable_remote(), in.remote);
  static_cast<void>(fill_leg_keys(out, in));
  fill_policies(out, in);
}

void add_streams(v1::ReplaceConference& out, const std::string& leg, const Participant& in) {
  const auto add = [&](std::string id, std::uint32_t ssrc, std::uint32_t roc) {
    auto& stream = *out.add_streams();
    stream.set_id(std::move(id));
    stream.set_leg_id(leg);
    stream.set_ssrc(ssrc);
    stream.set_initial_roc(roc);
  };
  for (std::size_t i = 0; i < in.ssrcs.size(); ++i)
    add(fmt::format("{}/{:08x}", leg, in.ssrcs[i]), in.ssrcs[i], in.initial_rocs.empty() ? 0 : in.initial_rocs[i]);
  for (unsigned place = 1; place <= in.ssrc_places; ++place) add(fmt::format("{}/place-{}", leg, place), 0, 0);
}

void fill_conference(v1::Conference& out, const ConferenceFile& in) {
  constexpr v1::ForwardingMode kModes[] = {v1::FORWARDING_MODE_PER_PARTICIPANT_KEYS, v1::FORWARDING_MODE_GROUP_KEY,
                                           v1::FORWARDING_MODE_RELAY};
  out.set_id(in.id);
  out.set_mode(kModes[static_cast<std::uint8_t>(in.mode)]);
  out.set_spread(in.spread);
  fill_keys(*out.mutable_group_keys(), in.group_suite, in.group_keys);
  if (in.speakers.loudest == 0) return;
  out.mutable_speakers()->set_loudest(in.speakers.loudest);
  out.mutable_speakers()->set_hysteresis_db(in.speakers.hysteresis_db);
  out.mutable_speakers()->set_hold_ms(in.speakers.hold_ms);
}

}  // namespace

std::string leg_id(const ConferenceFile& conference, const std::string& participant) {
  return conference.id + "/" + participant;
}

void fill(v1::ReplaceConference& out, const ConferenceFile& in) {
  constexpr v1::TopologyRelation kRelations[] = {v1::TOPOLOGY_RELATION_BOTH, v1::TOPOLOGY_RELATION_ONEWAY, v1::TOPOLOGY_RELATION_ISOLATE};
  fill_conference(*out.mutable_conference(), in);
  for (const auto& participant : in.participants) {
    fill_leg(*out.add_legs(), in, participant);
    add_streams(out, leg_id(in, participant.id), participant);
  }
  for (const auto& one : in.topology) {
    auto& entry = *out.add_topology();
    entry.set_leg_a(leg_id(in, one.from));
    entry.set_leg_b(leg_id(in, one.to));
    entry.set_relation(kRelations[static_cast<std::uint8_t>(one.relation)]);
  }
}

bool fill(v1::RekeyConference& out, const ConferenceFile& in) {
  out.set_conference_id(in.id);
  fill_keys(*out.mutable_group_keys(), in.group_suite, in.group_keys);
  return !in.group_keys.empty();
}

bool fill(v1::RekeyLeg& out, const ConferenceFile& conference, const Participant& in) {
  out.set_leg_id(leg_id(conference, in.id));
  return fill_leg_keys(out, in);
}

void wipe_keys(ConferenceFile& file) {
  wipe(file.group_keys);
  for (auto& participant : file.participants) {
    for (auto* key : {&participant.receive_key, &participant.send_key}) wipe(*key);
    for (auto* keys : {&participant.more_receive_keys, &participant.more_send_keys}) wipe(*keys);
  }
}

}  // namespace mediaward::tools
