// SPDX-License-Identifier: Apache-2.0
// See bucket_mover.h. Main thread.
#include "dataplane/bucket_mover.h"

#include "dataplane/core.h"

namespace mediaward::dataplane {

Result<void> BucketMover::request(std::uint32_t bucket, std::uint32_t worker, bool dry_run) {
  if (bucket >= kBuckets)
    return fail(ErrorCode::kInvalid, "there is no bucket " + std::to_string(bucket) + ": they are 0 to " + std::to_string(kBuckets - 1));
  if (worker >= core_.worker_count())
    return fail(ErrorCode::kInvalid,
                "there is no worker " + std::to_string(worker) + ": they are 0 to " + std::to_string(core_.worker_count() - 1));
  if (dry_run) return {};
  if (queue_.size() == kMaxQueued) return fail(ErrorCode::kExhausted, std::to_string(kMaxQueued) + " moves are waiting already: try again");
  queue_.emplace_back(bucket, worker);
  return {};
}

void BucketMover::advance() {
  while (step()) continue;
}

bool BucketMover::step() {
  switch (step_) {
    case Step::kIdle:
      return begin();
    case Step::kPark:
      return reroute();
    case Step::kReroute:
      return empty();
    case Step::kEmpty:
      return open();
    case Step::kOpen:
      return seal();
    case Step::kSeal:
      return share();
    case Step::kShare:
      return unlink();
    case Step::kUnlink:
      return resume();
    case Step::kResume:
      return finish();
  }
  return false;
}

bool BucketMover::begin() {
  if (queue_.empty()) return false;
  bucket_ = queue_.front().first;
  from_ = core_.bucket_owner_[bucket_];
  to_ = queue_.front().second;
  if (from_ == to_) return end({}), true;
  if (!has_room(to_, 1)) return false;
  if (auto staged = stage(); !staged) {
    core_.discard();
    core_.bucket_owner_[bucket_] = static_cast<std::uint8_t>(from_);
    return end(std::move(staged)), true;
  }
  tell(to_, set_owner(true));
  step_ = Step::kPark;
  return true;
}

// Receive sides and streams as the new owner will see them. What workers change meanwhile they change behind pointers.
Result<void> BucketMover::stage() {
  core_.bucket_owner_[bucket_] = static_cast<std::uint8_t>(to_);
  mark_bucket();
  plan_.assign(core_.worker_count(), {});
  core_.quiesced_ = true;  // send windows and all go on where they are
  const auto built = core_.build(plan_);
  core_.quiesced_ = false;
  if (!built) return fail(built.error().code, built.error().message);
  core_.staged_notices_.clear();  // of slots that a crash tore: told when it was found
  if (auto room = core_.check_room(plan_); !room) return fail(room.error().code, room.error().message);
  return {};
}

void BucketMover::mark_bucket() {
  for (const std::uint64_t id : core_.legs_.committed_ids()) {
    const LegObject& leg = *core_.legs_.committed(id);
    if (bucket_of(leg.local_port) != bucket_) continue;
    core_.dirty_receivers_.insert(id);
    for (const std::uint64_t stream : leg.streams) core_.dirty_streams_.insert(stream);
  }
}

bool BucketMover::reroute() {
  if (!applied(to_)) return false;
  for (std::size_t w = 0; w < core_.worker_count(); ++w)
    if (!has_room(w, 1)) return false;
  if (core_.settings_.steer) core_.settings_.steer(bucket_, static_cast<std::uint32_t>(to_));
  for (std::size_t w = 0; w < core_.worker_count(); ++w)
    if (w != to_) tell(w, set_owner(false));
  step_ = Step::kReroute;
  return true;
}

bool BucketMover::empty() {
  if (!others_applied()) return false;
  note_produced(core_.shared_.handoff[from_]);
  step_ = Step::kEmpty;
  return true;
}

// What was handed over has become jobs: none that is opened after this is of the bucket.
bool BucketMover::open() {
  if (!consumed(core_.shared_.handoff[from_]) || !has_room(from_, 1)) return false;
  begin_drain();
  step_ = Step::kOpen;
  return true;
}

// Being drained says that jobs begun before have come back, not what they began in their turn.
bool BucketMover::seal() {
  if (!drained() || !has_room(from_, 1)) return false;
  begin_drain();
  step_ = Step::kSeal;
  return true;
}

bool BucketMover::share() {
  if (!drained()) return false;
  std::vector<const ShareRing*> rings;
  for (const auto& to : core_.shared_.shares) rings.push_back(to[from_].get());
  note_produced(rings);
  step_ = Step::kShare;
  return true;
}

// Shares of the new owner's plaintexts must be known to whom they go before it passes on the first.
bool BucketMover::unlink() {
  std::vector<const ShareRing*> rings;
  for (const auto& to : core_.shared_.shares) rings.push_back(to[from_].get());
  if (!consumed(rings)) return false;
  for (std::size_t w = 0; w < core_.worker_count(); ++w)
    if (w != to_ && !has_room(w, plan_[w].size())) return false;
  for (std::size_t w = 0; w < core_.worker_count(); ++w)
    if (w != to_) tell(w, plan_[w]);
  step_ = Step::kUnlink;
  return true;
}

bool BucketMover::resume() {
  if (!others_applied() || !has_room(to_, plan_[to_].size() + 1)) return false;
  core_.keep_slots();
  plan_[to_].push_back({Command::Op::kUnparkBucket, 0, 0, 0, bucket_, nullptr});
  tell(to_, plan_[to_]);
  core_.commit(false);
  step_ = Step::kResume;
  return true;
}

bool BucketMover::finish() {
  if (!applied(to_)) return false;
  end({});
  return true;
}

void BucketMover::end(Result<void> done) {
  finished_.push_back({queue_.front().first, queue_.front().second, std::move(done)});
  queue_.pop_front();
  plan_.clear();
  step_ = Step::kIdle;
}

Command BucketMover::set_owner(bool park) const noexcept {
  return {Command::Op::kSetBucketOwner, 0, static_cast<std::uint16_t>(park ? 1 : 0), static_cast<std::uint16_t>(to_), bucket_, nullptr};
}

bool BucketMover::has_room(std::size_t worker, std::size_t commands) const {
  return core_.worker(worker).commands().room() >= commands;
}

void BucketMover::tell(std::size_t worker, std::span<const Command> commands) {
  for (const Command& c : commands) (void)core_.worker(worker).commands().stage(c);
  core_.published_[worker] = core_.worker(worker).commands().publish();
}

bool BucketMover::applied(std::size_t worker) const {
  return core_.worker(worker).applied_sequence() >= core_.published_[worker];
}

bool BucketMover::others_applied() const {
  for (std::size_t w = 0; w < core_.worker_count(); ++w)
    if (w != to_ && !applied(w)) return false;
  return true;
}

// A command that changes nothing: it is drained when every job begun before it is.
void BucketMover::begin_drain() {
  tell(from_, set_owner(false));
  drained_at_ = core_.published_[from_];
}

bool BucketMover::drained() const {
  return core_.worker(from_).drained_sequence() >= drained_at_;
}

template <typename Rings>
void BucketMover::note_produced(const Rings& rings) {
  produced_.clear();
  for (const auto& ring : rings) produced_.push_back(ring != nullptr ? ring->produced() : 0);
}

template <typename Rings>
bool BucketMover::consumed(const Rings& rings) const {
  for (std::size_t i = 0; i < rings.size(); ++i)
    if (rings[i] != nullptr && rings[i]->consumed() < produced_[i]) return false;
  return true;
}

}  // namespace mediaward::dataplane
