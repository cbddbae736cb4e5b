// SPDX-License-Identifier: Apache-2.0
// Who holds which state slot: staged changes, what is condensed when slots run short and how it returns, what a crash leaves of it, and
// slots that go on at another worker.
#include <gtest/gtest.h>

#include <unistd.h>

#include <set>

#include "dataplane/slot_book.h"

namespace mediaward::test {
namespace {

using abi::SlotKind;
using dataplane::SlotBook;
using dataplane::SlotKey;
using dataplane::SlotPtr;
using dataplane::StateRegion;
using Verdict = crypto::IndexWindow::Verdict;

constexpr std::uint64_t kKey = 0xabc, kOtherKey = 0xdef, kOwner = 7;

SlotKey sent(std::uint32_t ssrc, std::uint64_t owner = kOwner) { return {SlotKind::kSend, owner, ssrc}; }
SlotKey received(std::uint32_t ssrc) { return {SlotKind::kReceive, kOwner, ssrc}; }

void use_up_to(abi::StateSlot& slot, std::uint64_t top) {
  slot.srtp.mark(top - 1);
  slot.srtp.mark(top);
  slot.packets += 2;
}

class Book : public ::testing::Test {
 protected:
  explicit Book(std::uint32_t slots = 8) : region_(*StateRegion::create(slots)) {}
  SlotPtr take(const SlotKey& key, std::uint64_t fingerprint = kKey) {
    auto slot = book_.take(key, fingerprint);
    EXPECT_TRUE(slot.has_value());
    return slot ? *slot : nullptr;
  }
  void commit() {
    book_.commit([](SlotPtr) {});
  }
  // Slots of SSRCs first to last, used up to 1000 × SSRC, of streams that are gone.
  void leave_behind(std::uint32_t first, std::uint32_t last, SlotKind kind = SlotKind::kSend) {
    for (std::uint32_t ssrc = first; ssrc <= last; ++ssrc) {
      auto slot = take({kind, kOwner, ssrc});
      ASSERT_NE(slot, nullptr);
      use_up_to(slot->state(), 1000 * ssrc);
      slot->state().srtcp_top = 10 * ssrc;
      slot->state().srtcp_packets = 10 * ssrc;
      if (kind == SlotKind::kSend) slot->state().index_offset = 5;
      gone_.insert(ssrc);
    }
    commit();
  }

  StateRegion region_;
  std::set<std::uint32_t> gone_;
  SlotBook book_{region_, [this](const SlotKey& key, std::uint64_t fingerprint) { return gone_.contains(key.ssrc) && fingerprint == kKey; }};
};

TEST_F(Book, WhatIsStagedIsThereOnlyUntilItIsDiscarded) {
  (void)take(sent(1));
  EXPECT_NE(book_.find(sent(1)), nullptr);
  book_.discard();
  EXPECT_EQ(book_.find(sent(1)), nullptr);
  EXPECT_EQ(region_.in_use(), 0u);
  (void)take(sent(1));
  commit();
  book_.drop(sent(1));
  EXPECT_EQ(book_.find(sent(1)), nullptr);
  book_.discard();
  EXPECT_NE(book_.find(sent(1)), nullptr);
  book_.drop_owner(kOwner);
  (void)take(sent(2));
  EXPECT_EQ(book_.find(sent(1)), nullptr);
  EXPECT_NE(book_.find(sent(2)), nullptr);
  commit();
  EXPECT_EQ(book_.find(sent(1)), nullptr);
  EXPECT_NE(book_.find(sent(2)), nullptr);
  EXPECT_EQ(region_.in_use(), 1u);
}

TEST_F(Book, ListsOneKindOfAnOwnerAsStaged) {
  (void)take(sent(3)), (void)take(sent(1)), (void)take(received(2)), (void)take(sent(9, kOwner + 1));
  commit();
  book_.drop(sent(3));
  (void)take(sent(4));
  std::vector<std::uint32_t> ssrcs;
  book_.for_each(kOwner, SlotKind::kSend, [&](std::uint32_t ssrc, const SlotPtr&) { ssrcs.push_back(ssrc); });
  EXPECT_EQ(ssrcs, (std::vector<std::uint32_t>{1, 4}));
}

TEST_F(Book, StreamsThatAreGoneMakeRoom) {
  leave_behind(1, 8);
  ASSERT_EQ(region_.in_use(), 8u);
  (void)take(sent(100));
  commit();
  EXPECT_GT(book_.remembered(), 0u);
  for (std::uint32_t ssrc = 1; ssrc <= 8; ++ssrc) {
    const auto used = book_.used(sent(ssrc), kKey);
    ASSERT_TRUE(used.has_value()) << ssrc;
    EXPECT_EQ(used->top, 1000 * ssrc);
    EXPECT_EQ(used->index_offset, 5u);
  }
  EXPECT_FALSE(book_.doubtful(sent(200))) << "this process knows all of them";
}

class BookOfOneKind : public Book, public ::testing::WithParamInterface<SlotKind> {};

TEST_P(BookOfOneKind, WhatReturnsBeginsAboveEveryIndexItUsed) {
  leave_behind(1, 8, GetParam());
  (void)take(sent(100, kOwner + 1)), (void)take(sent(101, kOwner + 1));
  commit();
  book_.drop_owner(kOwner + 1);
  commit();
  gone_.clear();
  unsigned returned = 0;
  for (std::uint32_t ssrc = 1; ssrc <= 8; ++ssrc) {
    const SlotKey key{GetParam(), kOwner, ssrc};
    if (book_.find(key) != nullptr || returned == 2) continue;
    const std::size_t before = book_.remembered();
    const auto slot = take(key);
    EXPECT_TRUE(slot->existed());
    const abi::StateSlot& state = slot->state();
    for (std::uint64_t back = 0; back < 200; ++back) EXPECT_NE(state.srtp.test(1000 * ssrc - back), Verdict::kFresh) << ssrc << " - " << back;
    EXPECT_EQ(state.srtp.test(1000 * ssrc + 1), Verdict::kFresh);
    EXPECT_EQ(state.srtcp_top, 10 * ssrc);
    EXPECT_EQ(state.packets, 2u) << "what counts towards the key's lifetime";
    EXPECT_EQ(GetParam() == SlotKind::kSend ? state.index_offset : state.srtcp_bits, GetParam() == SlotKind::kSend ? 5u : ~std::uint64_t{0});
    commit();
    EXPECT_EQ(book_.remembered(), before - 1);
    ++returned;
  }
  EXPECT_EQ(returned, 2u);
}
INSTANTIATE_TEST_SUITE_P(Of, BookOfOneKind, ::testing::Values(SlotKind::kSend, SlotKind::kReceive),
                         [](const auto& i) { return i.param == SlotKind::kSend ? "Send" : "Receive"; });

TEST_F(Book, NothingInUseIsCondensed) {
  leave_behind(1, 8);
  gone_.clear();
  const auto refused = book_.take(sent(9), kKey);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
  gone_ = {1, 2};
  const SlotPtr held = book_.find(sent(1));  // as the retired objects of a transaction hold it
  book_.drop(sent(2));                       // and this one is the running transaction's
  EXPECT_FALSE(book_.take(sent(9), kKey).has_value());
}

TEST_F(Book, WhatIsRememberedGoesWithItsKey) {
  leave_behind(1, 8);
  (void)take(sent(100));
  commit();
  book_.forget(kOwner, SlotKind::kSend);
  EXPECT_FALSE(book_.used(sent(1), kKey).has_value() && book_.find(sent(1)) == nullptr);
  book_.discard();
  const std::size_t before = region_.in_use();
  book_.forget(kOwner, SlotKind::kSend);
  commit();
  EXPECT_EQ(book_.remembered(), 0u);
  EXPECT_LT(region_.in_use(), before) << "the mark is of no use any more";
}

TEST_F(Book, WhatIsRememberedHasABound) {
  std::uint32_t ssrc = 1;
  for (; ssrc < 1000; ++ssrc) {
    auto slot = book_.take(sent(ssrc), kKey);
    if (!slot) break;
    use_up_to((*slot)->state(), 1000 * ssrc);
    slot->reset();
    commit();
    gone_.insert(ssrc);
  }
  EXPECT_EQ(book_.remembered(), 4 * 8u);
  EXPECT_EQ(ssrc, 4 * 8u + 8u) << "all remembered, and seven slots beside the mark";
  EXPECT_EQ(book_.used(sent(1), kKey)->top, 1000u);
}

class BookAfterCrash : public Book {
 protected:
  // The region as the next process finds it.
  void restart() {
    again_ = nullptr;
    next_ = std::make_unique<StateRegion>(*StateRegion::adopt(dataplane::UniqueFd(::dup(region_.region().fd()))));
    again_ = std::make_unique<SlotBook>(*next_, [](const SlotKey&, std::uint64_t) { return false; });
  }
  void take_over(std::uint64_t key) {
    (void)again_->take_over(kOwner, [key](SlotKind, std::uint64_t fingerprint) { return fingerprint == key; });
    again_->commit([](SlotPtr) {});
  }
  std::unique_ptr<StateRegion> next_;
  std::unique_ptr<SlotBook> again_;
};

// Which SSRCs were condensed is lost with the process; that there were some, and how far they went, is not.
TEST_F(BookAfterCrash, WhatWasCondensedIsInDoubt) {
  leave_behind(1, 8);
  (void)take(sent(100));
  commit();
  restart();
  take_over(kKey);
  EXPECT_TRUE(again_->doubtful(sent(1)));
  EXPECT_TRUE(again_->doubtful(sent(12345)));
  EXPECT_FALSE(again_->doubtful(received(1))) << "nothing was condensed in that direction";
  EXPECT_FALSE(again_->doubtful(sent(8))) << "its slot is there";
  const auto mark = again_->find(sent(0));
  ASSERT_NE(mark, nullptr);
  EXPECT_GE(mark->state().srtp.top, 1000u);
  again_->forget(kOwner, SlotKind::kSend);
  EXPECT_FALSE(again_->doubtful(sent(1)));
}

TEST_F(BookAfterCrash, UnderAnotherKeyNothingIsInDoubt) {
  leave_behind(1, 8);
  (void)take(sent(100));
  commit();
  restart();
  take_over(kOtherKey);
  EXPECT_FALSE(again_->doubtful(sent(1)));
}

TEST_F(BookAfterCrash, OfTwoOfAKindTheOneUnderThePresentKeyIsTaken) {
  use_up_to(take(sent(1))->state(), 500);
  commit();
  auto other = book_.take(sent(1), kOtherKey);
  ASSERT_TRUE(other.has_value());
  ASSERT_NE((*other)->index(), 0u);
  use_up_to((*other)->state(), 900);
  restart();
  take_over(kKey);
  EXPECT_EQ(again_->find(sent(1))->state().srtp.top, 500u);
  restart();
  take_over(0);
  EXPECT_EQ(again_->find(sent(1))->state().srtp.top, 900u) << "and under none of them the one that went further";
}

// RFC 3711 §9.1: while two workers may still seal for one SSRC, neither uses an index of the other.
TEST_F(Book, Rfc3711_9_1_ASlotThatGoesToAnotherWorkerGoesOnAbove) {
  auto slot = take(sent(1));
  use_up_to(slot->state(), 500);
  slot->state().index_offset = 3;
  slot->state().srtcp_top = 20;
  const auto forked = slot->fork();
  ASSERT_TRUE(forked.has_value());
  const abi::StateSlot& state = (*forked)->state();
  const std::uint64_t next = 500 + 3 + 1 - state.index_offset;  // of the source's next packet
  EXPECT_EQ(state.srtp.test(next), Verdict::kFresh);
  EXPECT_GT(next, 500u + 1000u);
  EXPECT_EQ(state.srtp.test(next - 1), Verdict::kReplayed);
  EXPECT_GE(state.srtcp_top, 20u + 1000u);
  EXPECT_EQ((*forked)->identity().key_fingerprint, kKey);
}

TEST_F(Book, AReceiveSlotThatGoesToAnotherWorkerForgetsNothing) {
  auto slot = take(received(1));
  use_up_to(slot->state(), 500);
  slot->state().srtcp_top = 20;
  slot->state().srtcp_bits = 1;
  const auto forked = slot->fork();
  ASSERT_TRUE(forked.has_value());
  EXPECT_EQ((*forked)->state().srtp.test(490), Verdict::kReplayed);
  EXPECT_EQ((*forked)->state().srtp.test(501), Verdict::kFresh);
  EXPECT_EQ((*forked)->state().srtcp_top, 20u);
  EXPECT_EQ((*forked)->state().srtcp_bits, ~std::uint64_t{0});
}

}  // namespace
}  // namespace mediaward::test
