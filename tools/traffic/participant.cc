// SPDX-License-Identifier: Apache-2.0
// Builds the cast of a run from conference files (see the header). Main thread, before the first packet.
#include "tools/traffic/participant.h"

#include <algorithm>
#include <cstring>

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

}  // namespace

Result<Model> Model::build(std::span<const ConferenceFile> files, std::uint64_t seed, std::optional<std::uint64_t> first_index) {
  Model model;
  for (std::uint32_t i = 0; i < files.size(); ++i)
    if (auto added = model.add(files[i], i, files.size() > 1, seed, first_index); !added) return tl::unexpected(added.error());
  model.add_flows();
  if (auto good = model.index(); !good) return tl::unexpected(good.error());
  if (model.flows_.empty())
    return fail(ErrorCode::kInvalid, "nobody would receive anything: give at least one sender with an ssrc and one receiver");
  return model;
}

Result<void> Model::add(const ConferenceFile& file, std::uint32_t number, bool several, std::uint64_t seed,
                        std::optional<std::uint64_t> first_index) {
  for (const auto& entry : file.participants) {
    const auto local = Address::parse(entry.local.address);
    const auto remote = Address::parse(entry.remote.address);
    if (!local || !remote) return fail(ErrorCode::kInvalid, "participant " + entry.id + ": local or remote is not an address");
    const auto self = static_cast<std::uint32_t>(participants_.size());
    participants_.push_back({several ? file.id + "/" + entry.id : entry.id, number, make_mac(self + 1), *local, *remote,
                             entry.local.udp_port, entry.remote.udp_port, entry.receive_suite, entry.send_suite, entry.receive_key,
                             entry.send_key, entry.dscp, entry.may_send, entry.may_receive});
    if (!entry.may_send) continue;
    for (const std::uint32_t ssrc : entry.ssrcs)
      streams_.push_back(
          {self, ssrc, first_index.value_or(mix(seed ^ ssrc) & 0xffff), 0});  // RFC 3550 §5.1: not guessable; here repeatable
  }
  return {};
}

void Model::add_flows() {
  for (std::uint32_t s = 0; s < streams_.size(); ++s) {
    for (std::uint32_t r = 0; r < participants_.size(); ++r) {
      const bool hears = r != streams_[s].sender && participants_[r].may_receive &&
                         participants_[r].conference == participants_[streams_[s].sender].conference;
      if (!hears) continue;
      flows_.push_back({s, r});
      ++streams_[s].receivers;
    }
  }
}

Result<void> Model::index() {
  by_flow_.reserve(flows_.size());
  by_endpoint_.reserve(participants_.size());
  for (std::uint32_t f = 0; f < flows_.size(); ++f) by_flow_.insert(flow_key(flows_[f].receiver, streams_[flows_[f].stream].ssrc), f);
  for (std::uint32_t i = 0; i < participants_.size(); ++i) {
    const Participant& p = participants_[i];
    if (const std::uint32_t other = find_receiver(p.remote.bytes.data(), p.remote.v6, p.remote_port); other != kNone)
      return fail(ErrorCode::kInvalid, "participants " + participants_[other].name + " and " + p.name + " share " + p.remote.to_string() +
                                           " port " + std::to_string(p.remote_port) + "; give each its own");
    by_endpoint_.insert(endpoint_key(p.remote.bytes.data(), p.remote.v6, p.remote_port), i);
  }
  // Participants behind one address are one host: one MAC.
  for (std::uint32_t i = 0; i < participants_.size(); ++i)
    for (std::uint32_t j = 0; j < i; ++j)
      if (participants_[j].remote == participants_[i].remote) participants_[i].mac = participants_[j].mac;
  return {};
}

std::uint32_t Model::find_receiver(const std::byte* address, bool v6, std::uint16_t udp_port) const noexcept {
  return by_endpoint_.find(endpoint_key(address, v6, udp_port), [&](std::uint32_t i) {
    const Participant& p = participants_[i];
    return p.remote.v6 == v6 && p.remote_port == udp_port && std::memcmp(p.remote.bytes.data(), address, p.remote.size()) == 0;
  });
}

std::uint32_t Model::find_flow(std::uint32_t receiver, std::uint32_t ssrc) const noexcept {
  return by_flow_.find(flow_key(receiver, ssrc), [](std::uint32_t) { return true; });
}

bool Model::is_known_ssrc(std::uint32_t ssrc) const noexcept {
  return std::any_of(streams_.begin(), streams_.end(), [&](const Stream& s) { return s.ssrc == ssrc; });
}

std::uint16_t Model::unused_local_port(std::uint32_t participant) const noexcept {
  const Participant& p = participants_[participant];
  for (std::uint16_t port = static_cast<std::uint16_t>(p.local_port + 1); port != p.local_port; ++port) {
    if (port < 1024) continue;
    const bool used = std::any_of(participants_.begin(), participants_.end(),
                                  [&](const Participant& other) { return other.local == p.local && other.local_port == port; });
    if (!used) return port;
  }
  return 9;  // discard (RFC 863); 64 k participants on one address do not happen
}

Address Model::unused_address(std::uint32_t participant) const noexcept {
  const Participant& p = participants_[participant];
  Address candidate = p.remote.plus(1);
  while (std::any_of(participants_.begin(), participants_.end(),
                     [&](const Participant& other) { return other.remote == candidate || other.local == candidate; }))
    candidate = candidate.plus(1);
  return candidate;
}

}  // namespace mediaward::tools::traffic
