// SPDX-License-Identifier: Apache-2.0
// See slot_book.h. Main thread.
#include "dataplane/slot_book.h"

#include "dataplane/state_region.h"

namespace mediaward::dataplane {
namespace {

using abi::SlotKind;

constexpr std::size_t kRememberedPerSlot = 4;  // of the region's slots: how much is remembered of streams that are gone
constexpr std::size_t kCondenseParts = 16;     // of the region at once: looking for what is gone means looking at everything
constexpr std::uint32_t kMark = 0;             // SSRC of the slot that marks how far the condensed ones went; 0 names no stream

std::size_t index_of(SlotKind kind) noexcept { return static_cast<std::size_t>(kind); }

}  // namespace

Result<SlotPtr> SlotHandle::fork() const {
  const auto forked = region_.fork(slot_.index);
  if (!forked) return tl::unexpected(forked.error());
  return std::make_shared<SlotHandle>(region_, *forked);
}

SlotBook::SlotBook(StateRegion& region, MayCondense may_condense)
    : region_(region), may_condense_(std::move(may_condense)), most_remembered_(kRememberedPerSlot * region.capacity()) {}

const SlotBook::Owner* SlotBook::owner(std::uint64_t id) const {
  const auto it = owners_.find(id);
  return it == owners_.end() ? nullptr : &it->second;
}

const SlotBook::Staged* SlotBook::staged(std::uint64_t id) const {
  const auto it = staged_.find(id);
  return it == staged_.end() ? nullptr : &it->second;
}

SlotPtr SlotBook::find(const SlotKey& key) const {
  if (const Staged* changes = staged(key.owner)) {
    if (const SlotPtr* slot = changes->slots.find(place(key))) return *slot;
    if (changes->cleared) return nullptr;
  }
  const Owner* own = owner(key.owner);
  const SlotPtr* slot = own != nullptr ? own->slots.find(place(key)) : nullptr;
  return slot != nullptr ? *slot : nullptr;
}

const SlotBook::Past* SlotBook::past(const SlotKey& key) const {
  const Staged* changes = staged(key.owner);
  if (changes != nullptr && (changes->cleared || changes->forgotten[index_of(key.kind)])) return nullptr;
  const Owner* own = owner(key.owner);
  return own != nullptr ? own->past.find(place(key)) : nullptr;
}

std::optional<SlotBook::Used> SlotBook::used(const SlotKey& key, std::uint64_t key_fingerprint) const {
  if (const SlotPtr slot = find(key)) {
    const abi::StateSlot& state = slot->state();
    if (slot->identity().key_fingerprint != key_fingerprint || !state.srtp.started()) return std::nullopt;
    return Used{state.srtp.top, key.kind == SlotKind::kSend ? state.index_offset : 0};
  }
  const Past* known = past(key);
  if (known == nullptr || !known->started) return std::nullopt;
  return Used{known->top, known->index_offset};
}

bool SlotBook::doubtful(const SlotKey& key) const {
  if (find(key) != nullptr || past(key) != nullptr) return false;
  const std::size_t kind = index_of(key.kind);
  const Staged* changes = staged(key.owner);
  const Owner* own = owner(key.owner);
  const bool gone = changes != nullptr && (changes->cleared || changes->forgotten[kind]);
  return (changes != nullptr && changes->incomplete[kind]) || (!gone && own != nullptr && own->incomplete[kind]);
}

Result<SlotPtr> SlotBook::take(const SlotKey& key, std::uint64_t key_fingerprint) {
  auto acquired = region_.acquire(key, key_fingerprint);
  if (!acquired && condense()) acquired = region_.acquire(key, key_fingerprint);
  if (!acquired && remembered_ >= most_remembered_)
    return fail(ErrorCode::kExhausted, acquired.error().message + ", or rekey participants: so many of their streams that are gone are remembered");
  if (!acquired) return tl::unexpected(acquired.error());
  const Past* known = acquired->existed ? nullptr : past(key);
  if (known != nullptr) {
    abi::StateSlot& state = region_.slot(acquired->index);
    state.srtp = {known->top, {known->started ? 1u : 0u, 0}};
    state.srtcp_top = known->srtcp_top;
    if (key.kind == SlotKind::kSend)
      state.index_offset = known->index_offset;
    else
      state.srtcp_bits = known->srtcp_packets != 0 ? 1 : 0;
    close_window(state, key.kind);
    state.packets = known->packets;
    state.srtcp_packets = known->srtcp_packets;
    acquired->existed = true;
  }
  auto slot = std::make_shared<SlotHandle>(region_, *acquired);
  put(key, slot);
  return slot;
}

void SlotBook::put(const SlotKey& key, SlotPtr slot) { staged_[key.owner].slots[place(key)] = std::move(slot); }

void SlotBook::drop_owner(std::uint64_t id) {
  Staged& changes = staged_[id];
  changes = Staged{};
  changes.cleared = true;
}

void SlotBook::forget(std::uint64_t id, SlotKind kind) {
  Staged& changes = staged_[id];
  changes.forgotten[index_of(kind)] = true;
  changes.incomplete[index_of(kind)] = false;
  if (find({kind, id, kMark}) != nullptr) drop({kind, id, kMark});
}

void SlotBook::commit_owner(std::uint64_t id, Staged& changes, std::vector<SlotPtr>& gone) {
  Owner& own = owners_[id];
  remembered_ -= own.past.size();
  if (changes.cleared) {
    for (auto& [place, slot] : own.slots) gone.push_back(std::move(slot));
    own = Owner{};
  }
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (changes.forgotten[kind]) {
      own.past.erase_if([&](const auto& item) { return item.first >> 32 == kind; });
      own.incomplete[kind] = false;
    }
    own.incomplete[kind] = own.incomplete[kind] || changes.incomplete[kind];
  }
  for (auto& [place, slot] : changes.slots) {
    if (SlotPtr* before = own.slots.find(place)) gone.push_back(std::move(*before));
    if (slot == nullptr) {
      own.slots.erase(place);
      continue;
    }
    own.past.erase(place);
    own.slots[place] = std::move(slot);
  }
  remembered_ += own.past.size();
  if (own.slots.empty() && own.past.empty()) owners_.erase(id);
}

// Makes room in the region. Slots in use are left alone, also those that the running transaction takes into use. Nothing is lost by it,
// whatever becomes of the transaction.
bool SlotBook::condense() {
  std::size_t wanted = region_.capacity() / kCondenseParts + 1;
  const std::size_t all = wanted;
  for (auto& [id, own] : owners_) {
    if (wanted == 0 || remembered_ >= most_remembered_) break;
    condense(id, own, wanted);
  }
  return wanted != all;
}

void SlotBook::condense(std::uint64_t id, Owner& own, std::size_t& wanted) {
  const Staged* changes = staged(id);
  if (changes != nullptr && changes->cleared) return;
  std::vector<Place> gone;
  for (auto& [place, slot] : own.slots) {
    const SlotKey key = key_of(id, place);
    if (key.ssrc == kMark || key.kind == SlotKind::kLeg || slot.use_count() != 1) continue;
    const SlotPtr* change = changes != nullptr ? changes->slots.find(place) : nullptr;
    if ((change != nullptr && *change != nullptr) || !may_condense_(key, slot->identity().key_fingerprint)) continue;
    gone.push_back(place);
  }
  for (const Place place : gone) {
    if (wanted == 0 || remembered_ >= most_remembered_) break;
    SlotPtr slot = std::move(*own.slots.find(place));
    own.slots.erase(place);
    if (remember(id, own, place, std::move(slot))) --wanted;
  }
}

// The first slot of an owner that is condensed becomes the mark: it stays, and no further one does. True when it has become free.
bool SlotBook::remember(std::uint64_t id, Owner& own, Place place, SlotPtr slot) {
  const abi::StateSlot& state = slot->state();
  const abi::StateIdentity& identity = slot->identity();
  const SlotKey key = key_of(id, place);
  if (state.srtp.started() || state.srtcp_packets != 0) {
    own.past[place] = {state.srtp.top,
                       key.kind == SlotKind::kSend ? state.index_offset : 0,
                       state.packets - identity.packets_at_key,
                       state.srtcp_top,
                       state.srtcp_packets - identity.srtcp_at_key,
                       state.srtp.started()};
    ++remembered_;
  }
  const Place mark_place = SlotBook::place({key.kind, id, kMark});
  const SlotPtr* mark = own.slots.find(mark_place);
  if (mark == nullptr) {
    if (key.kind == SlotKind::kSend) slot->state().index_offset = 0;
    region_.rename(slot->index(), kMark);
    own.slots[mark_place] = std::move(slot);
    return false;
  }
  crypto::IndexWindow& furthest = (*mark)->state().srtp;
  if (state.srtp.started() && (!furthest.started() || state.srtp.top > furthest.top)) {
    const SlotWrite write((*mark)->state());
    furthest = state.srtp;
  }
  return true;
}

void SlotBook::clear() noexcept {
  staged_.clear();
  owners_.clear();
  remembered_ = 0;
}

}  // namespace mediaward::dataplane
