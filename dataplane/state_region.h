// SPDX-License-Identifier: Apache-2.0
// SRTP state that survives a crash of the data plane (abi/regions.h): slots are found again by what they stand for, so that a
// restarted process goes on with the indexes it had and never uses one twice.
// Slots are handed out and given back by the main thread; a slot's content belongs to the worker that owns the stream.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "dataplane/abi/regions.h"
#include "dataplane/memfd.h"

namespace mediaward::dataplane {

// Brackets a change of a slot by its worker. x86 keeps stores in order, so the compiler is all that has to be held back.
class SlotWrite {
 public:
  explicit SlotWrite(abi::StateSlot& slot) noexcept : slot_(slot), version_(slot.version.load(std::memory_order_relaxed)) {
    slot_.version.store(version_ + 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  SlotWrite(const SlotWrite&) = delete;
  SlotWrite& operator=(const SlotWrite&) = delete;
  ~SlotWrite() { slot_.version.store(version_ + 2, std::memory_order_release); }

 private:
  abi::StateSlot& slot_;
  std::uint32_t version_;
};

struct SlotKey {
  abi::SlotKind kind = abi::SlotKind::kFree;
  std::uint64_t leg_id = 0;
  std::uint32_t ssrc = 0;
  bool operator==(const SlotKey&) const noexcept = default;
};

class StateRegion {
 public:
  [[nodiscard]] static Result<StateRegion> create(std::uint32_t slots);
  // Checks magic, version and sizes of a region that another process kept. Its slots are found by acquire.
  [[nodiscard]] static Result<StateRegion> adopt(UniqueFd fd);

  struct Acquired {
    std::uint32_t index;
    bool existed;  // state of an earlier life goes on
  };
  // The slot for this key: the one in use under the same crypto key (counted once more), else one that an earlier process left for
  // it (under whatever crypto key: rekeying never resets a ROC), else a fresh one. kExhausted when all slots are taken.
  [[nodiscard]] Result<Acquired> acquire(const SlotKey& key, std::uint64_t key_fingerprint);
  // An acquired slot is only borrowed until keep: released before, one that an earlier process left is again as it was found. From
  // keep on its indexes belong to this key. Before a worker hears of it.
  void keep(std::uint32_t index, std::uint64_t key_fingerprint) noexcept;
  // A leg takes over everything that an earlier process left for it, in use or not: its indexes must not be forgotten.
  [[nodiscard]] std::vector<std::uint32_t> left_behind_of(std::uint64_t leg_id) const;
  [[nodiscard]] Acquired take_over(std::uint32_t index) noexcept { return ++references_[index], Acquired{index, true}; }
  [[nodiscard]] bool left_behind(std::uint32_t index) const noexcept { return found_[index].left_behind; }
  void claim(std::uint32_t index) noexcept { found_[index].left_behind = false; }
  // A crash hit the slot half-written under this very key: it must not be used until the key changes.
  [[nodiscard]] bool torn(std::uint32_t index, std::uint64_t key_fingerprint) const noexcept {
    return found_[index].torn && found_[index].key_fingerprint == key_fingerprint;
  }
  void release(std::uint32_t index) noexcept;
  // Slots that an earlier process left and nobody acquired: freed after a resynchronisation.
  void release_unclaimed() noexcept;

  [[nodiscard]] abi::StateSlot& slot(std::uint32_t index) noexcept { return slots_[index]; }
  [[nodiscard]] abi::StateIdentity& identity(std::uint32_t index) noexcept { return identities_[index]; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t in_use() const noexcept { return count_ - static_cast<std::uint32_t>(free_.size()); }
  [[nodiscard]] const SharedRegion& region() const noexcept { return region_; }

 private:
  struct KeyHash {
    std::size_t operator()(const SlotKey& k) const noexcept {
      return (k.leg_id ^ (std::uint64_t{k.ssrc} << 32 | static_cast<std::uint32_t>(k.kind))) * 0x9e3779b97f4a7c15ull;
    }
  };
  struct Found {                            // what an earlier process left
    bool left_behind = false;               // nobody has kept it yet
    bool torn = false;
    std::uint64_t key_fingerprint = 0;
  };
  explicit StateRegion(SharedRegion region);
  [[nodiscard]] std::uint32_t find(const SlotKey& key, std::uint64_t key_fingerprint) const noexcept;
  void free_slot(std::uint32_t index) noexcept;
  SharedRegion region_;
  abi::StateSlot* slots_;
  abi::StateIdentity* identities_;
  std::uint32_t count_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> references_;   // by slot
  std::vector<Found> found_;                // by slot
  std::unordered_multimap<std::uint64_t, std::uint32_t> found_by_leg_;
  std::unordered_multimap<SlotKey, std::uint32_t, KeyHash> by_key_;
};

}  // namespace mediaward::dataplane
