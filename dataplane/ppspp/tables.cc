// SPDX-License-Identifier: Apache-2.0
// See tables.h: which admission covers an address. One hash lookup per prefix length that is in use, however many admissions there are; and how
// the lookups of a burst wait for memory together.
// The worker's own thread.
#include "dataplane/ppspp/tables.h"

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::size_t family_index(Family family) noexcept { return family == Family::kIpv6 ? 1 : 0; }

void cut_to(std::byte* address, unsigned bits) noexcept {
  const unsigned whole = bits / 8;
  if (whole == 16) return;
  address[whole] &= static_cast<std::byte>(0xff00u >> (bits % 8));
  std::memset(address + whole + 1, 0, 15 - whole);
}

}  // namespace

const AdmissionView* PeerTables::admission(const PeerKey& peer) const noexcept {
  AdmissionKey key;
  key.swarm_slot = peer.swarm_slot;
  key.port = peer.port;
  key.family = peer.family;
  std::memcpy(key.address, peer.address, sizeof key.address);
  const auto& lengths = lengths_[family_index(peer.family)];
  for (unsigned bits = peer.family == Family::kIpv6 ? 128 : 32;; --bits) {
    const Lengths& in_use = lengths[bits];
    if (in_use.with_port + in_use.any_port != 0) {
      cut_to(key.address, bits);
      key.bits = static_cast<std::uint8_t>(bits);
      key.peer_port_raw = peer.peer_port_raw;
      if (in_use.with_port != 0)
        if (const AdmissionView* found = admissions.find(key); found != nullptr) return found;
      key.peer_port_raw = 0;
      if (in_use.any_port != 0)
        if (const AdmissionView* found = admissions.find(key); found != nullptr) return found;
    }
    if (bits == 0) return nullptr;
  }
}

// In rounds, each over the whole burst: what one round asks for, the next one reads.
void PeerTables::look_ahead(std::span<FirstLookup> burst) const noexcept {
  for (FirstLookup& first : burst) {
    first.hash = first.swarm.hash();
    swarms_by_key.prefetch_entry(first.hash);
  }
  for (FirstLookup& first : burst) {
    first.probable = swarms_by_key.probable(first.hash);
    prefetch(first.probable);
  }
  for (FirstLookup& first : burst) {
    if (first.probable == nullptr) continue;
    prefetch(first.probable->key.data);
    PeerKey key = first.sender;
    key.swarm_slot = first.probable->slot;
    peers_by_key.prefetch_entry(key.hash());
    key.peer_port_raw = 0;
    peers_by_key.prefetch_entry(key.hash());
    AdmissionKey admitted;  // of the whole address: shorter prefixes are few, and near
    admitted.swarm_slot = key.swarm_slot;
    admitted.port = key.port;
    admitted.family = key.family;
    admitted.bits = key.family == Family::kIpv6 ? 128 : 32;
    const Lengths& in_use = lengths_[family_index(key.family)][admitted.bits];
    if (in_use.any_port == 0) admitted.peer_port_raw = first.sender.peer_port_raw;
    std::memcpy(admitted.address, key.address, sizeof admitted.address);
    first.hash = admitted.hash();
    admissions.prefetch_entry(first.hash);
  }
  for (const FirstLookup& first : burst)
    if (first.probable != nullptr) prefetch(admissions.probable(first.hash));
}

void PeerTables::set_admission(const AdmissionView* admission) noexcept {
  const std::size_t before = admissions.size();
  admissions.set(admission);
  if (admissions.size() == before) return;
  Lengths& in_use = lengths_[family_index(admission->key.family)][admission->key.bits];
  ++(admission->key.peer_port_raw != 0 ? in_use.with_port : in_use.any_port);
}

void PeerTables::erase_admission(const AdmissionView* admission) noexcept {
  const std::size_t before = admissions.size();
  admissions.erase(admission->key);
  if (admissions.size() == before) return;
  Lengths& in_use = lengths_[family_index(admission->key.family)][admission->key.bits];
  --(admission->key.peer_port_raw != 0 ? in_use.with_port : in_use.any_port);
}

}  // namespace mediaward::dataplane::ppspp
