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
  free_.reserve(count_);
  for (std::uint32_t i = count_; i-- > 0;) {
    const auto& id = identities_[i];
    if (id.kind == SlotKind::kFree)
      free_.push_back(i);
    else
      by_key_.emplace(SlotKey{id.kind, id.leg_id, id.ssrc}, i);
  }
}

Result<StateRegion::Acquired> StateRegion::acquire(const SlotKey& key, std::uint64_t key_fingerprint) {
  const auto [begin, end] = by_key_.equal_range(key);
  for (auto it = begin; it != end; ++it) {
    const std::uint32_t index = it->second;
    const bool same_key = identities_[index].key_fingerprint == key_fingerprint;
    const bool left_behind = references_[index] == 0;
    if (!same_key && !left_behind) continue;
    bool torn = left_behind && (slots_[index].version.load(std::memory_order_acquire) & 1) != 0;
    if (torn && !same_key) {  // under a new key no index was used yet: only the highest one matters, and it is one aligned word
      slots_[index].version.fetch_add(1, std::memory_order_release);
      torn = false;
    }
    identities_[index].key_fingerprint = key_fingerprint;
    ++references_[index];
    return Acquired{index, true, torn};
  }
  if (free_.empty()) return fail(ErrorCode::kExhausted, "all " + std::to_string(count_) + " SRTP state slots are in use: raise limits.slots");
  const std::uint32_t index = free_.back();
  free_.pop_back();
  new (&slots_[index]) StateSlot{};
  slots_[index].ssrc = key.ssrc;
  identities_[index] = StateIdentity{key.kind, key.ssrc, key.leg_id, 0, key_fingerprint};
  references_[index] = 1;
  by_key_.emplace(key, index);
  return Acquired{index, false, false};
}

void StateRegion::release(std::uint32_t index) noexcept {
  if (--references_[index] == 0) free_slot(index);
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
  free_.push_back(index);
}

void StateRegion::release_unclaimed() noexcept {
  for (std::uint32_t i = 0; i < count_; ++i)
    if (identities_[i].kind != SlotKind::kFree && references_[i] == 0) free_slot(i);
}

}  // namespace mediaward::dataplane
