// SPDX-License-Identifier: Apache-2.0
// What the core keeps and gives back over the life of legs and streams: indexes across rekeying, removal and a crash, memory of what
// is gone while jobs are still in flight, ownership by several workers.
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "crypto/ipsec_mb_provider.h"
#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using abi::MessageType;
using crypto::Suite;
using dataplane::Counter;
using dataplane::DropReason;
using dataplane::Operation;

Operation leg_of(const Participant& p) { return Dataplane::leg(1, p); }
Operation stream_of(const Participant& p, std::uint32_t roc = 0) {
  return Dataplane::stream(Dataplane::stream_id(p.leg_id, p.ssrcs[0]), p.leg_id, p.ssrcs[0], roc);
}
Operation remove_stream(const Participant& p) { return Dataplane::remove(MessageType::kStreamRemove, Dataplane::stream_id(p.leg_id, p.ssrcs[0])); }
Operation remove_leg(const Participant& p) { return Dataplane::remove(MessageType::kLegRemove, p.leg_id); }

dataplane::UniqueFd copy_of(int fd) { return dataplane::UniqueFd(::dup(fd)); }

// The slots of a region through a mapping of its own, as whoever keeps the descriptor sees them.
class Slots {
 public:
  explicit Slots(const dataplane::StateRegion& state) : bytes_(state.region().bytes()) {
    base_ = static_cast<std::byte*>(::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, state.region().fd(), 0));
  }
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  ~Slots() { ::munmap(base_, bytes_); }
  abi::StateSlot& find(abi::SlotKind kind, std::uint64_t leg, std::uint32_t ssrc) {
    const auto* header = reinterpret_cast<const abi::RegionHeader*>(base_);
    const auto* identities = reinterpret_cast<const abi::StateIdentity*>(base_ + header->blocks_offset);
    auto* slots = reinterpret_cast<abi::StateSlot*>(base_ + header->directory_offset);
    for (std::uint32_t i = 0; i < header->directory_entries; ++i)
      if (identities[i].kind == kind && identities[i].leg_id == leg && identities[i].ssrc == ssrc) return slots[i];
    throw std::runtime_error("no such slot");
  }

 private:
  std::size_t bytes_;
  std::byte* base_;
};

std::vector<std::uint16_t> from_to(unsigned first, unsigned last) {
  std::vector<std::uint16_t> all;
  for (unsigned i = first; i <= last; ++i) all.push_back(static_cast<std::uint16_t>(i));
  return all;
}

TEST(Core, Rfc3711_3_3_1_RocSurvivesRekey) {
  Room room(3);
  room.open();
  room.talk(0, from_to(65530, 65540));  // ROC is 1 now
  for (unsigned round = 0; round < 2; ++round) {
    std::vector<Operation> rekey;
    for (std::size_t i = 0; i < 3; ++i) {
      const unsigned number = 100 + 10 * round + static_cast<unsigned>(i);
      room[i].rekey(test_key(room[i].p().receive_suite, 2 * number), test_key(room[i].p().send_suite, 2 * number + 1), 1);
      rekey.push_back(leg_of(room[i].p()));
    }
    ASSERT_TRUE(room.plane().apply(rekey));
    room.talk(0, from_to(5 + 10 * round, 9 + 10 * round));
  }
  EXPECT_EQ(room.plane().drops(DropReason::kSrtpAuthFailed), 0u);
}

TEST(Core, OldKeyEndsWithTheRekey) {
  Room room(2);
  room.open();
  room.talk(0, {1});
  const auto late = room[0].seal(2);
  room[0].rekey(test_key(room[0].p().receive_suite, 900), room[0].p().send_key, 0);
  ASSERT_TRUE(room.plane().apply({leg_of(room[0].p())}));
  room.plane().send_rtp(room[0].p(), late);
  room.plane().run();
  EXPECT_TRUE(room.plane().received_by(room[1].p()).empty());
  EXPECT_EQ(room.plane().drops(DropReason::kSrtpAuthFailed), 1u);
}

TEST(Core, StreamRemovedAndAddedAgainGoesOn) {
  Room room(2);
  room.open();
  room.talk(0, from_to(65530, 65545));
  const auto replayed = room[0].seal(10);
  room.plane().send_rtp(room[0].p(), replayed);
  room.plane().run();
  room[1].expect(room.plane().received_by(room[1].p()), room[0], {10});
  ASSERT_TRUE(room.plane().apply({remove_stream(room[0].p())}));
  room.plane().send_rtp(room[0].p(), room[0].seal(11));
  room.plane().run();
  EXPECT_EQ(room.plane().drops(DropReason::kSrtpUnknownSsrc), 1u);
  drain(room.plane());
  ASSERT_TRUE(room.plane().apply({stream_of(room[0].p())}));
  room.plane().send_rtp(room[0].p(), replayed);
  room.plane().run();
  EXPECT_EQ(room.plane().drops(DropReason::kSrtpReplayed), 1u);
  room.talk(0, {12, 13});  // ROC 1 as before, at both ends
}

// RFC 3711 §9.1: what a new source would seal first was sealed before under the same key.
TEST(Core, Rfc3711_9_1_SameSsrcUnderLiveSealKeysNeedsAHigherRoc) {
  Room room(3);
  room.open();
  room.talk(0, from_to(1, 5));
  Participant heir = make_participant(7);
  heir.ssrcs = room[0].p().ssrcs;
  ASSERT_TRUE(room.plane().apply({remove_leg(room[0].p()), leg_of(heir)}));
  const auto refused = room.plane().core().submit(std::vector<Operation>{stream_of(heir, 0)}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(refused.error().field, "stream.ssrc");
  ASSERT_TRUE(room.plane().apply({stream_of(heir, 1)}));
  room.plane().resolve_neighbours();
  Phone phone(heir);
  phone.rekey(heir.receive_key, heir.send_key, 1);
  room.plane().send_rtp(heir, phone.seal(2));
  room.plane().run();
  // To the receivers it is the same source that goes on: they could not tell a roll-over counter that jumps.
  for (const std::size_t to : {1u, 2u}) {
    const auto packets = room.plane().received_by(room[to].p());
    ASSERT_EQ(packets.size(), 1u);
    const auto heard = room[to].open(packets[0], heir.ssrcs[0]);
    ASSERT_TRUE(heard.has_value());
    RtpPacket expected = phone.rtp(2);
    expected.sequence = static_cast<std::uint16_t>((*heard)[2] << 8 | (*heard)[3]);
    EXPECT_EQ(*heard, expected.bytes());
    EXPECT_GT(expected.sequence, 5u);
    EXPECT_LT(expected.sequence, 1000u);
  }
}

TEST(Core, SameSsrcFromAnotherSourceBeginsAnewAfterTheReceiversWereRekeyed) {
  Room room(3);
  room.open();
  room.talk(0, from_to(65530, 65540));
  std::vector<Operation> operations{remove_leg(room[0].p())};
  for (const std::size_t i : {1u, 2u}) {
    room[i].rekey(room[i].p().receive_key, test_key(room[i].p().send_suite, 700 + static_cast<unsigned>(i)), 0);
    operations.push_back(leg_of(room[i].p()));
  }
  Participant heir = make_participant(7);
  heir.ssrcs = room[0].p().ssrcs;
  operations.push_back(leg_of(heir));
  operations.push_back(stream_of(heir, 0));
  const auto done = room.plane().apply(operations);
  ASSERT_TRUE(done) << done.error().message;
  room.plane().resolve_neighbours();
  Phone phone(heir);
  for (const std::uint16_t sequence : std::initializer_list<std::uint16_t>{1, 2}) room.plane().send_rtp(heir, phone.seal(sequence));
  room.plane().run();
  for (const std::size_t to : {1u, 2u}) room[to].expect(room.plane().received_by(room[to].p()), phone, {1, 2});
  EXPECT_EQ(room.plane().drops(DropReason::kSealIndexReuse), 0u);
}

TEST(Core, LateJoinerStartsAtRocZero) {
  Room room(2);
  room.open();
  room.talk(0, from_to(65530, 65550));
  Participant late = make_participant(5, Suite::kAeadAes128Gcm);
  ASSERT_TRUE(room.plane().apply({leg_of(late)}));
  room.plane().resolve_neighbours();
  Phone phone(late);
  room.plane().send_rtp(room[0].p(), room[0].seal(20));
  room.plane().run();
  phone.expect(room.plane().received_by(late), room[0], {20});
  room[1].expect(room.plane().received_by(room[1].p()), room[0], {20});
}

TEST(Core, RemovedLegsGiveEverythingBack) {
  Room room(4);
  const Holdings empty = holdings(room.plane(), false);
  room.open();
  for (std::size_t i = 0; i < 4; ++i) room.talk(i, {1, 2});
  std::vector<Operation> operations;
  for (std::size_t i = 0; i < 4; ++i) operations.push_back(remove_leg(room[i].p()));
  operations.push_back(Dataplane::remove(MessageType::kConferenceRemove, 1));
  ASSERT_TRUE(room.plane().apply(operations));
  drain(room.plane());
  EXPECT_EQ(holdings(room.plane(), false), empty);
}

TEST(Core, TenThousandCyclesLeaveNothingBehind) {
  Room room(2);
  room.open();
  drain(room.plane());
  const Holdings before = holdings(room.plane(), false);
  for (unsigned i = 0; i < 10000; ++i) {
    Participant p = make_participant(30 + i % 50);
    p.receive_key = test_key(p.receive_suite, 10000 + 2 * i);
    p.send_key = test_key(p.send_suite, 10001 + 2 * i);
    ASSERT_TRUE(room.plane().apply({leg_of(p), stream_of(p)})) << i;
    ASSERT_TRUE(room.plane().apply({remove_leg(p)})) << i;
  }
  drain(room.plane());
  // Of a removed source its receivers remember the indexes as long as they live, by SSRC.
  EXPECT_LE(room.plane().core().state().in_use(), before.slots + 2 * 50);
  Holdings after = holdings(room.plane(), false);
  after.slots = before.slots;
  EXPECT_EQ(after, before);
  room.talk(0, {1, 2, 3});
}

class InFlight : public ::testing::TestWithParam<unsigned> {};

// The memory of a leg, its keys and its streams outlives the jobs that use it; what comes back late is `stale`.
TEST_P(InFlight, RemovalWhileJobsAreInFlight) {
  Room room(3, {}, GetParam());
  const Holdings empty = holdings(room.plane(), false);
  room.open();
  room.talk(0, {1});
  for (std::uint16_t sequence = 2; sequence < 10; ++sequence) room.plane().send_rtp(room[0].p(), room[0].seal(sequence));
  while (room.plane().count(Counter::kSrtpOpened) < 9) (void)room.plane().run_once();  // and now being sealed
  ASSERT_TRUE(room.plane().core().submit(std::vector<Operation>{remove_leg(room[1].p())}, {}));
  for (int i = 0; i < 3; ++i) {
    (void)room.plane().run_once();
    room.plane().core().collect();
  }
  drain(room.plane());
  EXPECT_TRUE(room.plane().received_by(room[1].p()).empty());
  const auto stale = room.plane().drops(DropReason::kStale);
  EXPECT_EQ(stale, 8u);
  room[2].expect(room.plane().received_by(room[2].p()), room[0], from_to(2, 9));

  // And the source: its packets are being opened.
  for (std::uint16_t sequence = 10; sequence < 14; ++sequence) room.plane().send_rtp(room[0].p(), room[0].seal(sequence));
  (void)room.plane().run_once();
  ASSERT_TRUE(room.plane().core().submit(std::vector<Operation>{remove_leg(room[0].p()), remove_leg(room[2].p()), Dataplane::remove(MessageType::kConferenceRemove, 1)}, {}));
  drain(room.plane());
  EXPECT_EQ(room.plane().drops(DropReason::kStale), stale + 4);
  EXPECT_EQ(room.plane().leaked(), 0u);
  EXPECT_EQ(holdings(room.plane(), false), empty);
}
INSTANTIATE_TEST_SUITE_P(Delay, InFlight, ::testing::Values(1u, 3u, 7u));

TEST(Core, HeldPacketsOfARemovedNeighbourAreDropped) {
  Room room(2);
  room.open();
  // A new neighbour whose address is not known.
  Participant late = make_participant(6);
  ASSERT_TRUE(room.plane().apply({leg_of(late)}));
  for (std::uint16_t i = 1; i <= 3; ++i) room.plane().send_rtp(room[0].p(), room[0].seal(i));
  room.plane().run();
  EXPECT_EQ(room.plane().core().stats().block(0).held, 3u);
  ASSERT_TRUE(room.plane().apply({remove_leg(late)}));
  drain(room.plane());
  EXPECT_EQ(room.plane().core().stats().block(0).held, 0u);
  EXPECT_EQ(room.plane().drops(DropReason::kStale), 3u);
  EXPECT_EQ(room.plane().leaked(), 0u);
}

TEST(Core, TwoWorkersHandOffWhatArrivesAtTheWrongOne) {
  Dataplane::Options options;
  options.workers = 2;
  Room room(4, options);
  room.open();
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::uint16_t i = 1; i <= 20; ++i) {
      const auto frame = to_frame(udp_frame(room.plane().flow_from(room[from].p()), room[from].seal(i)));
      room.plane().io(i % 2u).inject(frame);
      room.plane().run();  // one at a time: between workers no order is promised
    }
    for (std::size_t to = 0; to < 4; ++to)
      if (to != from) room[to].expect(room.plane().received_by(room[to].p()), room[from], from_to(1, 20));
  }
  EXPECT_EQ(room.plane().count(Counter::kHandoffOut), 40u);
  EXPECT_EQ(room.plane().count(Counter::kHandoffIn), 40u);
  EXPECT_EQ(room.plane().leaked(), 0u);
  EXPECT_EQ(room.plane().core().legs_of_worker(0), 2u);
  EXPECT_EQ(room.plane().core().legs_of_worker(1), 2u);
  std::vector<Operation> operations;
  for (std::size_t i = 0; i < 4; ++i) operations.push_back(remove_leg(room[i].p()));
  ASSERT_TRUE(room.plane().apply(operations));
  drain(room.plane());
  EXPECT_EQ(room.plane().core().keys().used_bytes(), 0u);
  EXPECT_EQ(room.plane().core().state().in_use(), 0u);
  EXPECT_EQ(room.plane().core().legs_of_worker(0) + room.plane().core().legs_of_worker(1), 0u);
}

// RFC 3711 §9.1: the send side guards its own indexes, whatever the receive side believes.
TEST(Core, Rfc3711_9_1_SealNeverUsesAnIndexTwice) {
  Room room(2);
  room.open();
  room.talk(0, {1, 2, 3});
  Slots slots(room.plane().core().state());
  auto& receive = slots.find(abi::SlotKind::kReceive, room[0].p().leg_id, room[0].p().ssrcs[0]);
  receive.srtp = crypto::IndexWindow::starting_at_roc(0);  // forgets what it has seen
  SrtpPeer again(room[0].p().receive_suite, room[0].p().receive_key, SrtpPeer::Direction::kSend);
  for (std::uint16_t i = 1; i <= 3; ++i) room.plane().send_rtp(room[0].p(), again.protect(room[0].rtp(i).bytes()));
  room.plane().run();
  EXPECT_EQ(room.plane().drops(DropReason::kSealIndexReuse), 3u);
  EXPECT_TRUE(room.plane().received_by(room[1].p()).empty());
  EXPECT_EQ(room.plane().leaked(), 0u);
  room.talk(0, {4});
}

// --- a crash: another core over the same region

class AfterCrash : public ::testing::Test {
 protected:
  AfterCrash() : before_(3), after_(3) {
    before_.open();
    before_.talk(0, from_to(65530, 65545));
    spent_ = before_[0].seal(10);
    before_.plane().send_rtp(before_[0].p(), spent_);
    before_.plane().run();
    for (const std::size_t to : {1u, 2u}) before_[to].expect(before_.plane().received_by(before_[to].p()), before_[0], {10});
  }
  void adopt() { ASSERT_TRUE(after_.plane().core().adopt_state(copy_of(before_.plane().core().state().region().fd()))); }
  void tear(abi::SlotKind kind, const Participant& p) {
    Slots slots(before_.plane().core().state());
    slots.find(kind, p.leg_id, before_[0].p().ssrcs[0]).version.fetch_or(1);
  }
  // The phones live on, their data plane is another.
  void talk_on(const std::vector<std::uint16_t>& sequences, const std::vector<std::size_t>& hearing) {
    for (const std::uint16_t sequence : sequences) after_.plane().send_rtp(before_[0].p(), before_[0].seal(sequence));
    after_.plane().run();
    for (std::size_t to = 1; to < 3; ++to) {
      const bool hears = std::find(hearing.begin(), hearing.end(), to) != hearing.end();
      before_[to].expect(after_.plane().received_by(before_[to].p()), before_[0], hears ? sequences : std::vector<std::uint16_t>{});
    }
  }
  void open_after() {
    ASSERT_TRUE(after_.plane().apply(before_.everything(), {.resync = true}));
    after_.plane().resolve_neighbours();
  }
  Room before_, after_;
  std::vector<std::uint8_t> spent_;
};

TEST_F(AfterCrash, AdoptionKeepsRocAndWindows) {
  adopt();
  open_after();
  after_.plane().send_rtp(before_[0].p(), spent_);
  after_.plane().run();
  EXPECT_EQ(after_.plane().drops(DropReason::kSrtpReplayed), 1u);
  talk_on({11, 12}, {1, 2});
  EXPECT_TRUE(after_.plane().core().take_rekey_notices().empty());
}

TEST_F(AfterCrash, WithoutAdoptionTheRocIsLost) {  // what the state region is for
  open_after();
  talk_on({11}, {});
  EXPECT_EQ(after_.plane().drops(DropReason::kSrtpAuthFailed), 1u);
}

// Neither a refused transaction nor a dry run may use up what the earlier process left.
TEST_F(AfterCrash, KeptStateSurvivesARefusedTransaction) {
  adopt();
  auto operations = before_.everything();
  ASSERT_TRUE(after_.plane().core().submit(operations, {.resync = true, .dry_run = true}));
  Participant rekeyed = before_[1].p();
  rekeyed.send_key = test_key(rekeyed.send_suite, 4000);
  operations.push_back(leg_of(rekeyed));
  operations.push_back(Dataplane::stream(5, 4711, 5));
  ASSERT_FALSE(after_.plane().core().submit(operations, {.resync = true}));
  open_after();
  after_.plane().send_rtp(before_[0].p(), spent_);
  after_.plane().run();
  EXPECT_EQ(after_.plane().drops(DropReason::kSrtpReplayed), 1u);
  talk_on({11, 12}, {1, 2});
}

TEST_F(AfterCrash, ResyncFreesWhatNobodyClaims) {
  adopt();
  EXPECT_EQ(after_.plane().core().state().in_use(), 9u);
  ASSERT_TRUE(after_.plane().apply({}, {.resync = true}));
  EXPECT_EQ(after_.plane().core().state().in_use(), 0u);
}

TEST_F(AfterCrash, TornSendSlotIsSilentUntilTheReceiverIsRekeyed) {
  tear(abi::SlotKind::kSend, before_[1].p());
  adopt();
  open_after();
  const auto notices = after_.plane().core().take_rekey_notices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].leg_id, before_[1].p().leg_id);
  EXPECT_EQ(notices[0].ssrc, before_[0].p().ssrcs[0]);
  talk_on({11}, {2});

  // A refused rekey leaves it silent.
  before_[1].rekey(before_[1].p().receive_key, test_key(before_[1].p().send_suite, 4001), 1);
  ASSERT_FALSE(after_.plane().core().submit(std::vector<Operation>{leg_of(before_[1].p()), Dataplane::stream(5, 4711, 5)}, {}));
  talk_on({12}, {2});
  ASSERT_TRUE(after_.plane().apply({leg_of(before_[1].p())}));
  talk_on({13, 14}, {1, 2});
  EXPECT_TRUE(after_.plane().core().take_rekey_notices().empty());
}

TEST_F(AfterCrash, TornReceiveSlotIsSilentUntilTheSenderIsRekeyed) {
  tear(abi::SlotKind::kReceive, before_[0].p());
  adopt();
  open_after();
  const auto notices = after_.plane().core().take_rekey_notices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].leg_id, before_[0].p().leg_id);
  talk_on({11}, {});
  EXPECT_EQ(after_.plane().drops(DropReason::kSrtpUnknownSsrc), 1u);
  before_[0].rekey(test_key(before_[0].p().receive_suite, 4002), before_[0].p().send_key, 1);
  ASSERT_TRUE(after_.plane().apply({leg_of(before_[0].p())}));
  talk_on({12, 13}, {1, 2});
}

// The keys changed while the data plane was down: no index was used under them yet, and the ROC goes on.
TEST_F(AfterCrash, NewKeysMendATornSlotAtOnce) {
  tear(abi::SlotKind::kSend, before_[1].p());
  adopt();
  before_[1].rekey(before_[1].p().receive_key, test_key(before_[1].p().send_suite, 4003), 1);
  open_after();
  EXPECT_TRUE(after_.plane().core().take_rekey_notices().empty());
  talk_on({11, 12}, {1, 2});
}

// Slots that no live stream uses at the moment are kept all the same: their keys go on.
TEST_F(AfterCrash, IndexesOfARemovedStreamAreRemembered) {
  ASSERT_TRUE(before_.plane().apply({remove_stream(before_[0].p())}));
  adopt();
  auto operations = before_.everything();
  std::erase_if(operations, [&](const Operation& o) {
    const auto* stream = std::get_if<abi::Stream>(&o);
    return stream != nullptr && stream->leg_id == before_[0].p().leg_id;
  });
  ASSERT_TRUE(after_.plane().apply(operations, {.resync = true}));
  after_.plane().resolve_neighbours();
  Participant heir = make_participant(7);
  heir.ssrcs = before_[0].p().ssrcs;
  ASSERT_TRUE(after_.plane().apply({leg_of(heir)}));
  const auto refused = after_.plane().core().submit(std::vector<Operation>{stream_of(heir)}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "stream.ssrc");
  ASSERT_TRUE(after_.plane().apply({Dataplane::remove(MessageType::kLegRemove, heir.leg_id), stream_of(before_[0].p())}));
  after_.plane().send_rtp(before_[0].p(), spent_);
  after_.plane().run();
  EXPECT_EQ(after_.plane().drops(DropReason::kSrtpReplayed), 1u);
  talk_on({11, 12}, {1, 2});
}

TEST_F(AfterCrash, KeptSlotsGoWithTheirLegs) {
  adopt();
  open_after();
  talk_on({11}, {1, 2});
  std::vector<Operation> operations;
  for (std::size_t i = 0; i < 3; ++i) operations.push_back(remove_leg(before_[i].p()));
  ASSERT_TRUE(after_.plane().apply(operations));
  drain(after_.plane());
  EXPECT_EQ(after_.plane().core().state().in_use(), 0u);
}

TEST_F(AfterCrash, SendersRekeyedWhileTheDataPlaneWasDownKeepTheirRoc) {
  adopt();
  before_[0].rekey(test_key(before_[0].p().receive_suite, 4004), before_[0].p().send_key, 1);
  open_after();
  talk_on({11, 12}, {1, 2});
}

TEST_F(AfterCrash, OnlyAnEmptyCoreAdoptsAndOnlyItsOwnKind) {
  EXPECT_FALSE(after_.plane().core().adopt_state(dataplane::UniqueFd(::memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING))));
  Dataplane::Options smaller;
  smaller.limits.slots = 16;
  Room other(1, smaller);
  const auto size = other.plane().core().adopt_state(copy_of(before_.plane().core().state().region().fd()));
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().code, ErrorCode::kUnsupported);
  open_after();
  const auto late = after_.plane().core().adopt_state(copy_of(before_.plane().core().state().region().fd()));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace mediaward::test
