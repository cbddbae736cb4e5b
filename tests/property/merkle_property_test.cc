// SPDX-License-Identifier: Apache-2.0
// Random traffic against the hash tree: contents of any length, senders of several habits, loss, reordering, duplicates, lies. Every
// verdict on a single chunk must be the one that a naive walk over the same hashes comes to; bursts must come to the same verdicts as
// single chunks; honest traffic is never bad; and after all chunks everything is verified. Seeds are printed with a failure.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "crypto/merkle_uncles.h"
#include "crypto/merkle_verifier.h"
#include "tests/support/merkle_cases.h"
#include "tests/support/seeded_runs.h"

namespace mediaward::crypto {

void PrintTo(MerkleNode node, std::ostream* out) {
  *out << "(" << first_chunk(node) << "," << last_chunk(node) << ")";
}

namespace {

using test::Digest;
using test::digest_of;
using test::NaiveTree;
using test::OwnTree;
using Random = std::mt19937;
constexpr auto kOk = ChunkCheck::kOk;
constexpr auto kBad = ChunkCheck::kBad;
constexpr auto kUnverifiable = ChunkCheck::kUnverifiable;

std::vector<std::byte> random_content(Random& random, std::size_t chunks, std::size_t chunk_bytes) {
  std::vector<std::byte> out((chunks - 1) * chunk_bytes + 1 + random() % chunk_bytes);
  for (auto& b : out) b = static_cast<std::byte>(random());
  return out;
}
std::size_t random_chunks(Random& random) {
  switch (random() % 4) {
    case 0:
      return 1 + random() % 20;
    case 1:
      return std::size_t{1} << random() % 9;
    case 2:
      return 1 + random() % 300;
    default:
      return 1 + random() % 2000;
  }
}

// A receiving side: a tree and the hashes heard on each channel.
struct Side {
  Side(const NaiveTree& naive, std::size_t channels, std::uint8_t stored_level, std::uint16_t open_groups)
      : tree(naive, stored_level, open_groups), pending(channels, PendingHashes(naive.id())) {}
  OwnTree tree;
  std::vector<PendingHashes> pending;
};

struct Arrival {
  std::uint64_t chunk;
  std::size_t channel;
  std::vector<std::byte> data;
};

ChunkCheck check_of(const Arrival& arrival, Side& side) {
  ChunkCheck out;
  out.tree = side.tree.get();
  out.pending = &side.pending[arrival.channel];
  out.chunk = arrival.chunk;
  out.data = arrival.data.data();
  out.bytes = static_cast<std::uint32_t>(arrival.data.size());
  return out;
}

// What a single chunk must be found to be, by the definitions: libcrypto, recursion, no batches.
class Oracle {
 public:
  struct Finding {
    ChunkCheck::Verdict verdict;
    std::uint32_t hash_calls;
  };

  Oracle(const Side& side, const NaiveTree& naive, std::size_t channel)
      : tree_(*side.tree), pending_(side.pending[channel]), naive_(naive), chunks_(naive.chunks()) {}

  Finding find(const Arrival& arrival) {
    Digest digest = digest_of(naive_.id(), arrival.data);
    for (MerkleNode at{0, arrival.chunk};; at = parent(at)) {
      if (const std::byte* const known = tree_.verified(at))
        return {std::equal(digest.begin(), digest.end(), known) ? kOk : kBad, 1 + at.level + derived_};
      const auto other = sibling_digest(sibling(at));
      if (!other || derived_ > height(chunks_) + static_cast<unsigned>(std::popcount(chunks_))) return {kUnverifiable, 0};
      digest = is_right(at) ? joined(*other, digest) : joined(digest, *other);
    }
  }

 private:
  Digest joined(Digest left, const Digest& right) const {
    left.insert(left.end(), right.begin(), right.end());
    return digest_of(naive_.id(), left);
  }
  std::optional<Digest> sibling_digest(MerkleNode node) {
    const std::size_t bytes = digest_bytes(naive_.id());
    if (const std::byte* const known = tree_.verified(node)) return Digest(known, known + bytes);
    if (first_chunk(node) >= chunks_) return Digest(bytes);
    if (const std::byte* const heard = pending_.find(node)) return Digest(heard, heard + bytes);
    if (node.level == 0) return std::nullopt;
    const auto left = sibling_digest(left_child(node));
    if (!left) return std::nullopt;
    const auto right = sibling_digest(right_child(node));
    if (!right) return std::nullopt;
    ++derived_;
    return joined(*left, *right);
  }

  const MerkleTree& tree_;
  PendingHashes pending_;  // a copy: looking things up changes what goes first
  const NaiveTree& naive_;
  const std::uint64_t chunks_;
  std::uint32_t derived_ = 0;
};

struct Habits {
  double loss = 0, split = 0, false_hash = 0, tamper = 0, again = 0, jump = 0;
};

// Sends chunks with the hashes that its habit finds necessary.
class Sender {
 public:
  enum class Knows { kNothing, kWhatIsVerified, kWhatWasSent };

  Sender(const NaiveTree& naive, Random& random, Habits habits)
      : naive_(naive), random_(random), habits_(habits), knows_(static_cast<Knows>(random() % 3)), next_(random() % naive.chunks()) {}

  std::uint64_t next_chunk() {
    if (chance(habits_.jump)) next_ = random_() % naive_.chunks();
    if (!chance(habits_.again)) next_ = (next_ + 1) % naive_.chunks();
    return next_;
  }
  // Hashes for it that arrive, right ones or false ones; all: as to somebody who has nothing and loses nothing.
  std::vector<std::pair<MerkleNode, Digest>> hashes(std::uint64_t chunk, const MerkleTree& receiver, bool all) {
    std::vector<std::pair<MerkleNode, Digest>> out;
    const bool fresh = receiver.count_verified() <= 1;
    const auto has = [&](MerkleNode n) {
      if (all || knows_ == Knows::kNothing) return false;
      return knows_ == Knows::kWhatIsVerified ? !fresh && receiver.verified(n) != nullptr : sent_.contains({n.level, n.index});
    };
    for (const MerkleNode node : uncles(chunk, naive_.chunks(), has)) add(node, all, out);
    for (MerkleNode at = node_above(chunk, 0); at.level <= naive_.height(); at = parent(at)) sent_.insert({at.level, at.index});
    return out;
  }
  std::vector<std::byte> data(std::uint64_t chunk) {
    const ConstBytes genuine = naive_.chunk(chunk);
    std::vector<std::byte> out(genuine.begin(), genuine.end());
    if (chance(habits_.tamper)) out[random_() % out.size()] ^= static_cast<std::byte>(1 + random_() % 255);
    return out;
  }
  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }

 private:
  void add(MerkleNode node, bool all, std::vector<std::pair<MerkleNode, Digest>>& out) {
    sent_.insert({node.level, node.index});
    if (!all && chance(habits_.loss)) return;
    if (!all && node.level > 0 && chance(habits_.split)) {
      for (const MerkleNode child : {left_child(node), right_child(node)})
        if (!is_empty(child, naive_.chunks())) add(child, all, out);
      return;
    }
    Digest digest = naive_.at(node);
    if (!all && chance(habits_.false_hash)) {
      if (random_() % 4 == 0)
        digest.assign(digest.size(), std::byte{0});
      else
        digest[random_() % digest.size()] ^= std::byte{0x10};
    }
    out.emplace_back(node, digest);
  }

  const NaiveTree& naive_;
  Random& random_;
  const Habits habits_;
  const Knows knows_;
  std::uint64_t next_;
  std::set<std::pair<unsigned, std::uint64_t>> sent_;
};

class Traffic {
 public:
  Traffic(unsigned seed, Habits habits, std::uint16_t open_groups)
      : random_(seed),
        naive_(random_() % 2 == 0 ? HashId::kSha1 : HashId::kSha256, random_content(random_, random_chunks(random_), 1 + seed % 7),
               1 + seed % 7),
        channels_(1 + random_() % 3),
        stored_level_(random_() % 2 == 0 ? 0 : static_cast<std::uint8_t>(1 + random_() % 5)),
        most_(1 + random_() % 64),
        bursts_(naive_, channels_, stored_level_, open_groups),
        singles_(naive_, channels_, stored_level_, open_groups) {
    for (std::size_t c = 0; c < channels_; ++c) senders_.emplace_back(naive_, random_, habits);
  }

  // Random traffic, some times as much as there are chunks.
  void run() {
    for (std::uint64_t sent = 0; sent < 2 * naive_.chunks() + 20; ++sent) {
      const std::size_t channel = random_() % channels_;
      Sender& sender = senders_[channel];
      const std::uint64_t chunk = sender.next_chunk();
      hear(channel, sender.hashes(chunk, *bursts_.tree, false));
      if (sender.chance(0.1)) continue;  // the chunk itself is lost
      gathered_.push_back({chunk, channel, sender.data(chunk)});
      if (gathered_.size() >= most_) {
        ASSERT_NO_FATAL_FAILURE(verify());
      }
    }
    ASSERT_NO_FATAL_FAILURE(verify());
  }

  // Everything once more, from an honest sender that loses nothing: whatever happened before, all of it is verified then.
  void complete() {
    for (Side* side : {&bursts_, &singles_})
      for (PendingHashes& pending : side->pending) pending.reset(naive_.id());
    std::vector<std::uint64_t> order(naive_.chunks());
    for (std::uint64_t i = 0; i < order.size(); ++i) order[i] = i;
    if (random_() % 2 == 0) std::shuffle(order.begin(), order.end(), random_);
    Sender honest(naive_, random_, {});
    all_ok_ = true;
    for (const std::uint64_t chunk : order) {
      hear(0, honest.hashes(chunk, *bursts_.tree, true));
      gathered_.push_back({chunk, 0, honest.data(chunk)});
      if (gathered_.size() >= most_) {
        ASSERT_NO_FATAL_FAILURE(verify());
      }
    }
    ASSERT_NO_FATAL_FAILURE(verify());
    for (const std::uint64_t chunk : std::exchange(again_, {})) {  // a group had to give way while its hashes were needed
      hear(0, honest.hashes(chunk, *bursts_.tree, true));
      gathered_.push_back({chunk, 0, honest.data(chunk)});
      ASSERT_NO_FATAL_FAILURE(verify());
    }
    ASSERT_TRUE(again_.empty());
    for (auto level = static_cast<std::uint8_t>(bursts_.tree->stored_level()); level <= naive_.height(); ++level)
      for (std::uint64_t i = 0; i < nodes_of_level(naive_.chunks(), level); ++i)
        for (const Side* side : {&bursts_, &singles_})
          ASSERT_TRUE(side->tree.has({level, i}, naive_.at({level, i}))) << unsigned{level} << " " << i;
  }

  // Groups may have to give way in different order in bursts and alone: then only truth is compared.
  void groups_give_way() { same_state_ = false; }

  std::uint64_t bad() const { return bad_; }
  std::uint64_t ok() const { return ok_; }
  std::uint64_t settled_by_the_burst() const { return settled_; }

 private:
  void hear(std::size_t channel, const std::vector<std::pair<MerkleNode, Digest>>& hashes) {
    const auto fit = [&] { return std::min(bursts_.pending[channel].room(), singles_.pending[channel].room()) >= hashes.size(); };
    if (!fit()) {
      ASSERT_NO_FATAL_FAILURE(verify());
    }
    if (!fit())
      for (Side* side : {&bursts_, &singles_}) side->pending[channel].reset(naive_.id());
    for (const auto& [node, digest] : hashes) {
      bursts_.pending[channel].put(node, digest.data());
      singles_.pending[channel].put(node, digest.data());
      lied_ |= digest != naive_.at(node);
    }
  }

  bool genuine(const Arrival& a) const {
    const ConstBytes is = naive_.chunk(a.chunk);
    return std::equal(a.data.begin(), a.data.end(), is.begin(), is.end());
  }

  void verify() {
    const auto touched = in_reach();
    std::vector<ChunkCheck> together;
    for (const Arrival& a : gathered_) together.push_back(check_of(a, bursts_));
    ASSERT_TRUE(verifier_.verify(together));
    std::vector<ChunkCheck> alone;
    for (const Arrival& a : gathered_) {
      const Oracle::Finding wanted = Oracle(singles_, naive_, a.channel).find(a);
      alone.push_back(check_of(a, singles_));
      ASSERT_TRUE(verifier_.verify({&alone.back(), 1}));
      ASSERT_EQ(alone.back().verdict, wanted.verdict) << a.chunk << " of " << naive_.chunks();
      ASSERT_EQ(alone.back().hash_calls, wanted.hash_calls);
    }
    bool more_known = false;  // something that single chunks could not settle became verified
    for (std::size_t i = 0; i < gathered_.size(); ++i) more_known |= together[i].verdict == kOk && alone[i].verdict == kUnverifiable;
    for (std::size_t i = 0; i < gathered_.size(); ++i) ASSERT_NO_FATAL_FAILURE(judge(gathered_[i], together[i], alone[i], more_known));
    if (same_state_) {
      ASSERT_NO_FATAL_FAILURE(catch_up(together, alone));
      ASSERT_NO_FATAL_FAILURE(level_out(touched));
    }
    gathered_.clear();
  }

  void judge(const Arrival& a, const ChunkCheck& together, const ChunkCheck& alone, bool more_known) {
    const bool spared_a_lie = more_known && alone.verdict == kBad && together.verdict == kOk;  // a false hash was no longer needed
    if (same_state_ && alone.verdict != kUnverifiable && !spared_a_lie) {
      ASSERT_EQ(together.verdict, alone.verdict) << a.chunk << " of " << naive_.chunks();
    }
    for (const ChunkCheck* check : {&together, &alone}) {
      if (check->verdict == kOk) {
        ASSERT_TRUE(genuine(a));
      }
      if (check->verdict == kBad) {
        ASSERT_TRUE(lied_ || !genuine(a));
      }
    }
    if (all_ok_ && same_state_) {
      ASSERT_EQ(together.verdict, kOk);
    }
    if (all_ok_ && together.verdict != kOk) again_.push_back(a.chunk);
    ok_ += together.verdict == kOk;
    bad_ += together.verdict == kBad;
    settled_ += together.verdict != alone.verdict;
  }

  // What only the burst could settle, single chunks can once all of the burst is there; then both have come to the same.
  void catch_up(const std::vector<ChunkCheck>& together, std::vector<ChunkCheck>& alone) {
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < together.size(); ++i) {
        if (alone[i].verdict == together[i].verdict) continue;
        ASSERT_TRUE(verifier_.verify({&alone[i], 1}));
        more |= alone[i].verdict == together[i].verdict;
      }
    }
    for (std::size_t i = 0; i < together.size(); ++i) {
      const bool false_hash = together[i].verdict == kBad && genuine(gathered_[i]);  // used by the burst, no longer needed now
      ASSERT_TRUE(alone[i].verdict == together[i].verdict || false_hash) << together[i].chunk;
    }
  }

  // The one may have derived what the other was told, and so know nodes below it too. All of them are true; then both know them.
  void level_out(const std::set<std::pair<unsigned, std::uint64_t>>& touched) {
    for (auto at = touched.rbegin(); at != touched.rend(); ++at) {
      const MerkleNode node{static_cast<std::uint8_t>(at->first), at->second};
      for (const auto& [has, lacks] : {std::pair{&bursts_, &singles_}, {&singles_, &bursts_}}) {
        if (has->tree->verified(node) == nullptr) continue;
        ASSERT_TRUE(has->tree.has(node, naive_.at(node)));
        ASSERT_TRUE(lacks->tree->commit(node, naive_.at(node).data()));
      }
    }
  }

  // Every node that this burst can verify: those heard of, those above them, and what lies beside these.
  std::set<std::pair<unsigned, std::uint64_t>> in_reach() {
    std::set<std::pair<unsigned, std::uint64_t>> out;
    const auto add = [&](MerkleNode node) {
      for (MerkleNode at = node; at.level <= naive_.height(); at = parent(at)) {
        out.insert({at.level, at.index});
        if (is_in_tree(sibling(at), naive_.chunks())) out.insert({at.level, sibling(at).index});
      }
    };
    for (Side* side : {&bursts_, &singles_})
      for (PendingHashes& pending : side->pending) pending.erase_if([&](MerkleNode node) { return add(node), false; });
    for (const Arrival& a : gathered_) add({0, a.chunk});
    return out;
  }

  Random random_;
  const NaiveTree naive_;
  const std::size_t channels_;
  const std::uint8_t stored_level_;
  const std::size_t most_;
  Side bursts_, singles_;
  std::vector<Sender> senders_;
  std::string refused_;
  const std::unique_ptr<Hasher> hasher_ = select_hash_provider(refused_)->make_hasher();
  MerkleVerifier verifier_{*hasher_, 64};
  std::vector<Arrival> gathered_;
  std::vector<std::uint64_t> again_;
  bool lied_ = false, all_ok_ = false, same_state_ = true;
  std::uint64_t ok_ = 0, bad_ = 0, settled_ = 0;
};

constexpr std::uint16_t kAllGroups = 2000;

TEST(MerkleProperty, HonestTrafficIsNeverBad) {
  std::uint64_t ok = 0, settled = 0;
  for (unsigned seed = 0; seed < 100; seed += test::kSeedStep) {
    SCOPED_TRACE(seed);
    Traffic traffic(seed, {.loss = 0.1 * (seed % 4), .split = seed % 5 == 0 ? 0.3 : 0, .again = 0.1, .jump = seed % 3 == 0 ? 0.9 : 0.1},
                    kAllGroups);
    ASSERT_NO_FATAL_FAILURE(traffic.run());
    ASSERT_NO_FATAL_FAILURE(traffic.complete());
    ASSERT_EQ(traffic.bad(), 0u);
    ok += traffic.ok();
    settled += traffic.settled_by_the_burst();
  }
  EXPECT_GT(ok, 10000u / test::kSeedStep);
  EXPECT_GT(settled, 100u / test::kSeedStep);
}

TEST(MerkleProperty, LiesAreNeverBelievedAndLeaveNoTrace) {
  std::uint64_t ok = 0, bad = 0;
  for (unsigned seed = 1000; seed < 1120; seed += test::kSeedStep) {
    SCOPED_TRACE(seed);
    Traffic traffic(seed,
                    {.loss = 0.1 * (seed % 3),
                     .split = seed % 4 == 0 ? 0.3 : 0,
                     .false_hash = 0.01 * (seed % 7),
                     .tamper = 0.05 * (seed % 5),
                     .again = 0.3,
                     .jump = seed % 2 == 0 ? 0.7 : 0.1},
                    kAllGroups);
    ASSERT_NO_FATAL_FAILURE(traffic.run());
    ASSERT_NO_FATAL_FAILURE(traffic.complete());
    ok += traffic.ok();
    bad += traffic.bad();
  }
  EXPECT_GT(ok, 10000u / test::kSeedStep);
  EXPECT_GT(bad, 1000u / test::kSeedStep);
}

TEST(MerkleProperty, FewOpenGroupsCostHashesButNeverTruth) {
  for (unsigned seed = 2000; seed < 2060; seed += test::kSeedStep) {
    SCOPED_TRACE(seed);
    Traffic traffic(seed, {.loss = 0.1, .tamper = seed % 2 == 0 ? 0.1 : 0, .again = 0.1, .jump = 0.5},
                    static_cast<std::uint16_t>(1 + seed % 5));
    traffic.groups_give_way();
    ASSERT_NO_FATAL_FAILURE(traffic.run());
    ASSERT_NO_FATAL_FAILURE(traffic.complete());
    if (seed % 2 != 0) {
      ASSERT_EQ(traffic.bad(), 0u);
    }
  }
}

}  // namespace
}  // namespace mediaward::crypto
