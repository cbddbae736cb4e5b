// SPDX-License-Identifier: Apache-2.0
// See core.h: making the data plane and its workers, and giving back what no worker refers to any more. Main thread.
#include "dataplane/core.h"

#include <x86gprintrin.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace mediaward::dataplane {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::uint32_t kLeastExtents = 8;  // of the cache, per worker
constexpr std::size_t kMaxWorkers = 64;  // bits of StreamDetails::shares
// Contexts of a leg with one key per direction: SRTP and SRTCP of both, twice, because a rekey makes the new before the old may go.
constexpr std::size_t kContextsPerLeg = 2 * 2 * 2;

std::uint64_t measure_tsc_hz() {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const std::uint64_t tsc = __rdtsc();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::uint64_t cycles = __rdtsc() - tsc;
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  return static_cast<std::uint64_t>(static_cast<double>(cycles) / seconds.count());
}

std::size_t key_memory_bytes(const CoreSettings& settings, const crypto::CryptoProvider& provider) {
  std::size_t largest = 0;
  for (const auto& suite : crypto::kSuites)
    if ((settings.allowed_suites & suite_bit(suite.id)) != 0) largest = std::max(largest, provider.key_context_bytes(suite.id));
  const std::size_t copies = provider.key_contexts_shared() ? 1 : settings.workers.size();
  return settings.limits.legs * kContextsPerLeg * copies * ((largest + 63) / 64 * 64);
}

// A resynchronisation of everything the limits allow must fit at once: two flows of a leg may go and two come.
std::size_t command_ring_entries(const CoreSettings& settings) {
  const CoreLimits& limits = settings.limits;
  const PeerLimits& peer = settings.peer_limits;
  const std::size_t of_peers = has_network_peer(settings) ? 2 * (std::size_t{peer.swarms} + peer.admissions + peer.peers) : 0;
  return std::size_t{limits.slots} + 6 * std::size_t{limits.legs} + limits.neighbours + of_peers;
}

// Guard ports come in pairs that name each other, and have no part in anything else.
Result<void> check_guards(const CoreSettings& settings) {
  for (std::size_t i = 0; i < settings.ports.size(); ++i) {
    const PortSettings& port = settings.ports[i];
    if (port.guard_port < 0) continue;
    const auto other = static_cast<std::size_t>(port.guard_port);
    if (other >= settings.ports.size() || other == i || settings.ports[other].guard_port != static_cast<int>(i))
      return fail(ErrorCode::kInvalid, "port " + port.name + ": guard ports are two that name each other");
    if (port.ppspp_port != 0) return fail(ErrorCode::kInvalid, "port " + port.name + ": a guard port is no network peer's");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Core>> Core::create(CoreSettings settings, crypto::CryptoProvider& provider) {
  if (settings.ports.empty()) return fail(ErrorCode::kInvalid, "no port is configured");
  if (settings.workers.empty()) return fail(ErrorCode::kInvalid, "no worker is planned");
  if (settings.workers.size() > kMaxWorkers) return fail(ErrorCode::kInvalid, "more than " + std::to_string(kMaxWorkers) + " workers");
  auto stats = StatsRegion::create(settings.workers.size());
  if (!stats) return tl::unexpected(stats.error());
  auto state = StateRegion::create(settings.limits.slots);
  if (!state) return tl::unexpected(state.error());
  if (auto good = check_guards(settings); !good) return tl::unexpected(good.error());
  auto arena = crypto::SecretArena::create({.capacity_bytes = key_memory_bytes(settings, provider), .hugetlb = settings.huge_pages});
  if (!arena) return tl::unexpected(arena.error());
  const std::uint64_t tsc_hz = settings.tsc_hz != 0 ? settings.tsc_hz : measure_tsc_hz();
  std::unique_ptr<Core> core(new Core(std::move(settings), provider, std::move(*stats), std::move(*state), std::move(*arena), tsc_hz));
  if (auto made = core->make_peer_parts(); !made) return tl::unexpected(made.error());
  if (auto made = core->make_workers(); !made) return tl::unexpected(made.error());
  return core;
}

Core::Core(CoreSettings settings, crypto::CryptoProvider& provider, StatsRegion stats, StateRegion state,
           std::unique_ptr<crypto::SecretArena> arena, std::uint64_t tsc_hz)
    : settings_(std::move(settings)),
      provider_(provider),
      tsc_hz_(tsc_hz),
      stats_(std::move(stats)),
      arena_(std::move(arena)),
      budget_(std::make_unique<NeighbourBudget>(settings_.limits.neighbours)),
      legs_per_worker_(settings_.workers.size(), 0),
      published_(settings_.workers.size(), 0) {
  use_region(std::move(state));
  shared_.link_up = std::vector<std::atomic<bool>>(settings_.ports.size());
  for (auto& up : shared_.link_up) up = true;
  free_legs_ = all_places(settings_.limits.legs);
  for (std::size_t p = 0; p < settings_.ports.size(); ++p)
    shared_.neighbours.push_back(std::make_unique<NeighbourTable>(settings_.ports[p], static_cast<std::uint16_t>(p), *budget_, tsc_hz_));
}

void Core::use_region(StateRegion region) {
  book_ = nullptr;
  state_ = std::make_unique<StateRegion>(std::move(region));
  book_ = std::make_unique<SlotBook>(*state_, [this](const SlotKey& key, std::uint64_t fingerprint) { return may_condense(key, fingerprint); });
}

// The cache and what workers share of it; before the workers.
Result<void> Core::make_peer_parts() {
  const auto clock = settings_.clock ? settings_.clock : [] { return std::uint64_t{__rdtsc()}; };
  swarms_ = std::make_unique<ppspp::SwarmBook>(settings_, shared_, tables_, tsc_hz_,
                                               [this](std::uint16_t port, const IpAddress& to) { return hop_towards(port, to); }, clock);
  if (!swarms_->enabled()) return {};
  const std::size_t n = settings_.workers.size();
  const auto extents = static_cast<std::uint32_t>(std::max<std::uint64_t>(settings_.peer_limits.cache_bytes / ppspp::kExtentBytes, kLeastExtents * n));
  auto memory = ppspp::MappedMemory::create(ppspp::CacheArena::bytes_needed(extents), settings_.huge_pages);
  if (!memory) return fail(memory.error().code, "peer.cache: " + memory.error().message);
  cache_memory_ = std::move(*memory);
  const Bytes cache = cache_memory_.bytes();
  for (std::size_t at = 0; at < cache.size(); at += kPageBytes) cache[at] = std::byte{0};  // page faults are the start's, not a worker's
  shared_.hashes = crypto::select_hash_provider(refused_hashes_);
  ppspp::PeerShared& peer = shared_.peer;
  peer.arena = std::make_unique<ppspp::CacheArena>(cache_memory_.bytes(), n);
  peer.loop_words.resize(n);
  for (auto& word : peer.loop_words) peer.loops.push_back(&word.loops);
  peer.signatures = std::make_unique<ppspp::SignatureChecker>(n);
  if (n > 1) peer.mail = std::make_unique<ppspp::MailRoom>(n);
  peer.quiescence = std::make_unique<ppspp::Quiescence>(peer.loops);
  for (std::size_t i = 0; i < n; ++i) peer.caches.push_back(std::make_unique<ppspp::CachePartition>(*peer.arena, i, *peer.quiescence));
  return {};
}

Result<void> Core::make_workers() {
  const std::size_t n = settings_.workers.size();
  for (std::size_t b = 0; b < kBuckets; ++b) bucket_owner_[b] = static_cast<std::uint8_t>(b % n);  // as every worker begins with
  shared_.handoff.resize(n);
  shared_.shares.resize(n);
  for (std::size_t to = 0; to < n; ++to) {
    for (std::size_t from = 0; from < n; ++from)
      shared_.handoff[to].push_back(to == from ? nullptr : std::make_unique<SpscRing<Packet*>>(settings_.limits.handoff_ring));
    for (std::size_t from = 0; from < n; ++from)
      shared_.shares[to].push_back(to == from ? nullptr : std::make_unique<ShareRing>(settings_.limits.handoff_ring));
  }
  for (std::size_t i = 0; i < n; ++i) {
    auto& own = settings_.workers[i];
    if (own.burst == 0 || own.burst > kMaxBurst) return fail(ErrorCode::kInvalid, "workers.burst must be 1 to " + std::to_string(kMaxBurst));
    if (own.queues.size() != settings_.ports.size()) return fail(ErrorCode::kInvalid, "every worker needs a queue on every port");
    shared_.workers.push_back(std::make_unique<Worker>(static_cast<std::uint32_t>(i), settings_, std::move(own), provider_.make_engine(),
                                                       stats_.block(i), shared_, tsc_hz_, command_ring_entries(settings_)));
  }
  return {};
}

Core::~Core() {
  state_->freeze();  // indexes must be found again by whoever starts next
  discard();
  streams_ = {};
  legs_ = {};
  conferences_ = {};
  book_->clear();
  retired_.clear();  // places in tables go back to their lists
  swarms_ = nullptr;
  unlinked_hops_.clear();
}

Result<void> Core::adopt_state(UniqueFd fd) {
  if (legs_.size() != 0 || !retired_.empty()) return fail(ErrorCode::kConflict, "this process already has state of its own");
  auto adopted = StateRegion::adopt(std::move(fd));
  if (!adopted) return tl::unexpected(adopted.error());
  if (adopted->capacity() != settings_.limits.slots) return fail(ErrorCode::kUnsupported, "the kept state region was made with another limits.slots");
  use_region(std::move(*adopted));
  return {};
}

Result<std::shared_ptr<NextHop>> Core::hop_towards(std::uint16_t port, const IpAddress& destination) {
  const auto wanted = route(settings_.ports[port], destination);
  if (!wanted) return tl::unexpected(wanted.error());
  auto hop = shared_.neighbours[port]->acquire(wanted->address);
  if (!hop) return tl::unexpected(hop.error());
  return take_hop(port, *hop);
}

std::shared_ptr<NextHop> Core::take_hop(std::uint16_t port, NextHop* hop) {
  return {hop, [this, port](NextHop* h) {
            if (auto unlinked = shared_.neighbours[port]->release(h)) retire_hop(std::move(unlinked));
          }};
}

void Core::retire_hop(std::unique_ptr<NextHop> hop) { unlinked_hops_.push_back(std::move(hop)); }

void Core::collect() {
  std::erase_if(retired_, [this](const Retired& r) {
    for (std::size_t w = 0; w < r.sequence.size(); ++w)
      if (shared_.workers[w]->drained_sequence() < r.sequence[w]) return false;
    return true;
  });
  swarms_->collect();
  // Next hops that nothing refers to but, maybe, a worker's queue of waiting packets or a lookup in progress.
  if (unlinked_hops_.empty()) return;
  for (const auto& w : shared_.workers)
    if (w->commands().room() < unlinked_hops_.size()) return;
  Retired retired;
  for (const auto& hop : unlinked_hops_)
    for (const auto& w : shared_.workers) (void)w->commands().stage({Command::Op::kPurgeNextHop, 0, 0, 0, 0, hop.get()});
  for (std::size_t w = 0; w < published_.size(); ++w) published_[w] = shared_.workers[w]->commands().publish();
  retired.sequence = published_;
  for (auto& hop : unlinked_hops_) retired.objects.push_back(std::shared_ptr<NextHop>(std::move(hop)));
  unlinked_hops_.clear();
  retired_.push_back(std::move(retired));
}

}  // namespace mediaward::dataplane
