// SPDX-License-Identifier: Apache-2.0
// See tables.h: which admission covers an address. One hash lookup per prefix length that is in use, however many admissions there are.
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
