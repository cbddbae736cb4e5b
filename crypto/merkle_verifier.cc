// SPDX-License-Identifier: Apache-2.0
// See merkle_verifier.h. A burst goes through waves: plan the path of every check without hashing anything, hash the leaves, climb, settle.
// One wave is all that honest traffic takes; another follows for checks that waited for one which proved nothing, and for those which can
// only now go on. The owner thread of the trees.
#include "crypto/merkle_verifier.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "crypto/bytes.h"
#include "crypto/merkle_digest.h"

namespace mediaward::crypto {
namespace {

constexpr unsigned kNever = 64;  // a level no path has
constexpr std::uint64_t bit(unsigned i) noexcept {
  return std::uint64_t{1} << i;
}

// Where a sibling comes from: a slot of the channel's pending hashes, or one of these.
constexpr std::uint8_t kElsewhere = 0xff;  // the tree, or derived
constexpr std::uint8_t kBeyond = 0xfe;     // zero: no chunk is there
static_assert(PendingHashes::kCapacity < kBeyond);

// The nodes of a path and their siblings, as they are hashed: on each level left and right behind each other.
using Path = std::array<std::byte, (kMaxMerkleHeight + 1) * 2 * kMaxDigestBytes>;

// A check on its way. One cache line.
struct alignas(64) Item {
  ChunkCheck* check;
  std::byte* path;
  std::uint8_t number;        // in the burst
  std::uint8_t rank;          // among the burst's checks by tree and chunk
  std::uint8_t digest_bytes;  // of its tree, as is
  HashId hash;
  std::uint8_t level;    // of the path node whose digest is known, once `hashed`
  std::uint8_t target;   // where the path ends: a verified node, or one that another check will prove
  std::uint8_t derived;  // nodes
  bool hashed;
  std::array<std::uint8_t, kMaxMerkleHeight> source;  // [l]: of the sibling of the path node of level l

  [[nodiscard]] std::byte* pair(unsigned l) const noexcept { return path + l * 2 * digest_bytes; }
  [[nodiscard]] std::byte* node(unsigned l) const noexcept { return path + (2 * l + (check->chunk >> l & 1)) * digest_bytes; }
};
static_assert(sizeof(Item) == 64);

// A node that is computed from pending hashes below it.
struct Derived {
  MerkleNode node;
  std::byte* out;
  std::uint8_t round;  // after those it is computed from; 0: done
  std::uint8_t item;
  std::uint8_t source[2];
  alignas(16) std::byte children[2 * kMaxDigestBytes];
};

class Climb {
 public:
  static constexpr std::size_t kMost = 64;  // checks: sets of them are words

  Climb(Hasher& hasher, std::size_t max_chunks)
      : hasher_(hasher),
        items_(std::make_unique_for_overwrite<Item[]>(max_chunks)),
        paths_(std::make_unique_for_overwrite<Path[]>(max_chunks)),
        derived_(std::make_unique_for_overwrite<Derived[]>(max_chunks * kMaxDerived)) {}

  bool run(std::span<ChunkCheck> checks) noexcept;

 private:
  // height + peaks (§5.6) of the largest content: more are not needed by any honest sender.
  static constexpr std::size_t kMaxDerived = 2 * kMaxMerkleHeight + 1;

  void begin(std::span<ChunkCheck> checks) noexcept;
  void rank_all(unsigned n) noexcept;

  void plan_all() noexcept;
  bool plan(Item& item) noexcept;
  bool plan_path(Item& item, unsigned waits_at) noexcept;
  [[nodiscard]] unsigned met_level(const Item& item) const noexcept;
  [[gnu::always_inline]] inline bool find_digest(Item& item, MerkleNode node, std::byte* out, std::uint8_t& source,
                                                 unsigned& round) noexcept;
  bool derive(Item& item, MerkleNode node, std::byte* out, unsigned& round) noexcept;

  bool hash_leaves() noexcept;
  bool hash_derived() noexcept;
  bool climb() noexcept;
  void settle_all() noexcept;
  void settle(Item& item) noexcept;
  void commit(const Item& item) noexcept;
  void forget_verified() noexcept;

  void add(unsigned& n, Item& item, const std::byte* data, std::uint32_t bytes, std::byte* digest) noexcept;
  template <typename Collect>
  bool hash(Collect&& collect) noexcept;

  Hasher& hasher_;
  std::span<ChunkCheck> checks_;
  const std::unique_ptr<Item[]> items_;
  const std::unique_ptr<Path[]> paths_;
  const std::unique_ptr<Derived[]> derived_;
  std::size_t derived_used_ = 0;

  std::uint64_t open_ = 0;           // checks without a verdict that may still get one
  std::uint64_t planned_ = 0;        // of them, those on their way in this wave
  std::uint64_t planned_ranks_ = 0;  // the same by rank
  std::array<std::uint8_t, kMost> by_rank_;
  std::array<Item*, kMost> plan_;  // those on their way, in the order of planning
  unsigned plan_count_ = 0;

  unsigned hashes_ = 0;  // a bit per hash function that the burst's trees use
  std::array<HashMessage, kMost> messages_;
};
bool Climb::run(std::span<ChunkCheck> checks) noexcept {
  checks_ = checks;
  begin(checks);
  bool good = true;
  while (good && open_ != 0) {
    plan_all();
    if (planned_ == 0) break;  // what is left lacks hashes
    good = hash_leaves() && hash_derived() && climb();
    if (good) settle_all();
  }
  forget_verified();
  return good;
}

void Climb::begin(std::span<ChunkCheck> checks) noexcept {
  derived_used_ = 0;
  open_ = 0;
  hashes_ = 0;
  for (unsigned i = 0; i < checks.size(); ++i) {
    ChunkCheck& check = checks[i];
    check.verdict = ChunkCheck::kUnverifiable;
    check.node = {0, check.chunk};
    check.hash_calls = check.hashed_bytes = 0;
    Item& item = items_[i];
    item.check = &check;
    item.path = paths_[i].data();
    item.number = static_cast<std::uint8_t>(i);
    item.derived = 0;
    item.hashed = false;
    if (check.tree == nullptr || !check.tree->has_chunk(check.chunk)) continue;
    item.hash = check.tree->hash();
    item.digest_bytes = static_cast<std::uint8_t>(check.tree->digest_bytes());
    hashes_ |= 1u << static_cast<unsigned>(item.hash);
    open_ |= bit(i);
  }
  rank_all(static_cast<unsigned>(checks.size()));
}

// By tree and chunk; equals stay in their order. Bursts mostly come sorted.
void Climb::rank_all(unsigned n) noexcept {
  const auto before = [this](unsigned a, unsigned b) {
    const ChunkCheck &x = checks_[a], &y = checks_[b];
    return x.tree != y.tree ? std::less<>()(x.tree, y.tree) : x.chunk < y.chunk;
  };
  bool sorted = true;
  for (unsigned i = 0; i < n; ++i) {
    unsigned at = i;
    for (; at > 0 && before(i, by_rank_[at - 1]); --at) by_rank_[at] = by_rank_[at - 1];
    by_rank_[at] = static_cast<std::uint8_t>(i);
    items_[i].rank = static_cast<std::uint8_t>(i);
    sorted &= at == i;
  }
  if (sorted) return;
  for (unsigned r = 0; r < n; ++r) items_[by_rank_[r]].rank = static_cast<std::uint8_t>(r);
}

// In order of arrival: where two paths meet, the check that came first proves the nodes above. Again until nothing is new, since a path
// that is planned later may be what an earlier one can end at.
void Climb::plan_all() noexcept {
  planned_ = planned_ranks_ = 0;
  plan_count_ = 0;
  for (bool more = true; more;) {
    more = false;
    for (std::uint64_t rest = open_ & ~planned_; rest != 0; rest &= rest - 1) {
      const auto i = static_cast<unsigned>(std::countr_zero(rest));
      Item& item = items_[i];
      if (!plan(item)) continue;
      planned_ |= bit(i);
      planned_ranks_ |= bit(item.rank);
      plan_[plan_count_++] = &item;
      more = true;
    }
    if ((open_ & ~planned_) == 0) return;
  }
}

bool Climb::plan(Item& item) noexcept {
  const std::size_t all_before = derived_used_;
  const std::uint8_t before = item.derived;
  if (plan_path(item, met_level(item))) return true;
  derived_used_ = all_before;
  item.derived = before;
  ChunkCheck& check = *item.check;
  const MerkleNode top = check.tree->top_of(check.chunk);
  if (check.tree->verified(top) == nullptr) check.node = top;
  return false;
}

// The level at which the path comes to the children of a node under which another path of this wave lies; that one proves both children, or
// nothing. The nearest paths to the left and right meet it first.
unsigned Climb::met_level(const Item& item) const noexcept {
  const ChunkCheck& check = *item.check;
  unsigned met = kNever;
  const auto meet = [&](unsigned other_rank) {
    const ChunkCheck& other = checks_[by_rank_[other_rank]];
    if (other.tree != check.tree) return;
    const auto width = static_cast<unsigned>(std::bit_width(other.chunk ^ check.chunk));
    if (width > check.tree->top_level()) return;  // another munro's
    met = std::min(met, width == 0 ? 0 : width - 1);
  };
  const std::uint64_t below = bit(item.rank) - 1, left = planned_ranks_ & below, right = planned_ranks_ & ~below;
  if (left != 0) meet(static_cast<unsigned>(std::bit_width(left)) - 1);
  if (right != 0) meet(static_cast<unsigned>(std::countr_zero(right)));
  for (std::size_t d = 0; d < derived_used_; ++d) {  // and what a path derives, it proves with all that lies between
    const Derived& derived = derived_[d];
    if ((planned_ >> derived.item & 1) != 0 && checks_[derived.item].tree == check.tree && covers(derived.node, check.chunk))
      met = std::min(met, derived.node.level - 1u);
  }
  return met;
}

// Up to the first verified node or the level at which to wait. Where an earlier wave has climbed already, hashes are there; but what has
// been verified since then may end the path lower. False: a hash is missing.
bool Climb::plan_path(Item& item, unsigned waits_at) noexcept {
  ChunkCheck& check = *item.check;
  const MerkleTree& tree = *check.tree;
  const std::size_t bytes = item.digest_bytes;
  const unsigned climbed = item.hashed ? item.level : 0, top = tree.top_level();
  unsigned level = 0;
  for (; level < waits_at; ++level) {
    const MerkleNode at = node_above(check.chunk, level);
    if (level == top) {
      if (tree.verified(at) == nullptr) return false;
      break;
    }
    const MerkleTree::Place place = tree.siblings(check.chunk, level);
    const auto verified = place.digest == nullptr ? 0 : static_cast<unsigned>(place.bits(std::memory_order_relaxed));
    const unsigned side = at.index & 1, other = side ^ 1;
    prefetch(place.digest);  // compared with or written when all hashes are there
    if ((verified >> side & 1) != 0) break;
    if (level < climbed) continue;
    std::byte* const out = item.pair(level) + other * bytes;
    unsigned round = 0;
    item.source[level] = kElsewhere;
    if ((verified >> other & 1) != 0) {
      copy_digest(out, place.digest + other * bytes, bytes);
    } else if (!find_digest(item, sibling(at), out, item.source[level], round)) {
      check.node = sibling(at);
      return false;
    }
  }
  item.target = static_cast<std::uint8_t>(level);
  item.level = static_cast<std::uint8_t>(std::min(level, climbed));
  return true;
}

// A digest that nobody has verified: zero beyond the end, of this channel, or made from those of this channel. round: when it is there.
inline bool Climb::find_digest(Item& item, MerkleNode node, std::byte* out, std::uint8_t& source, unsigned& round) noexcept {
  const ChunkCheck& check = *item.check;
  if (check.tree->beyond(node)) {
    std::memset(out, 0, item.digest_bytes);
    source = kBeyond;
    return true;
  }
  if (check.pending == nullptr || check.pending->digest_bytes() != item.digest_bytes) return false;
  const unsigned slot = check.pending->find_slot(node);
  if (slot == PendingHashes::kNone) return derive(item, node, out, round);
  copy_digest(out, check.pending->digest_at(slot), item.digest_bytes);
  source = static_cast<std::uint8_t>(slot);
  return true;
}

// Ends soon when it is in vain: the leftmost missing leaf stops it, and what it has found until then are pending hashes, which are few.
bool Climb::derive(Item& item, MerkleNode node, std::byte* out, unsigned& round) noexcept {
  const MerkleTree& tree = *item.check->tree;
  if (node.level == 0 || item.derived >= tree.top_level() + static_cast<unsigned>(std::popcount(tree.chunks()))) return false;
  ++item.derived;
  Derived& derived = derived_[derived_used_++];
  derived.source[0] = derived.source[1] = kElsewhere;
  unsigned left = 0, right = 0;
  if (!find_digest(item, left_child(node), derived.children, derived.source[0], left) ||
      !find_digest(item, right_child(node), derived.children + item.digest_bytes, derived.source[1], right))
    return false;
  round = std::max(left, right) + 1;
  derived.node = node;
  derived.out = out;
  derived.round = static_cast<std::uint8_t>(round);
  derived.item = item.number;
  return true;
}

inline void Climb::add(unsigned& n, Item& item, const std::byte* data, std::uint32_t bytes, std::byte* digest) noexcept {
  ++item.check->hash_calls;
  item.check->hashed_bytes += bytes;
  messages_[n++] = {data, bytes, digest};
}

// collect(id) adds the messages of one hash function and says how many they are.
template <typename Collect>
bool Climb::hash(Collect&& collect) noexcept {
  bool good = true;
  for (unsigned rest = hashes_; rest != 0; rest &= rest - 1) {
    const auto id = static_cast<HashId>(std::countr_zero(rest));
    const unsigned n = collect(id);
    if (n != 0) good &= hasher_.hash(id, {messages_.data(), n});
  }
  return good;
}

bool Climb::hash_leaves() noexcept {
  return hash([this](HashId id) {
    unsigned n = 0;
    for (unsigned p = 0; p < plan_count_; ++p) {
      Item& item = *plan_[p];
      if (item.hashed || item.hash != id) continue;
      item.hashed = true;
      add(n, item, item.check->data, item.check->bytes, item.node(0));
    }
    return n;
  });
}

bool Climb::hash_derived() noexcept {
  unsigned last = 0;
  for (std::size_t d = 0; d < derived_used_; ++d) last = std::max<unsigned>(last, derived_[d].round);
  bool good = true, more = false;
  for (unsigned round = 1; round <= last && good; round += more ? 0 : 1) {
    more = false;
    good = hash([&](HashId id) {
      unsigned n = 0;
      for (std::size_t d = 0; d < derived_used_; ++d) {
        Derived& derived = derived_[d];
        Item& item = items_[derived.item];
        if (derived.round != round || item.hash != id) continue;
        if (n == kMost) {
          more = true;
          break;
        }
        derived.round = 0;
        add(n, item, derived.children, 2u * item.digest_bytes, derived.out);
      }
      return n;
    });
  }
  return good;
}

bool Climb::climb() noexcept {
  std::array<Item*, kMost> climbing;
  std::copy_n(plan_.begin(), plan_count_, climbing.begin());
  for (unsigned n = plan_count_;;) {
    unsigned on = 0;
    for (unsigned p = 0; p < n; ++p) {  // without a branch: which paths end where, no predictor knows
      Item* const item = climbing[p];
      climbing[on] = item;
      on += item->level != item->target;
    }
    if (on == 0) return true;
    n = on;
    const bool good = hash([&](HashId id) {
      unsigned messages = 0;
      for (unsigned p = 0; p < n; ++p) {
        Item& item = *climbing[p];
        if (item.hash != id) continue;
        const std::byte* const pair = item.pair(item.level++);
        add(messages, item, pair, 2u * item.digest_bytes, item.node(item.level));
      }
      return messages;
    });
    if (!good) return false;
  }
}

// In the order of planning: who waits comes after the one waited for.
void Climb::settle_all() noexcept {
  for (unsigned p = 0; p < plan_count_; ++p) settle(*plan_[p]);
}

void Climb::settle(Item& item) noexcept {
  ChunkCheck& check = *item.check;
  const MerkleNode end = node_above(check.chunk, item.target);
  const std::byte* const known = check.tree->verified(end);
  if (known == nullptr) return;  // waited in vain: the next wave goes on from here
  open_ &= ~bit(item.number);
  check.node = end;
  check.verdict = same_digest(known, item.node(item.target), item.digest_bytes) ? ChunkCheck::kOk : ChunkCheck::kBad;
  if (check.verdict == ChunkCheck::kOk) commit(item);
}

// From the top down, so that whatever is verified has verified nodes above it at any time.
void Climb::commit(const Item& item) noexcept {
  const ChunkCheck& check = *item.check;
  MerkleTree& tree = *check.tree;
  const auto forget = [&check](std::uint8_t source) {
    if (source < kBeyond) check.pending->erase_slot(source);
  };
  for (unsigned level = item.target; level-- > 0;) {
    if (level < tree.slots_below()) [[unlikely]] {
      tree.commit_children(node_above(check.chunk, level + 1), item.pair(level));
    } else {
      const MerkleTree::Place place = tree.siblings(check.chunk, level);
      const unsigned real = item.source[level] == kBeyond ? 1 : 3;
      const unsigned fresh = real & ~static_cast<unsigned>(place.bits(std::memory_order_relaxed));
      if (fresh != 0) tree.publish(place, fresh, item.pair(level));
    }
    forget(item.source[level]);
  }
  if (item.derived != 0) [[unlikely]]
    for (std::size_t d = 0; d < derived_used_; ++d) {
      if (derived_[d].item != item.number) continue;
      tree.commit_children(derived_[d].node, derived_[d].children);
      for (const std::uint8_t source : derived_[d].source) forget(source);
    }
  tree.received(check.chunk);
}

// Siblings that were used have gone already. Others, of nodes that turned out to be on a path, go when they are in the way.
void Climb::forget_verified() noexcept {
  const PendingHashes* done = nullptr;
  for (const ChunkCheck& check : checks_) {
    if (check.verdict != ChunkCheck::kOk || check.pending == done) continue;
    done = check.pending;
    if (done == nullptr || done->room() > done->size()) continue;
    check.pending->erase_if([&check](MerkleNode node) { return check.tree->verified(node) != nullptr; });
  }
}

}  // namespace

// All of it is in this file's own namespace, where the compiler may take functions apart as it likes.
class MerkleVerifier::Burst final : public Climb {
  using Climb::Climb;
};

MerkleVerifier::MerkleVerifier(Hasher& hasher, std::size_t max_chunks)
    : max_chunks_(std::clamp<std::size_t>(max_chunks, 1, Burst::kMost)), burst_(std::make_unique<Burst>(hasher, max_chunks_)) {}
MerkleVerifier::~MerkleVerifier() = default;

bool MerkleVerifier::verify(std::span<ChunkCheck> checks) noexcept {
  bool good = true;
  for (; !checks.empty(); checks = checks.subspan(std::min(checks.size(), max_chunks_)))
    good &= burst_->run(checks.first(std::min(checks.size(), max_chunks_)));
  return good;
}

}  // namespace mediaward::crypto
