// SPDX-License-Identifier: Apache-2.0
// Builds the cast of a run from conference files (see the header). Main thread, before the first packet.
#include "tools/traffic/participant.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "crypto/suite.h"
#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

namespace {

// 02:4d:57 is a locally administered, unicast prefix (IEEE 802 §8.2.2).
Mac make_mac(std::uint32_t number) {
  return {std::byte{0x02},
          std::byte{0x4d},
          std::byte{0x57},
          static_cast<std::byte>(number >> 16),
          static_cast<std::byte>(number >> 8),
          static_cast<std::byte>(number)};
}

std::uint64_t endpoint_key(const std::byte* address, bool v6, std::uint16_t port) noexcept {
  std::uint64_t key = load_raw<std::uint32_t>(address + (v6 ? 12 : 0));
  if (v6) key ^= load_raw<std::uint64_t>(address) * 31 + load_raw<std::uint32_t>(address + 8);
  return key ^ (std::uint64_t{port} << 40) ^ (v6 ? 1 : 0);
}

std::uint64_t flow_key(std::uint32_t receiver, std::uint32_t ssrc) noexcept {
  return (std::uint64_t{receiver} << 32) | ssrc;
}

KeySet make_keys(const std::string& suite, const std::vector<std::uint8_t>& key, const std::vector<std::uint8_t>& mki,
                 const std::vector<ConferenceFile::Key>& more) {
  KeySet out;
  out.suite = crypto::find_suite(suite);
  if (key.empty()) return out;
  out.keys.push_back({key, mki});
  for (const auto& one : more) out.keys.push_back({one.bytes, one.mki});
  return out;
}

// Of a relay that knows no key: what participants agreed on between themselves is nobody's business, so the tool makes it up.
KeySet made_up_keys(std::uint64_t seed) {
  KeySet out;
  out.suite = crypto::find_suite(crypto::Suite::kAesCm128HmacSha1_80);
  std::vector<std::uint8_t> key(std::size_t{out.suite->key_bytes} + out.suite->salt_bytes);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(mix(seed + i));
  out.keys.push_back({std::move(key), {}});
  return out;
}

using Entry = ConferenceFile::Participant;

bool hears(const ConferenceFile& file, const Entry& receiver, const Entry& sender) {
  return &receiver != &sender && sender.may_send && receiver.may_receive && topology_lets_hear(file, receiver.id, sender.id);
}

// Reports go between two participants as soon as media may flow one way between them: about what is heard, and about what is sent.
bool gets_reports(const ConferenceFile& file, const Entry& receiver, const Entry& reporter) {
  return !receiver.rtcp_drop && !reporter.rtcp_drop && (hears(file, receiver, reporter) || hears(file, reporter, receiver));
}

}  // namespace

Result<Model> Model::build(std::span<const ConferenceFile> files, const ModelSettings& settings) {
  if (settings.step == 0 || settings.step > kMaxStep)
    return fail(ErrorCode::kInvalid, "steps between sequence numbers go from 1 to " + std::to_string(kMaxStep) + " (RFC 3711 §3.3.1)");
  Model model;
  for (const ConferenceFile& file : files)
    if (auto added = model.add(file, files.size() > 1, settings); !added) return tl::unexpected(added.error());
  if (auto good = model.index(); !good) return tl::unexpected(good.error());
  if (model.flows_.empty() && !files.empty())
    return fail(ErrorCode::kInvalid, "nobody would receive anything: give at least one sender with an ssrc and one receiver");
  return model;
}

Result<void> Model::add(const ConferenceFile& file, bool several, const ModelSettings& settings) {
  if (file.speakers.loudest != 0)
    return fail(ErrorCode::kUnsupported, file.id + ": [speakers] cannot be played, this tool sends no audio levels (RFC 6464)");
  Conference conference{file.id, file.mode, {}, false};
  conference.group.suite = crypto::find_suite(file.group_suite);
  for (const auto& key : file.group_keys) conference.group.keys.push_back({key.bytes, key.mki});
  conferences_.push_back(std::move(conference));
  const auto first = static_cast<std::uint32_t>(participants_.size()), first_stream = static_cast<std::uint32_t>(streams_.size());
  for (const auto& entry : file.participants)
    if (auto added = add_participant(file, entry, several, settings); !added) return added;
  mark_introduced(file, first_stream);
  add_flows(file, first, first_stream);
  add_rtcp_flows(file, first);
  return {};
}

Result<void> Model::add_participant(const ConferenceFile& file, const ConferenceFile::Participant& entry, bool several,
                                    const ModelSettings& settings) {
  const bool exact = entry.source == ConferenceFile::SourcePolicy::kExact;
  const auto& from = entry.actual_remote.udp_port != 0 ? entry.actual_remote : entry.remote;
  const auto local = Address::parse(entry.local.address), remote = Address::parse(from.address);
  if (!local || !remote)
    return fail(ErrorCode::kInvalid, "participant " + entry.id + ": local or remote is not an address" +
                                         (exact ? "" : "; of one that latches, actual_remote says where it really sends from"));
  const auto self = static_cast<std::uint32_t>(participants_.size());
  Participant p;
  p.name = several ? file.id + "/" + entry.id : entry.id;
  p.conference = static_cast<std::uint32_t>(conferences_.size() - 1);
  p.mac = make_mac(self + 1);
  p.local = *local;
  p.remote = *remote;
  p.local_port = p.local_rtcp_port = entry.local.udp_port;
  p.remote_port = p.remote_rtcp_port = from.udp_port;
  if (!entry.rtcp_mux) {  // RFC 3550 §11
    p.local_rtcp_port = static_cast<std::uint16_t>(entry.local.udp_port + 1);
    p.remote_rtcp_port = entry.remote_rtcp_port != 0 ? entry.remote_rtcp_port : static_cast<std::uint16_t>(from.udp_port + 1);
  }
  p.receive = make_keys(entry.receive_suite, entry.receive_key, entry.receive_mki, entry.more_receive_keys);
  p.send = make_keys(entry.send_suite, entry.send_key, entry.send_mki, entry.more_send_keys);
  p.authenticated = !p.receive.empty() && !entry.end_to_end;
  if (p.receive.empty()) p.receive = made_up_keys(mix(settings.seed) ^ self);
  p.ssrcs = entry.ssrcs;
  // RFC 3550 §8.1: chosen at random; the appliance is not told.
  for (std::uint32_t i = 0; i < entry.ssrc_places; ++i) p.ssrcs.push_back(static_cast<std::uint32_t>(mix(settings.seed ^ self << 8 ^ i)) | 1);
  p.first_stream = static_cast<std::uint32_t>(streams_.size());
  p.dscp = entry.dscp;
  if (entry.replay_window != 0) p.replay_window = entry.replay_window;
  p.may_send = entry.may_send;
  p.may_receive = entry.may_receive;
  p.muted = entry.muted;
  p.rtcp = !entry.rtcp_drop;
  p.plain_srtcp = entry.allow_unencrypted_srtcp;
  p.exact_source = exact;
  p.learned_ssrcs = entry.ssrc_places;
  participants_.push_back(std::move(p));
  if (entry.may_send) add_streams(entry, self, settings);
  return {};
}

void Model::add_streams(const ConferenceFile::Participant& entry, std::uint32_t self, const ModelSettings& settings) {
  const std::vector<std::uint32_t>& ssrcs = participants_[self].ssrcs;
  for (std::size_t i = 0; i < ssrcs.size(); ++i) {
    const std::uint64_t roc = i < entry.initial_rocs.size() ? entry.initial_rocs[i] : 0;
    // RFC 3550 §5.1: not guessable; here repeatable.
    const std::uint64_t first = settings.first_index.value_or((roc << 16) | (mix(settings.seed ^ ssrcs[i]) & 0xffff));
    streams_.push_back({self, ssrcs[i], first, settings.step});
  }
}

// Where anybody latches or brings an SSRC of his own, all streams of the conference introduce themselves. There is room in front.
void Model::mark_introduced(const ConferenceFile& file, std::uint32_t first_stream) {
  const auto learned = [](const Entry& p) { return p.source != ConferenceFile::SourcePolicy::kExact || p.ssrc_places != 0; };
  if (std::none_of(file.participants.begin(), file.participants.end(), learned)) return;
  conferences_.back().introduced = true;
  for (std::uint32_t s = first_stream; s < streams_.size(); ++s) {
    streams_[s].introduced = true;
    if ((streams_[s].first_index & 0xffff) < kMaxIntroductions) streams_[s].first_index += kMaxIntroductions;
  }
}

void Model::add_flows(const ConferenceFile& file, std::uint32_t first, std::uint32_t first_stream) {
  for (std::uint32_t s = first_stream; s < streams_.size(); ++s) {
    Stream& stream = streams_[s];
    const auto& sender = file.participants[stream.sender - first];
    bool somebody = false;
    for (std::uint32_t r = 0; r < file.participants.size(); ++r) {
      somebody = somebody || (first + r != stream.sender && file.participants[r].may_receive);
      if (sender.muted || !hears(file, file.participants[r], sender)) continue;
      flows_.push_back({s, first + r});
      ++stream.receivers;
    }
    stream.isolated = stream.receivers == 0 && somebody;
  }
}

// Whoever has an SSRC reports.
void Model::add_rtcp_flows(const ConferenceFile& file, std::uint32_t first) {
  for (std::uint32_t i = first; i < participants_.size(); ++i) {
    const auto& entry = file.participants[i - first];
    const std::vector<std::uint32_t>& ssrcs = participants_[i].ssrcs;
    for (std::size_t n = 0; n < ssrcs.size() && participants_[i].rtcp; ++n) {
      const auto source = static_cast<std::uint32_t>(rtcp_sources_.size());
      const std::uint32_t stream = entry.may_send ? participants_[i].first_stream + static_cast<std::uint32_t>(n) : kNone;
      rtcp_sources_.push_back({i, ssrcs[n], stream});
      for (std::uint32_t r = 0; r < file.participants.size(); ++r)
        if (gets_reports(file, file.participants[r], entry)) rtcp_flows_.push_back({source, first + r});
      if (!entry.may_send) break;  // a receiver needs one SSRC to report
    }
  }
}

Result<void> Model::index() {
  by_flow_.reserve(flows_.size());
  by_rtcp_flow_.reserve(rtcp_flows_.size());
  by_endpoint_.reserve(2 * participants_.size());
  for (std::uint32_t f = 0; f < flows_.size(); ++f) by_flow_.insert(flow_key(flows_[f].receiver, streams_[flows_[f].stream].ssrc), f);
  for (std::uint32_t f = 0; f < rtcp_flows_.size(); ++f)
    by_rtcp_flow_.insert(flow_key(rtcp_flows_[f].receiver, rtcp_sources_[rtcp_flows_[f].source].ssrc), f);
  for (std::uint32_t i = 0; i < participants_.size(); ++i) {
    const Participant& p = participants_[i];
    if (auto good = index_endpoint(i, p.remote_port, false); !good) return good;
    if (!p.rtcp_mux())
      if (auto good = index_endpoint(i, p.remote_rtcp_port, true); !good) return good;
    for (const std::uint16_t port : {p.local_port, p.local_rtcp_port}) local_ports_.insert({p.local, port});
    addresses_.insert({p.local, p.remote});
    ssrcs_.insert(p.ssrcs.begin(), p.ssrcs.end());
  }
  share_macs();
  return {};
}

Result<void> Model::index_endpoint(std::uint32_t participant, std::uint16_t udp_port, bool rtcp) {
  const Participant& p = participants_[participant];
  if (const auto other = find_endpoint(p.remote.bytes.data(), p.remote.v6, udp_port); other.participant != kNone)
    return fail(ErrorCode::kInvalid, "participants " + participants_[other.participant].name + " and " + p.name + " share " +
                                         p.remote.to_string() + " port " + std::to_string(udp_port) + "; give each its own");
  by_endpoint_.insert(endpoint_key(p.remote.bytes.data(), p.remote.v6, udp_port), 2 * participant + (rtcp ? 1 : 0));
  return {};
}

// Participants behind one address are one host: one MAC.
void Model::share_macs() {
  std::map<Address, Mac> hosts;
  for (Participant& p : participants_) p.mac = hosts.try_emplace(p.remote, p.mac).first->second;
}

const KeySet& Model::keys_between(const Participant& sender, const Participant& receiver) const noexcept {
  const Conference& conference = conferences_[receiver.conference];
  if (conference.mode == Mode::kGroup) return conference.group;
  return conference.mode == Mode::kRelay ? sender.receive : receiver.send;
}

Model::Endpoint Model::find_endpoint(const std::byte* address, bool v6, std::uint16_t udp_port) const noexcept {
  const std::uint32_t found = by_endpoint_.find(endpoint_key(address, v6, udp_port), [&](std::uint32_t i) {
    const Participant& p = participants_[i / 2];
    return p.remote.v6 == v6 && (i % 2 != 0 ? p.remote_rtcp_port : p.remote_port) == udp_port &&
           std::memcmp(p.remote.bytes.data(), address, p.remote.size()) == 0;
  });
  if (found == kNone) return {};
  const bool rtcp_port = found % 2 != 0;
  return {found / 2, !rtcp_port, rtcp_port || participants_[found / 2].rtcp_mux()};
}

std::uint32_t Model::find_flow(std::uint32_t receiver, std::uint32_t ssrc) const noexcept {
  return by_flow_.find(flow_key(receiver, ssrc), [](std::uint32_t) { return true; });
}

std::uint32_t Model::find_rtcp_flow(std::uint32_t receiver, std::uint32_t ssrc) const noexcept {
  return by_rtcp_flow_.find(flow_key(receiver, ssrc), [](std::uint32_t) { return true; });
}

std::uint16_t Model::unused_local_port(std::uint32_t participant) const noexcept {
  const Participant& p = participants_[participant];
  for (auto port = static_cast<std::uint16_t>(p.local_port + 1); port != p.local_port; ++port)
    if (port >= 1024 && !local_ports_.contains({p.local, port})) return port;
  return 9;  // discard (RFC 863); 64 k participants on one address do not happen
}

Address Model::unused_address(std::uint32_t participant) const noexcept {
  Address candidate = participants_[participant].remote.plus(1);
  while (addresses_.contains(candidate)) candidate = candidate.plus(1);
  return candidate;
}

}  // namespace mediaward::tools::traffic
