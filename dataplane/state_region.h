// SPDX-License-Identifier: Apache-2.0
// SRTP state that survives a crash of the data plane (abi/regions.h): slots are found again by what they stand for, so that a
// restarted process goes on with the indexes it had and never uses one twice.
// Slots are handed out and given back by the main thread; a slot's content belongs to the worker that seals or opens with it.
#pragma once

#include <cstdint>
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
  std::uint64_t owner = 0;                  // leg, or conference of a group key
  std::uint32_t ssrc = 0;
  bool operator==(const SlotKey&) const noexcept = default;
};

class StateRegion {
 public:
  static constexpr int kNoWriter = -1;

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
  // A leg takes over everything that an earlier process left for it, in use or not: its indexes must not be forgotten.
  [[nodiscard]] std::vector<std::uint32_t> left_behind_of(std::uint64_t owner) const;
  [[nodiscard]] Acquired take_over(std::uint32_t index) noexcept { return ++references_[index], Acquired{index, true}; }
  // Another slot that stands for the same and goes on above every index of this one, for a worker that must not share it with the
  // one that may still write it. What was accepted or used so far counts as seen.
  [[nodiscard]] Result<Acquired> fork(std::uint32_t index);

  // An acquired slot is only borrowed until keep or claim: released before, one that an earlier process left is again as it was found.
  // From keep on its indexes belong to this key and it is this worker's to write. Before a worker hears of it.
  struct Use {
    std::uint64_t key_fingerprint = 0;
    std::uint64_t stream_id = 0;
    std::uint64_t packets_at_key = 0;
    std::uint32_t srtcp_at_key = 0;
    int worker = kNoWriter;
    bool mend = false;                      // a crash left it half-written, but not under a key that is still in use
  };
  void keep(std::uint32_t index, const Use& use) noexcept;
  void claim(std::uint32_t index) noexcept { found_[index].left_behind = false; }
  [[nodiscard]] bool left_behind(std::uint32_t index) const noexcept { return found_[index].left_behind; }
  // A crash hit the slot half-written under this very key: it must not be used until the key changes.
  [[nodiscard]] bool torn(std::uint32_t index) const noexcept { return found_[index].torn; }
  [[nodiscard]] bool torn(std::uint32_t index, std::uint64_t key_fingerprint) const noexcept {
    return found_[index].torn && found_[index].key_fingerprint == key_fingerprint;
  }
  [[nodiscard]] int writer(std::uint32_t index) const noexcept { return writers_[index]; }
  void set_writer(std::uint32_t index, int worker) noexcept { writers_[index] = static_cast<std::int16_t>(worker); }
  // The slot stands for another SSRC of its owner from now on.
  void rename(std::uint32_t index, std::uint32_t ssrc);
  void release(std::uint32_t index) noexcept;
  // Slots that an earlier process left and nobody acquired: freed after a resynchronisation.
  void release_unclaimed() noexcept;
  // From now on nothing is given back: the region's content is for whoever starts next.
  void freeze() noexcept { frozen_ = true; }

  [[nodiscard]] abi::StateSlot& slot(std::uint32_t index) noexcept { return slots_[index]; }
  [[nodiscard]] abi::LegSlot& leg_slot(std::uint32_t index) noexcept { return reinterpret_cast<abi::LegSlot&>(slots_[index]); }
  [[nodiscard]] abi::StateIdentity& identity(std::uint32_t index) noexcept { return identities_[index]; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t in_use() const noexcept { return count_ - static_cast<std::uint32_t>(free_.size()); }
  [[nodiscard]] const SharedRegion& region() const noexcept { return region_; }

 private:
  struct KeyHash {
    std::size_t operator()(const SlotKey& k) const noexcept {
      return (k.owner ^ (std::uint64_t{k.ssrc} << 32 | static_cast<std::uint32_t>(k.kind))) * 0x9e3779b97f4a7c15ull;
    }
  };
  struct Found {                            // what an earlier process left
    bool left_behind = false;               // nobody has kept it yet
    bool torn = false;
    std::uint64_t key_fingerprint = 0;
  };
  explicit StateRegion(SharedRegion region);
  [[nodiscard]] SlotKey key_of(std::uint32_t index) const noexcept;
  [[nodiscard]] std::uint32_t find(const SlotKey& key, std::uint64_t key_fingerprint) const noexcept;
  [[nodiscard]] Result<std::uint32_t> take_fresh(const SlotKey& key, std::uint64_t key_fingerprint);
  void unlist(std::uint32_t index) noexcept;
  void free_slot(std::uint32_t index) noexcept;
  SharedRegion region_;
  abi::StateSlot* slots_;
  abi::StateIdentity* identities_;
  std::uint32_t count_;
  bool frozen_ = false;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> references_;   // by slot
  std::vector<std::int16_t> writers_;       // by slot: the worker that was last given it
  std::vector<Found> found_;                // by slot
  std::unordered_multimap<std::uint64_t, std::uint32_t> found_by_owner_;
  std::unordered_multimap<SlotKey, std::uint32_t, KeyHash> by_key_;
};

// Every index up to the highest counts as seen, within the window and below.
void close_window(abi::StateSlot& slot, abi::SlotKind kind) noexcept;

}  // namespace mediaward::dataplane
