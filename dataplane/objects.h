// SPDX-License-Identifier: Apache-2.0
// Conferences, legs and streams as the main thread knows them: what the controller said, and the owners of everything that was taken
// for it (state slots, key contexts, next hops, leg slots). An object that is replaced or removed is kept by the retired list until
// no worker can refer to it; destroying it then gives back what it owned.
// Main thread only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "crypto/engine.h"
#include "crypto/secret.h"
#include "dataplane/neighbour.h"
#include "dataplane/state_region.h"
#include "dataplane/tables.h"

namespace mediaward::dataplane {

// One direction's expanded key: a context per worker, or one for all when the provider's contexts may be shared.
class KeyMaterial {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const KeyMaterial>> make(const abi::Key& key, crypto::CryptoProvider& provider,
                                                                       crypto::SecretArena& arena, std::size_t workers);
  KeyMaterial(const KeyMaterial&) = delete;
  KeyMaterial& operator=(const KeyMaterial&) = delete;
  ~KeyMaterial();

  [[nodiscard]] const crypto::SuiteInfo& suite() const noexcept { return suite_; }
  [[nodiscard]] const crypto::KeyContext* context(std::size_t worker) const noexcept { return contexts_[worker < contexts_.size() ? worker : 0]; }
  [[nodiscard]] const std::array<std::byte, 16>& salt() const noexcept { return salt_; }
  [[nodiscard]] std::uint64_t fingerprint() const noexcept { return fingerprint_; }

 private:
  KeyMaterial(const crypto::SuiteInfo& suite, crypto::CryptoProvider& provider, crypto::SecretArena& arena)
      : suite_(suite), provider_(provider), arena_(arena) {}
  const crypto::SuiteInfo& suite_;
  crypto::CryptoProvider& provider_;
  crypto::SecretArena& arena_;
  std::vector<crypto::KeyContext*> contexts_;
  std::array<std::byte, 16> salt_{};
  std::uint64_t fingerprint_ = 0;
};

// A slot of the state region, given back on destruction unless the region outlives the process on purpose.
class SlotHandle {
 public:
  SlotHandle(StateRegion& region, StateRegion::Acquired slot, const bool& keep) noexcept : region_(region), slot_(slot), keep_(keep) {}
  SlotHandle(const SlotHandle&) = delete;
  SlotHandle& operator=(const SlotHandle&) = delete;
  ~SlotHandle() {
    if (!keep_) region_.release(slot_.index);
  }
  [[nodiscard]] std::uint32_t index() const noexcept { return slot_.index; }
  [[nodiscard]] bool existed() const noexcept { return slot_.existed; }
  [[nodiscard]] abi::StateSlot& state() const noexcept { return region_.slot(slot_.index); }
  [[nodiscard]] abi::StateIdentity& identity() const noexcept { return region_.identity(slot_.index); }
  // See StateRegion.
  [[nodiscard]] bool torn(std::uint64_t key_fingerprint) const noexcept { return region_.torn(slot_.index, key_fingerprint); }
  [[nodiscard]] bool left_behind() const noexcept { return region_.left_behind(slot_.index); }
  void claim() const noexcept { region_.claim(slot_.index); }
  void keep(std::uint64_t key_fingerprint, std::uint64_t stream) const noexcept {
    region_.keep(slot_.index, key_fingerprint);
    identity().stream_id = stream;
  }

 private:
  StateRegion& region_;
  StateRegion::Acquired slot_;
  const bool& keep_;
};

// Number of a leg in the workers' tables, with a generation that is never used twice.
class LegNumber {
 public:
  LegNumber(std::vector<std::uint32_t>& free, std::uint32_t generation) : free_(free), handle_{free.back(), generation} { free_.pop_back(); }
  LegNumber(const LegNumber&) = delete;
  LegNumber& operator=(const LegNumber&) = delete;
  ~LegNumber() { free_.push_back(handle_.slot); }
  [[nodiscard]] crypto::Handle handle() const noexcept { return handle_; }

 private:
  std::vector<std::uint32_t>& free_;
  crypto::Handle handle_;
};

struct ConferenceObject {
  abi::ForwardingMode mode = abi::ForwardingMode::kPerParticipantKeys;
  std::set<std::uint64_t> legs;
};

struct LegObject {
  std::uint64_t id = 0;
  std::uint64_t conference = 0;
  std::uint16_t port = 0;
  std::uint16_t address_index = 0;
  std::uint16_t local_port = 0;
  std::uint8_t dscp = 0;
  std::uint32_t flags = 0;
  IpAddress remote;
  std::uint16_t remote_port = 0;
  std::shared_ptr<const LegNumber> number;
  std::shared_ptr<NextHop> hop;            // with a deleter that releases it at its table
  std::shared_ptr<const KeyMaterial> receive_key, send_key;
  std::set<std::uint64_t> streams;
  // State slots by SSRC, of streams that come from this leg and of streams that go to it. They stay when a stream is removed: as
  // long as the leg lives, its indexes are remembered.
  std::map<std::uint32_t, std::shared_ptr<SlotHandle>> receive_slots, send_slots;
  // What the workers have of it.
  std::shared_ptr<const LegRx> rx;
  std::shared_ptr<const LegTx> tx;
};

struct StreamObject {
  std::uint64_t id = 0;
  std::uint64_t leg = 0;
  std::uint32_t ssrc = 0;
  std::uint32_t initial_roc = 0;
  std::uint32_t generation = 0;
  bool begins = false;                     // when it was made, no indexes of this SSRC from this leg were known
  std::shared_ptr<const StreamRx> rx;
};

}  // namespace mediaward::dataplane
