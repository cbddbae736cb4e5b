// SPDX-License-Identifier: Apache-2.0
// See state_region.h. Main thread.
#include "dataplane/state_region.h"

#include <new>

#include "crypto/srtp_index.h"

namespace mediaward::dataplane {
namespace {

using abi::RegionHeader;
using abi::SlotKind;
using abi::StateIdentity;
using abi::StateSlot;

// A worker that is being replaced may still seal while its successor begins: what it can seal until it hears of it is left out.
constexpr std::uint32_t kForkedGap = 1u << 10;

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
  writers_.resize(count_, kNoWriter);
  found_.resize(count_);
  free_.reserve(count_);
  for (std::uint32_t i = count_; i-- > 0;) {
    const auto& id = identities_[i];
    if (id.kind == SlotKind::kFree) {
      free_.push_back(i);
      continue;
    }
    by_key_.emplace(key_of(i), i);
    found_by_owner_.emplace(id.leg_id, i);
    found_[i] = {true, (slots_[i].version.load(std::memory_order_acquire) & 1) != 0, id.key_fingerprint};
  }
}

SlotKey StateRegion::key_of(std::uint32_t index) const noexcept {
  const StateIdentity& id = identities_[index];
  return {id.kind, id.leg_id, id.ssrc};
}

std::vector<std::uint32_t> StateRegion::left_behind_of(std::uint64_t owner) const {
  std::vector<std::uint32_t> slots;
  const auto [begin, end] = found_by_owner_.equal_range(owner);
  for (auto it = begin; it != end; ++it)
    if (found_[it->second].left_behind && references_[it->second] == 0 && identities_[it->second].leg_id == owner) slots.push_back(it->second);
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
    ++references_[index];
    return Acquired{index, true};
  }
  const auto index = take_fresh(key, key_fingerprint);
  if (!index) return tl::unexpected(index.error());
  return Acquired{*index, false};
}

Result<std::uint32_t> StateRegion::take_fresh(const SlotKey& key, std::uint64_t key_fingerprint) {
  if (free_.empty()) return fail(ErrorCode::kExhausted, "all " + std::to_string(count_) + " SRTP state slots are in use: raise limits.slots");
  const std::uint32_t index = free_.back();
  free_.pop_back();
  new (&slots_[index]) StateSlot{};
  slots_[index].ssrc = key.ssrc;
  StateIdentity& id = identities_[index];
  id = StateIdentity{};
  id.ssrc = key.ssrc;
  id.leg_id = key.owner;
  id.key_fingerprint = key_fingerprint;
  id.kind = key.kind;
  references_[index] = 1;
  writers_[index] = kNoWriter;
  by_key_.emplace(key, index);
  return index;
}

Result<StateRegion::Acquired> StateRegion::fork(std::uint32_t index) {
  const auto fresh = take_fresh(key_of(index), identities_[index].key_fingerprint);
  if (!fresh) return tl::unexpected(fresh.error());
  StateSlot& to = slots_[*fresh];
  const StateSlot& from = slots_[index];
  to.srtp = from.srtp;
  to.srtcp_top = from.srtcp_top;
  to.srtcp_packets = from.srtcp_packets;
  to.srtcp_bits = from.srtcp_bits;  // or index_offset
  to.packets = from.packets;
  to.bytes = from.bytes;
  close_window(to, identities_[index].kind);
  if (identities_[index].kind == SlotKind::kSend) {  // the source's next packet has the next index behind the gap
    if (to.srtp.started()) to.srtp.top += kForkedGap;
    if (to.srtp.started()) to.index_offset -= kForkedGap;
    to.srtcp_top += kForkedGap;
  }
  const std::uint32_t version = from.version.load(std::memory_order_relaxed);
  if (found_[index].torn) to.version.store(version | 1, std::memory_order_relaxed);
  identities_[*fresh] = identities_[index];
  found_[*fresh] = {false, found_[index].torn, found_[index].key_fingerprint};
  return Acquired{*fresh, true};
}

// Under a new key no index was used yet: of a torn slot only the highest one matters, and it is one aligned word. What the receive
// window remembers may be wrong, so that everything below counts as seen.
void StateRegion::keep(std::uint32_t index, const Use& use) noexcept {
  Found& found = found_[index];
  found.left_behind = false;
  StateIdentity& id = identities_[index];
  id.key_fingerprint = use.key_fingerprint;
  id.stream_id = use.stream_id;
  id.packets_at_key = use.packets_at_key;
  id.srtcp_at_key = use.srtcp_at_key;
  set_writer(index, use.worker);
  if (!found.torn || !use.mend) return;
  close_window(slots_[index], id.kind);
  slots_[index].version.fetch_add(1, std::memory_order_release);
  found.torn = false;
}

void StateRegion::rename(std::uint32_t index, std::uint32_t ssrc) {
  unlist(index);
  identities_[index].ssrc = ssrc;
  identities_[index].stream_id = 0;
  slots_[index].ssrc = ssrc;
  by_key_.emplace(key_of(index), index);
}

void StateRegion::release(std::uint32_t index) noexcept {
  if (frozen_ || --references_[index] != 0) return;
  if (!found_[index].left_behind) free_slot(index);
}

void StateRegion::unlist(std::uint32_t index) noexcept {
  const auto [begin, end] = by_key_.equal_range(key_of(index));
  for (auto it = begin; it != end; ++it) {
    if (it->second != index) continue;
    by_key_.erase(it);
    return;
  }
}

void StateRegion::free_slot(std::uint32_t index) noexcept {
  unlist(index);
  identities_[index] = StateIdentity{};
  found_[index] = {};
  writers_[index] = kNoWriter;
  free_.push_back(index);
}

void StateRegion::release_unclaimed() noexcept {
  for (std::uint32_t i = 0; i < count_; ++i)
    if (identities_[i].kind != SlotKind::kFree && references_[i] == 0) free_slot(i);
}

void close_window(StateSlot& slot, SlotKind kind) noexcept {
  if (slot.srtp.started()) slot.srtp.bits[0] = slot.srtp.bits[1] = ~std::uint64_t{0};
  if (kind == SlotKind::kReceive && slot.srtcp_bits != 0) slot.srtcp_bits = ~std::uint64_t{0};
}

}  // namespace mediaward::dataplane
