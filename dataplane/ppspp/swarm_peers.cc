// SPDX-License-Identifier: Apache-2.0
// Peers as they make contact, and the commands that tell the workers of swarms, admissions and peers. See swarm_book.h. Main thread.
#include <algorithm>

#include "dataplane/ppspp/policy.h"
#include "dataplane/ppspp/swarm_book.h"
#include "dataplane/udp_path.h"
#include "dataplane/worker.h"

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint32_t kPeersPerAdmission = 64;
constexpr std::uint8_t kChannelsPerPeer = 4;

IpAddress address_in(const PeerKey& key) {
  return key.family == Family::kIpv4 ? IpAddress::v4(key.address) : IpAddress::v6(key.address);
}

}  // namespace

PeerKey SwarmBook::contact_key(const AdmissionObject& admission, const PortSettings& port) {
  const abi::Admission& m = admission.terms;
  PeerKey key;
  key.swarm_slot = admission.view->key.swarm_slot;
  key.port = admission.view->key.port;
  key.peer_port_raw = admission.view->key.peer_port_raw;
  key.family = m.family;
  const std::size_t bytes = m.family == Family::kIpv4 ? 4 : 16;
  std::memcpy(key.address, m.address, bytes);
  const bool any = std::all_of(m.local_address, m.local_address + bytes, [](std::uint8_t b) { return b == 0; });
  for (std::size_t i = 0; i < port.addresses.size(); ++i) {
    const IpAddress& ours = port.addresses[i].address;
    if (ours.family != m.family || (!any && std::memcmp(ours.bytes.data(), m.local_address, bytes) != 0)) continue;
    key.address_index = static_cast<std::uint8_t>(i);
    return key;
  }
  key.address_index = 0xff;
  return key;
}

SwarmBook::Check SwarmBook::stage_contact(const WorkerEvent& event) {
  const SwarmObject* swarm = swarms_.find(event.leg_id);
  const AdmissionObject* admission = admissions_.find(event.packets);
  if (swarm == nullptr || admission == nullptr) return refuse(ErrorCode::kNotFound, event.leg_id, "peer", "removed meanwhile");
  PeerKey key;
  key.swarm_slot = swarm->view->slot;
  key.port = event.port;
  key.family = event.family;
  key.address_index = static_cast<std::uint8_t>(event.address_index);
  std::memcpy(key.address, event.head.data(), event.head_bytes);
  // A peer is an address; where the admission names a port, that too. Another port of the same address is the same peer, so that nobody
  // gets a fresh start by changing it.
  key.peer_port_raw = admission->view->key.peer_port_raw;
  if (keys_.find(key.hash()) != nullptr) return {};
  return make_peer(*admission, *swarm, key);
}

SwarmBook::Check SwarmBook::make_peer(const AdmissionObject& admission, const SwarmObject& swarm, const PeerKey& key) {
  const abi::Admission& m = admission.terms;
  const auto refused = [&](ErrorCode code, const char* field, std::string message) { return refuse(code, m.admission_id, field, std::move(message)); };
  if (key.address_index == 0xff) return refused(ErrorCode::kNotFound, "admission.local_address", "not an address of that port");
  std::uint32_t of_admission = 0;
  for_each(peers_, [&](std::uint64_t, const PeerObject& p) { of_admission += p.admission == m.admission_id ? 1 : 0; });
  if (of_admission >= (m.max_peers != 0 ? m.max_peers : kPeersPerAdmission)) return refused(ErrorCode::kExhausted, "admission.max_peers", "as many peers as it may have");
  if (free_peers_.empty())
    return refused(ErrorCode::kExhausted, "admission", "the data plane serves " + std::to_string(settings_.peer_limits.peers) + " peers at most (peer.peers)");
  auto hop = take_hop_(key.port, address_in(key));
  if (!hop) return refused(hop.error().code, "admission.address", hop.error().message);
  const std::uint64_t id = next_peer_++;
  PeerObject& peer = peers_.edit(id);
  peer.swarm = swarm.terms.swarm_id;
  peer.admission = m.admission_id;
  peer.key = key;
  peer.number = std::make_shared<TableNumber>(free_peers_, next_generation_++);
  peer.bundle = std::make_shared<PeerBundle>();
  peer.bundle->hop = std::move(*hop);
  peer.bundle->made_tsc = clock_();
  keys_.edit(key.hash()) = id;
  return make_peer_view(peer);
}

SwarmBook::Check SwarmBook::make_peer_view(PeerObject& peer) {
  const SwarmObject* swarm = swarms_.find(peer.swarm);
  const AdmissionObject* admission = admissions_.find(peer.admission);
  if (swarm == nullptr || admission == nullptr) return {};
  const PortSettings& port = settings_.ports[peer.key.port];
  auto view = tables_.make<Peer>();
  view->key = peer.key;
  view->slot = peer.number->handle().slot;
  view->generation = peer.number->handle().generation;
  view->swarm_id = peer.swarm;
  view->swarm = swarm->view.get();
  view->flags = admission->terms.flags;
  view->rank = admission->terms.rank;
  view->home = home_of(*swarm, *view);
  view->max_channels = kChannelsPerPeer;
  view->banned = peer.banned;
  const std::uint64_t by_admission = admission->terms.send_bytes_per_s, by_conduct = peer.throttle_bytes_per_s;
  view->send_bytes_per_s = by_conduct == 0 ? by_admission : by_admission == 0 ? by_conduct : std::min(by_admission, by_conduct);
  view->expires_tsc = admission->view->expires_tsc;
  view->conduct = &peer.bundle->conduct;
  view->budget = &peer.bundle->budget;
  const UdpEndpoints ends{port.addresses[peer.key.address_index].address, address_in(peer.key), port.ppspp_port, byte_swap(peer.key.peer_port_raw)};
  write_template(view->path, port, ends, 0);
  view->path.hop = peer.bundle->hop.get();
  view->path.port = peer.key.port;
  view->path.object_id = peer.swarm;
  peer.view = std::move(view);
  return {};
}

// Who provides is where chunks are verified. The others are shared out by their address, so that one swarm can have all workers serve.
std::uint8_t SwarmBook::home_of(const SwarmObject& swarm, const Peer& peer) const {
  if (peer.provides()) return swarm.owner;
  const std::byte* address = peer.key.address;
  return static_cast<std::uint8_t>(mix_hash(mix_hash(7, load_raw<std::uint64_t>(address)), load_raw<std::uint64_t>(address + 8)) % settings_.workers.size());
}

void SwarmBook::drop_peers(std::uint64_t swarm, std::uint64_t admission) {
  std::vector<std::uint64_t> gone;
  for_each(peers_, [&](std::uint64_t id, const PeerObject& p) {
    if (p.swarm == swarm && (admission == 0 || p.admission == admission)) gone.push_back(id);
  });
  for (const std::uint64_t id : gone) drop_peer(id);
}

void SwarmBook::drop_peer(std::uint64_t id) {
  const PeerObject* peer = peers_.find(id);
  keys_.erase(peer->key.hash());
  if (const SwarmObject* swarm = swarms_.find(peer->swarm); swarm != nullptr && swarm->judge != nullptr) swarm->judge->forget(id);
  peers_.erase(id);
}

void SwarmBook::build(CommandPlan& plan, CommandPlan& links) const {
  if (!enabled_) return;
  unlink(plan);
  link(links);
}

// Peers go before admissions, and these before swarms: nothing in a table names what is gone.
void SwarmBook::unlink(CommandPlan& plan) const {
  using Op = Command::Op;
  const auto owner_of = [this](std::uint64_t swarm) { return swarms_.committed(swarm)->owner; };
  for (const auto& [id, staged] : peers_.staged()) {
    const PeerObject* before = peers_.committed(id);
    if (before != nullptr && (staged == nullptr || staged->number != before->number || staged->view->home != before->view->home))
      set_peer(plan, owner_of(before->swarm), *before->view, nullptr);
  }
  for (const auto& [id, staged] : admissions_.staged()) {
    const AdmissionObject* before = admissions_.committed(id);
    if (before != nullptr && (staged == nullptr || staged->view != before->view))
      plan[owner_of(before->terms.swarm_id)].push_back({Op::kEraseAdmission, 0, 0, 0, 0, before->view.get()});
  }
  for (const auto& [id, staged] : swarms_.staged()) {
    const SwarmObject* before = swarms_.committed(id);
    if (before == nullptr || (staged != nullptr && staged->number == before->number)) continue;
    for (auto& commands : plan) commands.push_back({Op::kSetSwarm, 0, 0, 0, before->number->handle().slot, nullptr});
  }
}

// A peer is known where its channels are, and to the swarm's owner, who sends its HANDSHAKEs there.
void SwarmBook::set_peer(CommandPlan& plan, std::uint8_t owner, const Peer& peer, const Peer* to) {
  const Command command{Command::Op::kSetPeer, 0, 0, 0, peer.slot, to};
  plan[peer.home].push_back(command);
  if (owner != peer.home) plan[owner].push_back(command);
}

void SwarmBook::link(CommandPlan& plan) const {
  using Op = Command::Op;
  for (const auto& [id, staged] : swarms_.staged())
    if (staged != nullptr)
      for (auto& commands : plan) commands.push_back({Op::kSetSwarm, 0, 0, 0, staged->view->slot, staged->view.get()});
  for (const auto& [id, staged] : admissions_.staged()) {
    if (staged == nullptr) continue;
    const AdmissionObject* before = admissions_.committed(id);
    if (before == nullptr || before->view != staged->view)
      plan[swarms_.find(staged->terms.swarm_id)->owner].push_back({Op::kSetAdmission, 0, 0, 0, 0, staged->view.get()});
  }
  for (const auto& [id, staged] : peers_.staged())
    if (staged != nullptr) set_peer(plan, swarms_.find(staged->swarm)->owner, *staged->view, staged->view.get());
  for (const Audit& audit : audits_)
    if (const PeerObject* peer = peers_.find(audit.peer); peer != nullptr)
      plan[swarms_.find(peer->swarm)->owner].push_back({Op::kAuditPeer, 0, static_cast<std::uint16_t>(audit.chunks), 0, peer->view->slot, nullptr});
}

}  // namespace mediaward::dataplane::ppspp
