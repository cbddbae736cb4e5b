// SPDX-License-Identifier: Apache-2.0
// The course of a transaction: staged operation by operation, built whole, checked for room, handed to the workers, made the truth here.
// Up to the handing over it can be refused and forgotten, with everything that was taken for it; from there on nothing can fail. How
// operations are validated: stage_*.cc; how tables' entries are made: build*.cc. See core.h. Main thread.
#include "dataplane/staging.h"

namespace mediaward::dataplane {
namespace {

constexpr std::size_t kSpentKeys = 65536;

}  // namespace

tl::expected<void, Refusal> Core::submit(std::span<const Operation> operations, TransactionOptions options) {
  if (mover_.staging()) return refuse(ErrorCode::kUnavailable, 0, "transaction", "a bucket is being moved: try again");
  const auto refused = [this](Refusal refusal) {
    discard();
    return tl::unexpected(std::move(refusal));
  };
  resync_ = options.resync;
  if (resync_) sweep(operations), sweep_swarms(operations);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (auto ok = std::visit([this](const auto& m) { return stage(m); }, operations[i]); !ok) {
      ok.error().operation = static_cast<std::uint32_t>(i);
      return refused(std::move(ok.error()));
    }
  }
  if (resync_) sweep_conferences(operations);
  if (auto ok = finish(options); !ok) return refused(std::move(ok.error()));
  return {};
}

Core::Check Core::finish(TransactionOptions options) {
  Plan plan(settings_.workers.size());
  if (auto ok = build(plan); !ok) return ok;
  if (auto ok = check_room(plan); !ok) return ok;
  if (options.dry_run) {
    discard();
    return {};
  }
  hand_over(plan);
  commit(options.resync);
  return {};
}

Core::Check Core::check_room(const Plan& plan) {
  for (std::size_t w = 0; w < plan.size(); ++w)
    if (plan[w].size() > worker(w).commands().room())
      return refuse(ErrorCode::kExhausted, 0, "transaction", "more changes than the command ring holds: split the transaction");
  return {};
}

void Core::hand_over(const Plan& plan) {
  keep_slots();  // nothing can be refused from here on, and no worker has heard of anything yet
  for (std::size_t w = 0; w < plan.size(); ++w) {
    for (const Command& command : plan[w]) (void)worker(w).commands().stage(command);
    published_[w] = worker(w).commands().publish();
  }
}

// The indexes in the slots of live streams go on under the keys that are in force from now on; what was learned is written down.
void Core::keep_slots() {
  for (const auto& slot : claims_) slot->claim();
  for (const auto& slot : unnamed_) slot->unname();
  for (const auto& [slot, use] : uses_) slot->keep(use);
  for (const auto& [slot, learned] : learned_) {
    const SlotWrite write(slot->state());
    abi::LegSlot& state = slot->leg_state();
    state.udp_port = learned.port;
    state.rtcp_port = learned.rtcp_port;
    state.family = static_cast<std::uint8_t>(learned.address.family);
    std::memcpy(state.address, learned.address.bytes.data(), sizeof state.address);
  }
}

void Core::commit(bool resync) {
  Retired retired{published_, {}};
  const auto retire = [&retired](auto object) { retired.objects.push_back(std::move(object)); };
  for (const auto& [id, staged] : legs_.staged()) count_legs(legs_.committed(id), staged.get());
  rekey_notices_.insert(rekey_notices_.end(), staged_notices_.begin(), staged_notices_.end());
  conferences_.commit(retire);
  streams_.commit(retire);
  legs_.commit(retire);
  book_->commit(retire);
  swarms_->commit(retire);
  endpoints_.commit([](const auto&) {});
  seal_keys_.commit([](const auto&) {});
  remember_spent_keys();
  electing_changed_.insert(touched_conferences_.begin(), touched_conferences_.end());
  refresh_speakers();
  discard();
  if (!retired.objects.empty()) retired_.push_back(std::move(retired));
  if (resync) state_->release_unclaimed();
}

void Core::count_legs(const LegObject* before, const LegObject* after) {
  const auto learns = [](const LegObject& leg) { return leg.latches() || leg.ssrc_policy != abi::SsrcPolicy::kFixed; };
  if (before != nullptr) {
    --legs_per_worker_[before->worker];
    learning_legs_ -= learns(*before) ? 1 : 0;
  }
  if (after != nullptr) {
    ++legs_per_worker_[after->worker];
    learning_legs_ += learns(*after) ? 1 : 0;
  }
}

void Core::remember_spent_keys() {
  for (const std::uint64_t key : spent_seal_keys_) {
    if (!spent_keys_.insert(key).second) continue;
    spent_order_.push_back(key);
    if (spent_order_.size() <= kSpentKeys) continue;
    spent_keys_.erase(spent_order_.front());
    spent_order_.pop_front();
  }
}

void Core::discard() {
  streams_.discard();
  legs_.discard();
  conferences_.discard();
  endpoints_.discard();
  seal_keys_.discard();
  book_->discard();
  swarms_->discard();
  resync_ = quiesced_ = false;
  for (auto* ids : {&touched_conferences_, &dirty_legs_, &dirty_receivers_, &dirty_streams_, &rekeyed_, &electing_changed_}) ids->clear();
  spent_seal_keys_.clear();
  staged_notices_.clear();
  uses_.clear();
  claims_.clear();
  unnamed_.clear();
  learned_.clear();
}

bool Core::applied() const noexcept {
  for (std::size_t w = 0; w < published_.size(); ++w)
    if (shared_.workers[w]->applied_sequence() < published_[w]) return false;
  return true;
}

}  // namespace mediaward::dataplane
