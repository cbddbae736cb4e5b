// SPDX-License-Identifier: Apache-2.0
// See state_region.h. Main thread.
#include "dataplane/state_region.h"

#include <new>

namespace mediaward::dataplane {
namespace {

using abi::RegionHeader;
using abi::SlotKind;
using abi::StateIdentity;
using abi::StateSlot;

std::size_t region_bytes(std::uint32_t slots) {
  return (sizeof(RegionHeader) + slots * (sizeof(StateSlot) + sizeof(StateIdentity)) + 4095) / 4096 * 4096;
}

}  // namespace

Result<StateRegion> StateRegion::create(std::uint32_t slots) {
  auto region = SharedRegion::create("mediaward-srtp-state", region_bytes(slots));
  if (!region) return tl::unexpected(region.error());
  auto* header = new (region->data()) RegionHeader{};
  header->magic = abi::kStateMagic;
  header->version = abi::kStateVersion;
  header->region_bytes = region->bytes();
  header->directory_offset = sizeof(RegionHeader);
  header->directory_entries = slots;
  header->blocks_offset = static_cast<std::uint32_t>(sizeof(RegionHeader) + slots * sizeof(StateSlot));
  header->block_bytes = sizeof(StateSlot);
  header->block_count = 1;
  return StateRegion(std::move(*region));
}

Result<StateRegion> StateRegion::adopt(UniqueFd fd) {
  auto region = SharedRegion::adopt(std::move(fd));
  if (!region) return tl::unexpected(region.error());
  const auto* header = reinterpret_cast<const RegionHeader*>(region->data());
  if (region->bytes() < sizeof *header || header->magic != abi::kStateMagic)
    return fail(ErrorCode::kInvalid, "offered state region is not one of ours");
  if (header->version != abi::kStateVersion || header->block_bytes != sizeof(StateSlot))
    return fail(ErrorCode::kUnsupported, "offered state region has another layout version");
  const std::uint32_t slots = header->directory_entries;
  if (header->region_bytes != region->bytes() || region_bytes(slots) != region->bytes() || header->directory_offset != sizeof(RegionHeader) ||
      header->blocks_offset != sizeof(RegionHeader) + slots * sizeof(StateSlot))
    return fail(ErrorCode::kInvalid, "offered state region is damaged: sizes do not agree");
  return StateRegion(std::move(*region));
}

StateRegion::StateRegion(SharedRegion region)
    : region_(std::move(region)),
      slots_(reinterpret_cast<StateSlot*>(region_.data() + sizeof(RegionHeader))),
      count_(reinterpret_cast<const RegionHeader*>(region_.data())->directory_entries) {
  identities_ = reinterpret_cast<StateIdentity*>(region_.data() + sizeof(RegionHeader) + count_ * sizeof(StateSlot));
  references_.resize(count_, 0);
  found_.resize(count_);
  free_.reserve(count_);
  for (std::uint32_t i = count_; i-- > 0;) {
    const auto& id = identities_[i];
    if (id.kind == SlotKind::kFree)
      free_.push_back(i);
    else
      by_key_.emplace(SlotKey{id.kind, id.leg_id, id.ssrc}, i);
    if (id.kind == SlotKind::kFree) continue;
    found_by_leg_.emplace(id.leg_id, i);
    found_[i] = {true, (slots_[i].version.load(std::memory_order_acquire) & 1) != 0, id.key_fingerprint};
  }
}

std::vector<std::uint32_t> StateRegion::left_behind_of(std::uint64_t leg_id) const {
  std::vector<std::uint32_t> slots;
  const auto [begin, end] = found_by_leg_.equal_range(leg_id);
  for (auto it = begin; it != end; ++it)
    if (found_[it->second].left_behind && references_[it->second] == 0 && identities_[it->second].leg_id == leg_id) slots.push_back(it->second);
  return slots;
}

// The slot under this key, else one that nobody holds; count_ when there is neither.
std::uint32_t StateRegion::find(const SlotKey& key, std::uint64_t key_fingerprint) const noexcept {
  std::uint32_t other = count_;
  const auto [begin, end] = by_key_.equal_range(key);
  for (auto it = begin; it != end; ++it) {
    if (identities_[it->second].key_fingerprint == key_fingerprint) return it->second;
    if (references_[it->second] == 0) other = it->second;
  }
  return other;
}

Result<StateRegion::Acquired> StateRegion::acquire(const SlotKey& key, std::uint64_t key_fingerprint) {
  if (const std::uint32_t index = find(key, key_fingerprint); index != count_) {
    identities_[index].key_fingerprint = key_fingerprint;
    ++references_[index];
    return Acquired{index, true};
  }
  if (free_.empty()) return fail(ErrorCode::kExhausted, "all " + std::to_string(count_) + " SRTP state slots are in use: raise limits.slots");
  const std::uint32_t index = free_.back();
  free_.pop_back();
  new (&slots_[index]) StateSlot{};
  slots_[index].ssrc = key.ssrc;
  identities_[index] = StateIdentity{key.kind, key.ssrc, key.leg_id, 0, key_fingerprint};
  references_[index] = 1;
  by_key_.emplace(key, index);
  return Acquired{index, false};
}

void StateRegion::release(std::uint32_t index) noexcept {
  if (--references_[index] != 0) return;
  if (!found_[index].left_behind) return free_slot(index);
  identities_[index].key_fingerprint = found_[index].key_fingerprint;
}

// Under a new key no index was used yet: of a torn slot only the highest one matters, and it is one aligned word.
void StateRegion::keep(std::uint32_t index, std::uint64_t key_fingerprint) noexcept {
  Found& found = found_[index];
  found.left_behind = false;
  identities_[index].key_fingerprint = key_fingerprint;
  if (!found.torn || found.key_fingerprint == key_fingerprint) return;
  slots_[index].version.fetch_add(1, std::memory_order_release);
  found.torn = false;
}

void StateRegion::free_slot(std::uint32_t index) noexcept {
  auto& id = identities_[index];
  const auto [begin, end] = by_key_.equal_range(SlotKey{id.kind, id.leg_id, id.ssrc});
  for (auto it = begin; it != end; ++it) {
    if (it->second != index) continue;
    by_key_.erase(it);
    break;
  }
  id = StateIdentity{};
  found_[index] = {};
  free_.push_back(index);
}

void StateRegion::release_unclaimed() noexcept {
  for (std::uint32_t i = 0; i < count_; ++i)
    if (identities_[i].kind != SlotKind::kFree && references_[i] == 0) free_slot(i);
}

}  // namespace mediaward::dataplane
