// SPDX-License-Identifier: Apache-2.0
// Mapping and reading of the stats and state regions. A slot is read between two looks at its version (seqlock): a version that
// stays odd means that its writer died in the middle. Any thread.
#include "control/regions.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "control/seqpacket.h"

namespace mediaward::control {

namespace {

constexpr std::uint64_t kMaxRegionBytes = std::uint64_t{4} << 30;
constexpr std::uint32_t kMaxStatValues = 4096;  // of one entry

// offset + count * stride lies within size, without overflow: all factors are below 2^32.
bool fits(std::uint64_t size, std::uint32_t offset, std::uint32_t count, std::uint32_t stride) {
  return std::uint64_t{offset} + std::uint64_t{count} * stride <= size;
}

std::uint64_t load_shared(const std::byte* p) noexcept {
  return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(p), __ATOMIC_RELAXED);
}

Result<std::pair<Mapping, abi::RegionHeader>> map_region(const UniqueFd& fd, std::uint32_t magic, std::uint32_t version, const char* name) {
  auto mapping = Mapping::map_readonly(fd);
  if (!mapping) return fail(mapping.error().code, std::string(name) + " region: " + mapping.error().message);
  if (mapping->size() < sizeof(abi::RegionHeader)) return fail(ErrorCode::kInvalid, std::string(name) + " region is too small");
  abi::RegionHeader header;
  std::memcpy(&header, mapping->base(), sizeof header);
  if (header.magic != magic || header.version != version)
    return fail(ErrorCode::kInvalid, std::string(name) + " region has another layout: install both programs of the same release");
  if (header.region_bytes > mapping->size() || header.directory_offset % 8 != 0 || header.blocks_offset % 8 != 0 ||
      header.block_bytes % 8 != 0)
    return fail(ErrorCode::kInvalid, std::string(name) + " region is malformed");
  return std::pair<Mapping, abi::RegionHeader>(std::move(*mapping), header);
}

// Calls `copy` between two looks at the version until both are equal and even. False: it stays odd.
template <typename Slot, typename Copy>
bool read_between(const Slot& shared, Copy copy) noexcept {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const std::uint32_t before = shared.version.load(std::memory_order_acquire);
    if ((before & 1) != 0) continue;
    copy();
    std::atomic_thread_fence(std::memory_order_acquire);
    if (shared.version.load(std::memory_order_relaxed) == before) return true;
  }
  return false;
}

template <typename T>
T load(const T& shared) noexcept {
  return __atomic_load_n(&shared, __ATOMIC_RELAXED);
}

}  // namespace

Result<Mapping> Mapping::map_readonly(const UniqueFd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail(ErrorCode::kInvalid, std::string("fstat: ") + std::strerror(errno));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || size == 0 || size > kMaxRegionBytes) return fail(ErrorCode::kInvalid, "not a memfd of a possible size");
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return fail(ErrorCode::kInvalid, "not a memfd sealed against shrinking");
  void* base = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) return fail(ErrorCode::kInternal, std::string("mmap: ") + std::strerror(errno));
  return Mapping(static_cast<const std::byte*>(base), size);
}

Mapping::~Mapping() {
  if (base_ != nullptr) ::munmap(const_cast<std::byte*>(base_), size_);
}

Result<std::shared_ptr<const StatsRegion>> StatsRegion::open(const UniqueFd& fd) {
  auto mapped = map_region(fd, abi::kStatsMagic, abi::kStatsVersion, "stats");
  if (!mapped) return tl::unexpected(mapped.error());
  const abi::RegionHeader& header = mapped->second;
  if (!fits(header.region_bytes, header.directory_offset, header.directory_entries, sizeof(abi::StatEntry)) ||
      !fits(header.region_bytes, header.blocks_offset, header.block_count, header.block_bytes))
    return fail(ErrorCode::kInvalid, "stats region is malformed");
  return std::make_shared<const StatsRegion>(std::move(mapped->first), header);
}

std::vector<StatValue> StatsRegion::read() const {
  std::vector<StatValue> out;
  for (std::uint32_t i = 0; i < header_.directory_entries; ++i) {
    abi::StatEntry entry;
    std::memcpy(&entry, mapping_.base() + header_.directory_offset + std::uint64_t{i} * sizeof entry, sizeof entry);
    if (entry.count == 0 || entry.count > kMaxStatValues || entry.offset % 8 != 0 ||
        !fits(header_.block_bytes, entry.offset, entry.count, 8))
      continue;
    StatValue value{field_text(entry.name), field_text(entry.unit), entry.kind, std::vector<std::uint64_t>(entry.count), {}};
    for (std::uint32_t block = 0; block < header_.block_count; ++block) {
      const std::byte* at = mapping_.base() + header_.blocks_offset + std::uint64_t{block} * header_.block_bytes + entry.offset;
      for (std::uint32_t k = 0; k < entry.count; ++k) value.values[k] += load_shared(at + 8 * k);
      if (entry.count == 1) value.per_worker.push_back(load_shared(at));
    }
    out.push_back(std::move(value));
  }
  return out;
}

Result<std::shared_ptr<const StateRegion>> StateRegion::open(const UniqueFd& fd) {
  auto mapped = map_region(fd, abi::kStateMagic, abi::kStateVersion, "state");
  if (!mapped) return tl::unexpected(mapped.error());
  const abi::RegionHeader& header = mapped->second;
  if (header.block_bytes != sizeof(abi::StateSlot) || header.directory_offset % alignof(abi::StateSlot) != 0 ||
      !fits(header.region_bytes, header.directory_offset, header.directory_entries, sizeof(abi::StateSlot)) ||
      !fits(header.region_bytes, header.blocks_offset, header.directory_entries, sizeof(abi::StateIdentity)))
    return fail(ErrorCode::kInvalid, "state region is malformed");
  return std::make_shared<const StateRegion>(std::move(mapped->first), header);
}

abi::StateIdentity StateRegion::identity(std::uint32_t slot) const noexcept {
  abi::StateIdentity out;
  std::memcpy(&out, mapping_.base() + header_.blocks_offset + std::uint64_t{slot} * sizeof out, sizeof out);
  return out;
}

SlotView StateRegion::read_slot(std::uint32_t slot) const noexcept {
  const auto& shared = *reinterpret_cast<const abi::StateSlot*>(slot_at(slot));
  SlotView view;
  view.torn = !read_between(shared, [&] {
    view.ssrc = load(shared.ssrc);
    view.highest_index = load(shared.srtp.top);
    view.started = (load(shared.srtp.bits[0]) | load(shared.srtp.bits[1])) != 0;
    view.packets = load(shared.packets);
    view.bytes = load(shared.bytes);
    view.srtcp_index = load(shared.srtcp_top);
    view.srtcp_packets = load(shared.srtcp_packets);
  });
  const abi::StateIdentity owner = identity(slot);
  view.packets_at_key = owner.packets_at_key;
  view.srtcp_packets_at_key = owner.srtcp_at_key;
  return view;
}

std::optional<LatchView> StateRegion::read_latch(std::uint32_t slot) const noexcept {
  const auto& shared = *reinterpret_cast<const abi::LegSlot*>(slot_at(slot));
  LatchView view;
  std::uint8_t family = 0;
  const bool good = read_between(shared, [&] {
    family = load(shared.family);
    view.udp_port = load(shared.udp_port);
    view.rtcp_port = load(shared.rtcp_port);
    for (std::size_t i = 0; i < view.address.size(); ++i) view.address[i] = load(shared.address[i]);
  });
  view.family = static_cast<abi::Family>(family);
  if (!good || (view.family != abi::Family::kIpv4 && view.family != abi::Family::kIpv6)) return std::nullopt;
  return view;
}

StateRegion::Index StateRegion::index() const {
  Index out;
  out.region_ = this;
  for (std::uint32_t slot = 0; slot < header_.directory_entries; ++slot) {
    const abi::StateIdentity owner = identity(slot);
    if (owner.kind == abi::SlotKind::kReceive)
      out.slots_.emplace(Index::key(owner.kind, owner.stream_id, 0), slot);
    else if (owner.kind == abi::SlotKind::kSend)
      out.slots_.emplace(Index::key(owner.kind, owner.stream_id, owner.leg_id), slot);
    else if (owner.kind == abi::SlotKind::kLeg)
      out.slots_.emplace(Index::key(owner.kind, 0, owner.leg_id), slot);
  }
  return out;
}

std::optional<std::uint32_t> StateRegion::Index::find_slot(abi::SlotKind kind, std::uint64_t stream, std::uint64_t leg) const {
  for (auto [at, end] = slots_.equal_range(key(kind, stream, leg)); at != end; ++at) {
    const abi::StateIdentity owner = region_->identity(at->second);
    const bool same_stream = kind == abi::SlotKind::kLeg || owner.stream_id == stream;
    const bool same_leg = kind == abi::SlotKind::kReceive || owner.leg_id == leg;
    if (owner.kind == kind && same_stream && same_leg) return at->second;
  }
  return std::nullopt;
}

std::optional<SlotView> StateRegion::Index::find(abi::SlotKind kind, std::uint64_t stream, std::uint64_t leg) const {
  const auto slot = find_slot(kind, stream, leg);
  return slot ? std::optional(region_->read_slot(*slot)) : std::nullopt;
}

std::optional<LatchView> StateRegion::Index::latched(std::uint64_t leg) const {
  const auto slot = find_slot(abi::SlotKind::kLeg, 0, leg);
  return slot ? region_->read_latch(*slot) : std::nullopt;
}

}  // namespace mediaward::control
