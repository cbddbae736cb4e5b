// SPDX-License-Identifier: Apache-2.0
// Which state slots legs and group keys hold, by {kind, owner, SSRC}, with the changes of one transaction staged on top: looked up as if
// they were made, then committed or forgotten in one step. A slot stays as long as its key may be used, whether its stream is still
// there or not. When the region runs short, slots of streams that are gone are condensed: their highest indexes are remembered here,
// and return with the SSRC. Of what is condensed the region keeps one mark per owner, so that a crash does not make it forgotten.
// Main thread.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "dataplane/flat_map.h"
#include "dataplane/state_region.h"

namespace mediaward::dataplane {

// A reference to a slot of the state region.
class SlotHandle {
 public:
  SlotHandle(StateRegion& region, StateRegion::Acquired slot) noexcept : region_(region), slot_(slot) {}
  SlotHandle(const SlotHandle&) = delete;
  SlotHandle& operator=(const SlotHandle&) = delete;
  ~SlotHandle() { region_.release(slot_.index); }

  [[nodiscard]] std::uint32_t index() const noexcept { return slot_.index; }
  [[nodiscard]] bool existed() const noexcept { return slot_.existed; }
  [[nodiscard]] abi::StateSlot& state() const noexcept { return region_.slot(slot_.index); }
  [[nodiscard]] abi::LegSlot& leg_state() const noexcept { return region_.leg_slot(slot_.index); }
  [[nodiscard]] const abi::StateIdentity& identity() const noexcept { return region_.identity(slot_.index); }
  // See StateRegion.
  [[nodiscard]] bool torn(std::uint64_t key_fingerprint) const noexcept { return region_.torn(slot_.index, key_fingerprint); }
  [[nodiscard]] bool torn() const noexcept { return region_.torn(slot_.index); }
  [[nodiscard]] bool left_behind() const noexcept { return region_.left_behind(slot_.index); }
  [[nodiscard]] int writer() const noexcept { return region_.writer(slot_.index); }
  void claim() const noexcept { region_.claim(slot_.index); }
  void unname() const noexcept { region_.identity(slot_.index).stream_id = 0; }  // no stream has it now
  void keep(const StateRegion::Use& use) const noexcept { region_.keep(slot_.index, use); }
  [[nodiscard]] Result<std::shared_ptr<SlotHandle>> fork() const;

 private:
  StateRegion& region_;
  StateRegion::Acquired slot_;
};
using SlotPtr = std::shared_ptr<SlotHandle>;

class SlotBook {
 public:
  // may_condense: whether no stream with this SSRC is there, its key is in force, and no worker can still write the slot.
  using MayCondense = std::function<bool(const SlotKey&, std::uint64_t key_fingerprint)>;
  SlotBook(StateRegion& region, MayCondense may_condense);

  // As the staged changes leave it; nullptr when nothing is held.
  [[nodiscard]] SlotPtr find(const SlotKey& key) const;
  template <typename F>
  void for_each(std::uint64_t owner, abi::SlotKind kind, F&& f) const;  // f(ssrc, const SlotPtr&)
  // What is known of the indexes used for this SSRC under this key: its slot's, or what was condensed.
  struct Used {
    std::uint64_t top = 0;
    std::uint64_t index_offset = 0;  // of a send slot
  };
  [[nodiscard]] std::optional<Used> used(const SlotKey& key, std::uint64_t key_fingerprint) const;
  // Nothing is known of this SSRC, and it may be one of those that an earlier process condensed: whether indexes were used under the
  // present key is unknown until that key changes.
  [[nodiscard]] bool doubtful(const SlotKey& key) const;

  // Staged: acquires or makes a slot; one that returns begins above what was remembered.
  [[nodiscard]] Result<SlotPtr> take(const SlotKey& key, std::uint64_t key_fingerprint);
  void put(const SlotKey& key, SlotPtr slot);
  void drop(const SlotKey& key) { put(key, nullptr); }
  void drop_owner(std::uint64_t owner);
  // Staged: what was remembered in this direction belonged to keys that are gone.
  void forget(std::uint64_t owner, abi::SlotKind kind);
  // Staged: takes over what an earlier process left for this owner. in_use(kind, fingerprint): whether that key is in force. Returns
  // what was taken.
  template <typename Keys>
  std::vector<SlotPtr> take_over(std::uint64_t owner, Keys&& in_use);

  template <typename Retire>
  void commit(Retire&& retire);
  void discard() noexcept { staged_.clear(); }
  void clear() noexcept;

  [[nodiscard]] std::size_t remembered() const noexcept { return remembered_; }

 private:
  using Place = std::uint64_t;  // kind and SSRC of a slot of one owner
  struct Past {                 // of a slot that was condensed
    std::uint64_t top, index_offset, packets;
    std::uint32_t srtcp_top, srtcp_packets;
    bool started;
  };
  static constexpr std::size_t kKinds = 4;
  struct Owner {
    FlatMap<Place, SlotPtr> slots;
    FlatMap<Place, Past> past;
    std::array<bool, kKinds> incomplete{};  // by kind: an earlier process condensed slots, and only their mark is known
  };
  struct Staged {
    FlatMap<Place, SlotPtr> slots;          // nullptr: given up
    bool cleared = false;
    std::array<bool, kKinds> forgotten{}, incomplete{};
  };
  [[nodiscard]] static Place place(const SlotKey& key) noexcept { return std::uint64_t{static_cast<std::uint32_t>(key.kind)} << 32 | key.ssrc; }
  [[nodiscard]] static SlotKey key_of(std::uint64_t owner, Place place) noexcept {
    return {static_cast<abi::SlotKind>(place >> 32), owner, static_cast<std::uint32_t>(place)};
  }
  [[nodiscard]] const Owner* owner(std::uint64_t id) const;
  [[nodiscard]] const Staged* staged(std::uint64_t id) const;
  [[nodiscard]] const Past* past(const SlotKey& key) const;
  bool condense();
  void condense(std::uint64_t id, Owner& owner, std::size_t& wanted);
  bool remember(std::uint64_t id, Owner& owner, Place place, SlotPtr slot);
  void commit_owner(std::uint64_t id, Staged& staged, std::vector<SlotPtr>& gone);

  StateRegion& region_;
  MayCondense may_condense_;
  const std::size_t most_remembered_;
  std::size_t remembered_ = 0;
  std::unordered_map<std::uint64_t, Owner> owners_;
  std::unordered_map<std::uint64_t, Staged> staged_;
};

template <typename F>
void SlotBook::for_each(std::uint64_t id, abi::SlotKind kind, F&& f) const {
  const Place first = place({kind, id, 0}), last = first | 0xffffffffu;
  const Staged* changes = staged(id);
  if (const Owner* own = owner(id); own != nullptr && (changes == nullptr || !changes->cleared))
    for (auto it = own->slots.lower_bound(first); it != own->slots.end() && it->first <= last; ++it)
      if (changes == nullptr || !changes->slots.contains(it->first)) f(static_cast<std::uint32_t>(it->first), it->second);
  if (changes == nullptr) return;
  for (auto it = changes->slots.lower_bound(first); it != changes->slots.end() && it->first <= last; ++it)
    if (it->second != nullptr) f(static_cast<std::uint32_t>(it->first), it->second);
}

template <typename Keys>
std::vector<SlotPtr> SlotBook::take_over(std::uint64_t id, Keys&& in_use) {
  std::vector<SlotPtr> taken;
  for (const std::uint32_t index : region_.left_behind_of(id)) {
    auto slot = std::make_shared<SlotHandle>(region_, region_.take_over(index));
    const abi::StateIdentity& identity = slot->identity();
    taken.push_back(slot);
    const SlotKey key{identity.kind, id, identity.ssrc};
    const bool current = in_use(identity.kind, identity.key_fingerprint);
    if (const SlotPtr other = find(key)) {  // of two of a kind, one under a present key; else the one that went further
      const bool other_current = in_use(identity.kind, other->identity().key_fingerprint);
      if (current != other_current ? other_current : slot->state().srtp.top <= other->state().srtp.top) continue;
    }
    put(key, slot);
    if (identity.ssrc == 0 && identity.kind != abi::SlotKind::kLeg && current) staged_[id].incomplete[static_cast<std::size_t>(identity.kind)] = true;
  }
  return taken;
}

template <typename Retire>
void SlotBook::commit(Retire&& retire) {
  std::vector<SlotPtr> gone;
  for (auto& [id, changes] : staged_) commit_owner(id, changes, gone);
  staged_.clear();
  for (auto& slot : gone) retire(std::move(slot));
}

}  // namespace mediaward::dataplane
