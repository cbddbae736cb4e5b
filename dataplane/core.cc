// SPDX-License-Identifier: Apache-2.0
// See core.h: making the data plane, running a transaction from submission to retirement. Validation is transaction.cc, building what
// workers see is build.cc. Main thread.
#include "dataplane/core.h"

#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace mediaward::dataplane {
namespace {

constexpr std::size_t kSpentKeys = 65536;
constexpr std::size_t kKeyBytesPerLeg = 2 * 1088;  // both directions of the largest context (AES-GCM tables), rounded up

std::uint64_t measure_tsc_hz() {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const std::uint64_t tsc = __rdtsc();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::uint64_t cycles = __rdtsc() - tsc;
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  return static_cast<std::uint64_t>(static_cast<double>(cycles) / seconds.count());
}

// A resynchronisation of everything the limits allow must fit at once.
std::size_t command_ring_entries(const CoreLimits& limits) { return std::size_t{limits.slots} + 4 * std::size_t{limits.legs} + limits.neighbours; }

}  // namespace

Result<std::unique_ptr<Core>> Core::create(CoreSettings settings, crypto::CryptoProvider& provider) {
  if (settings.ports.empty()) return fail(ErrorCode::kInvalid, "no port is configured");
  if (settings.workers.empty()) return fail(ErrorCode::kInvalid, "no worker is planned");
  auto stats = StatsRegion::create(settings.workers.size());
  if (!stats) return tl::unexpected(stats.error());
  auto state = StateRegion::create(settings.limits.slots);
  if (!state) return tl::unexpected(state.error());
  const std::size_t copies = provider.key_contexts_shared() ? 1 : settings.workers.size();
  auto arena = crypto::SecretArena::create({.capacity_bytes = settings.limits.legs * kKeyBytesPerLeg * copies * 2, .hugetlb = settings.huge_pages});
  if (!arena) return tl::unexpected(arena.error());
  const std::uint64_t tsc_hz = settings.tsc_hz != 0 ? settings.tsc_hz : measure_tsc_hz();
  std::unique_ptr<Core> core(new Core(std::move(settings), provider, std::move(*stats), std::move(*state), std::move(*arena), tsc_hz));
  if (auto made = core->make_workers(); !made) return tl::unexpected(made.error());
  return core;
}

Core::Core(CoreSettings settings, crypto::CryptoProvider& provider, StatsRegion stats, StateRegion state,
           std::unique_ptr<crypto::SecretArena> arena, std::uint64_t tsc_hz)
    : settings_(std::move(settings)),
      provider_(provider),
      tsc_hz_(tsc_hz),
      stats_(std::move(stats)),
      state_(std::make_unique<StateRegion>(std::move(state))),
      arena_(std::move(arena)),
      budget_(std::make_unique<NeighbourBudget>(settings_.limits.neighbours)),
      legs_per_worker_(settings_.workers.size(), 0),
      published_(settings_.workers.size(), 0) {
  shared_.link_up = std::vector<std::atomic<bool>>(settings_.ports.size());
  for (auto& up : shared_.link_up) up = true;
  free_legs_.reserve(settings_.limits.legs);
  for (std::uint32_t i = settings_.limits.legs; i-- > 0;) free_legs_.push_back(i);
  for (std::size_t p = 0; p < settings_.ports.size(); ++p)
    shared_.neighbours.push_back(std::make_unique<NeighbourTable>(settings_.ports[p], static_cast<std::uint16_t>(p), *budget_, tsc_hz_));
}

Result<void> Core::make_workers() {
  const std::size_t n = settings_.workers.size();
  for (std::size_t b = 0; b < kBuckets; ++b) shared_.bucket_owner[b] = static_cast<std::uint8_t>(b % n);
  shared_.handoff.resize(n);
  for (std::size_t to = 0; to < n; ++to) {
    for (std::size_t from = 0; from < n; ++from)
      shared_.handoff[to].push_back(to == from ? nullptr : std::make_unique<SpscRing<Packet*>>(settings_.limits.handoff_ring));
  }
  for (std::size_t i = 0; i < n; ++i) {
    auto& own = settings_.workers[i];
    if (own.burst == 0 || own.burst > kMaxBurst) return fail(ErrorCode::kInvalid, "workers.burst must be 1 to " + std::to_string(kMaxBurst));
    if (own.queues.size() != settings_.ports.size()) return fail(ErrorCode::kInvalid, "every worker needs a queue on every port");
    shared_.workers.push_back(std::make_unique<Worker>(static_cast<std::uint32_t>(i), settings_, std::move(own), provider_.make_engine(),
                                                       stats_.block(i), shared_, tsc_hz_, command_ring_entries(settings_.limits)));
  }
  return {};
}

Core::~Core() {
  keep_state_ = true;  // indexes must be found again by whoever starts next
  discard();
  streams_ = {};
  legs_ = {};
  conferences_ = {};
  retired_.clear();
  unlinked_hops_.clear();
}

Result<void> Core::adopt_state(UniqueFd fd) {
  if (legs_.size() != 0 || !retired_.empty()) return fail(ErrorCode::kConflict, "this process already has state of its own");
  auto adopted = StateRegion::adopt(std::move(fd));
  if (!adopted) return tl::unexpected(adopted.error());
  if (adopted->capacity() != settings_.limits.slots) return fail(ErrorCode::kUnsupported, "the kept state region was made with another limits.slots");
  state_ = std::make_unique<StateRegion>(std::move(*adopted));
  return {};
}

tl::expected<void, Refusal> Core::submit(std::span<const Operation> operations, TransactionOptions options) {
  const auto refused = [this](Refusal refusal) {
    discard();
    return tl::unexpected(std::move(refusal));
  };
  if (options.resync) {
    std::unordered_set<std::uint64_t> named;
    for (const auto& operation : operations) {
      if (const auto* c = std::get_if<abi::Conference>(&operation)) named.insert(c->conference_id);
      if (const auto* l = std::get_if<abi::Leg>(&operation)) named.insert(l->leg_id);
      if (const auto* s = std::get_if<abi::Stream>(&operation)) named.insert(s->stream_id);
    }
    sweep(named);
  }
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (auto ok = std::visit([this](const auto& m) { return stage(m); }, operations[i]); !ok) {
      ok.error().operation = static_cast<std::uint32_t>(i);
      return refused(std::move(ok.error()));
    }
  }
  Plan plan(settings_.workers.size());
  if (auto ok = build(plan); !ok) return refused(std::move(ok.error()));
  if (auto ok = check_room(plan); !ok) return refused(std::move(ok.error()));
  if (options.dry_run) {
    discard();
    return {};
  }
  hand_over(plan);
  commit(options.resync);
  return {};
}

Core::Check Core::check_room(const Plan& plan) {
  for (std::size_t w = 0; w < plan.size(); ++w) {
    if (plan[w].size() > worker(w).commands().room())
      return tl::unexpected(Refusal{ErrorCode::kExhausted, 0, 0, "transaction", "more changes than the command ring holds: split the transaction"});
  }
  return {};
}

void Core::hand_over(const Plan& plan) {
  keep_slots();  // nothing can be refused from here on, and no worker has heard of anything yet
  for (std::size_t w = 0; w < plan.size(); ++w) {
    for (const Command& command : plan[w]) (void)worker(w).commands().stage(command);
    published_[w] = worker(w).commands().publish();
  }
}

void Core::commit(bool resync) {
  Retired retired{published_, {}};
  const auto retire = [&retired](auto object) { retired.objects.push_back(std::move(object)); };
  for (const auto& [id, staged] : legs_.staged()) {
    if (const LegObject* before = legs_.committed(id)) --legs_per_worker_[owner_of(*before)];
    if (staged != nullptr) ++legs_per_worker_[owner_of(*staged)];
  }
  rekey_notices_.insert(rekey_notices_.end(), staged_notices_.begin(), staged_notices_.end());
  staged_notices_.clear();
  conferences_.commit(retire);
  streams_.commit(retire);
  legs_.commit(retire);
  endpoints_.commit([](const auto&) {});
  send_keys_.commit([](const auto&) {});
  for (const std::uint64_t key : spent_send_keys_) {
    if (!spent_keys_.insert(key).second) continue;
    spent_order_.push_back(key);
    if (spent_order_.size() <= kSpentKeys) continue;
    spent_keys_.erase(spent_order_.front());
    spent_order_.pop_front();
  }
  spent_send_keys_.clear();
  touched_conferences_.clear();
  dirty_legs_.clear();
  if (!retired.objects.empty()) retired_.push_back(std::move(retired));
  if (resync) state_->release_unclaimed();
}

// The indexes in the slots of live streams go on under the keys that are in force from now on.
void Core::keep_slots() {
  for (const auto& [id, leg] : legs_.staged()) {
    if (leg == nullptr) continue;
    for (const auto* slots : {&leg->receive_slots, &leg->send_slots})
      for (const auto& [ssrc, slot] : *slots) slot->claim();
    for (const std::uint64_t stream : leg->streams)
      leg->receive_slots.at(streams_.find(stream)->ssrc)->keep(leg->receive_key->fingerprint(), stream);
    const ConferenceObject* conference = conferences_.find(leg->conference);
    for (const std::uint64_t other : conference->legs) {
      if (other == id) continue;
      for (const std::uint64_t stream : legs_.find(other)->streams) {
        const auto slot = leg->send_slots.find(streams_.find(stream)->ssrc);
        if (slot != leg->send_slots.end()) slot->second->keep(leg->send_key->fingerprint(), stream);
      }
    }
  }
}

void Core::discard() {
  streams_.discard();
  legs_.discard();
  conferences_.discard();
  endpoints_.discard();
  send_keys_.discard();
  spent_send_keys_.clear();
  touched_conferences_.clear();
  dirty_legs_.clear();
  staged_notices_.clear();
}

bool Core::applied() const noexcept {
  for (std::size_t w = 0; w < published_.size(); ++w)
    if (shared_.workers[w]->applied_sequence() < published_[w]) return false;
  return true;
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
