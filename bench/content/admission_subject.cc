// SPDX-License-Identifier: Apache-2.0
// See admission_subject.h.
#include "bench/content/admission_subject.h"

#include <array>
#include <random>
#include <stdexcept>

#include "bench/content/remote_peer.h"
#include "bench/support/cpu_clock.h"
#include "dataplane/wire/ppspp_message.h"
#include "dataplane/wire/ppspp_writer.h"

namespace mediaward::bench {
namespace {

namespace pp = dataplane::ppspp;

constexpr std::uint32_t kAdmitted = 0x0a000000;   // 10.0.0.0 and on
constexpr std::uint32_t kStrangers = 0xac100000;  // 172.16.0.0 and on

}  // namespace

AdmissionSubject::AdmissionSubject(std::size_t swarms, std::size_t admissions, std::size_t senders)
    : tables_(swarms, admissions, 4096), keys_(swarms), swarms_(swarms), admissions_(admissions) {
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < swarms; ++i) {
    for (auto& byte : keys_[i]) byte = static_cast<std::byte>(random());
    swarms_[i].key = {keys_[i].data(), static_cast<std::uint16_t>(keys_[i].size())};
    swarms_[i].slot = static_cast<std::uint32_t>(i);
    tables_.swarms[i] = &swarms_[i];
    tables_.swarms_by_key.set(&swarms_[i]);
  }
  for (std::size_t i = 0; i < admissions; ++i) {
    admissions_[i].key.swarm_slot = static_cast<std::uint32_t>(i % swarms);
    admissions_[i].key.bits = 32;
    store_be32(admissions_[i].key.address, kAdmitted + static_cast<std::uint32_t>(i));
    admissions_[i].id = 1 + i;
    tables_.set_admission(&admissions_[i]);
  }
  for (std::size_t i = 0; i < senders; ++i) firsts_.push_back(make_first(random() % admissions, i % 2 == 0));
}

AdmissionSubject::First AdmissionSubject::make_first(std::size_t number, bool admitted) const {
  First first;
  first.admitted = admitted;
  const std::size_t swarm = number % keys_.size();
  pp::HandshakeOptions o;
  o.set_version(pp::kPpsppVersion, pp::kPpsppVersion).set_swarm_id(keys_[swarm]);
  o.set_integrity(pp::IntegrityMethod::kMerkleTree).set_merkle(pp::MerkleFunction::kSha256).set_addressing(pp::Addressing::kChunk32);
  o.set_supported(pp::kAllButPex).set_chunk_bytes(1024);
  std::array<std::byte, 256> room;
  pp::MessageWriter out(room, 0, {});
  if (!out.handshake(1 + static_cast<std::uint32_t>(number), o)) throw std::runtime_error("a HANDSHAKE of the benchmark does not fit");
  first.messages.assign(out.bytes().begin() + pp::kChannelBytes, out.bytes().end());
  first.sender.peer_port_raw = Be16(kContentPort).raw();
  store_be32(first.sender.address, (admitted ? kAdmitted : kStrangers) + static_cast<std::uint32_t>(number));
  return first;
}

// As a worker does with a burst: all are read, what they will need of the tables is asked for, then each is looked up.
std::size_t AdmissionSubject::look_up(std::span<const First> burst) const {
  std::array<pp::FirstLookup, kBurst> lookups;
  for (std::size_t i = 0; i < burst.size(); ++i) {
    pp::Handshake handshake;
    if (pp::parse_handshake(burst[i].messages, pp::Profile::kLibswift, handshake).error != pp::ParseError::kNone) return 0;
    const auto& id = handshake.options.swarm_id;
    lookups[i] = {{id.data(), static_cast<std::uint16_t>(id.size())}, burst[i].sender};
  }
  tables_.look_ahead({lookups.data(), burst.size()});
  std::size_t right = 0;
  for (const First& first : burst) right += is_admitted(first) == first.admitted ? 1 : 0;
  return right;
}

bool AdmissionSubject::is_admitted(const First& first) const {
  pp::Handshake handshake;
  if (pp::parse_handshake(first.messages, pp::Profile::kLibswift, handshake).error != pp::ParseError::kNone) return false;
  const auto& id = handshake.options.swarm_id;
  const pp::Swarm* swarm = tables_.swarms_by_key.find({id.data(), static_cast<std::uint16_t>(id.size())});
  if (swarm == nullptr) return false;
  pp::PeerKey key = first.sender;
  key.swarm_slot = swarm->slot;
  return tables_.peer(key) == nullptr && tables_.admission(key) != nullptr;
}

SliceTicks AdmissionSubject::run_slice(bool) {
  slice_.assign(firsts_.begin() + static_cast<std::ptrdiff_t>(at_), firsts_.begin() + static_cast<std::ptrdiff_t>(at_ + kSlicePackets));
  at_ = (at_ + kSlicePackets) % firsts_.size();
  std::size_t right = 0;
  const std::uint64_t begin = ticks();
  for (std::size_t first = 0; first < slice_.size(); first += kBurst) right += look_up(std::span(slice_).subspan(first, kBurst));
  const std::uint64_t spent = ticks() - begin;
  if (right != slice_.size()) throw std::runtime_error("an admission was not found, or one that is not there was");
  return {spent, 0};
}

}  // namespace mediaward::bench
