// SPDX-License-Identifier: Apache-2.0
// Buckets that move between two workers while everybody talks: packets arrive, loops run and moves advance in random order, step by step
// on one thread, and every packet must reach every other participant, in order, opened by libsrtp.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using dataplane::bucket_of;
using dataplane::Counter;
using dataplane::DropReason;

Dataplane::Options workers(std::size_t n) {
  Dataplane::Options options;
  options.workers = n;
  return options;
}

std::uint32_t bucket(const Phone& phone) {
  return static_cast<std::uint32_t>(bucket_of(phone.p().local_port));
}

// A room whose loops are run one at a time. Of one participant everything arrives at one queue, as a NIC would have it.
class BusyRoom {
 public:
  enum class Kind { kPlain, kSpread, kGroup };
  BusyRoom(unsigned n, Dataplane::Options options, std::uint32_t seed, unsigned delay = 0, Kind kind = Kind::kPlain)
      : room_(n, options, delay), random_(seed), heard_(n), next_(n, 1) {
    open(kind);
    for (std::size_t i = 0; i < n; ++i) send(i);  // a source's first packets may be verified before they are opened, and overtaken
    expect_nothing_lost();
  }

  [[nodiscard]] Room& room() { return room_; }
  [[nodiscard]] Dataplane& plane() { return room_.plane(); }
  [[nodiscard]] dataplane::Core& core() { return room_.plane().core(); }
  [[nodiscard]] std::size_t random(std::size_t below) { return random_() % below; }

  void send(std::size_t from) {
    const UdpFlow flow = plane().flow_from(room_[from].p());
    plane().io(from % core().worker_count()).inject(to_frame(udp_frame(flow, room_[from].seal(next_[from]++))));
  }
  void run_worker(std::size_t w) {
    (void)core().worker(w).run_once(plane().now());
    listen();
  }
  void run_all() {
    for (std::size_t w = 0; w < core().worker_count(); ++w) run_worker(w);
  }
  void advance() {
    core().advance(plane().now());
    core().collect();
  }
  // Things happen at any time. For a while one worker is slower than the others, and sometimes more comes at once than is handed over
  // in one loop.
  void anything(int times) {
    const std::size_t slow = random(core().worker_count());
    for (int i = 0; i < times; ++i) {
      const std::size_t what = random(64);
      const std::size_t worker = random(core().worker_count());
      if (what == 0) {
        const std::size_t from = random(room_.size());
        for (int n = 0; n < 80; ++n) send(from);
      } else if (what < 12) {
        send(random(room_.size()));
      } else if (what < 54) {
        if (worker != slow || random(12) == 0) run_worker(worker);
      } else {
        advance();
      }
    }
  }
  void settle() {
    for (int i = 0; i < 200; ++i) {
      run_all();
      advance();
    }
  }
  // What was sent so far was heard by everybody else, in order.
  void expect_nothing_lost() {
    settle();
    for (std::size_t to = 0; to < room_.size(); ++to) {
      for (std::size_t from = 0; from < room_.size(); ++from) {
        if (from == to) continue;
        std::vector<std::vector<std::uint8_t>> packets;
        std::erase_if(heard_[to], [&](const auto& packet) {
          const bool his = ssrc_of(packet) == room_[from].p().ssrcs[0];
          if (his) packets.push_back(packet);
          return his;
        });
        std::vector<std::uint16_t> sequences;
        for (std::uint16_t s = told_[from]; s != next_[from]; ++s) sequences.push_back(s);
        room_[to].expect(packets, room_[from], sequences);
      }
      EXPECT_EQ(heard_[to].size(), 0u);
    }
    told_ = next_;
    for (const auto& [name, n] : plane().counters()) EXPECT_FALSE(is_drop(name)) << name << ": " << n;
    EXPECT_EQ(plane().leaked(), 0u);
  }

 private:
  void open(Kind kind) {
    ConferenceOptions conference;
    conference.spread = kind == Kind::kSpread;
    std::vector<Participant> all;
    for (std::size_t i = 0; i < room_.size(); ++i) {
      Participant& p = room_[i].p();
      if (kind == Kind::kGroup) {  // everybody hears everybody under one key
        p.send_suite = conference.group_suite = crypto::Suite::kAesCm128HmacSha1_80;
        p.send_key = test_key(p.send_suite, 77);
      }
      all.push_back(p);
      if (kind == Kind::kGroup) all.back().send_suite = crypto::Suite::kNone;
    }
    if (kind == Kind::kGroup) {
      conference.mode = abi::ForwardingMode::kGroupKey;
      conference.group_keys = {SrtpMasterKey{room_[0].p().send_key, {}}};
    }
    const auto done = plane().apply(Dataplane::conference_of(1, all, conference));
    ASSERT_TRUE(done) << done.error().field << ": " << done.error().message;
    plane().resolve_neighbours();
  }
  static std::uint32_t ssrc_of(const std::vector<std::uint8_t>& packet) {
    return static_cast<std::uint32_t>(packet.at(8)) << 24 | static_cast<std::uint32_t>(packet.at(9)) << 16 |
           static_cast<std::uint32_t>(packet.at(10)) << 8 | packet.at(11);
  }
  static bool is_drop(const std::string& name) {
    for (std::size_t i = 0; i < dataplane::kDropReasonCount; ++i)
      if (dataplane::kDropReasons[i].name == name) return true;
    return false;
  }
  // What two workers transmit is taken loop by loop: its order is that of the wire.
  void listen() {
    for (std::size_t i = 0; i < room_.size(); ++i)
      for (auto& packet : plane().received_by(room_[i].p())) heard_[i].push_back(std::move(packet));
  }

  Room room_;
  std::mt19937 random_;
  std::vector<std::vector<std::vector<std::uint8_t>>> heard_;
  std::vector<std::uint16_t> next_, told_ = next_;
};

void move_and_wait(BusyRoom& busy, std::uint32_t b, std::uint32_t worker) {
  ASSERT_TRUE(busy.core().move_bucket(b, worker));
  for (int i = 0; i < 1000 && busy.core().moving(); ++i) {
    busy.advance();
    busy.run_all();
  }
  ASSERT_FALSE(busy.core().moving());
}

TEST(BucketMover, MovesLegsAndTheirTraffic) {
  BusyRoom busy(3, workers(2), 1);
  const std::uint32_t b = bucket(busy.room()[0]);
  const std::size_t from = b % 2, to = 1 - from;
  const std::size_t legs_before = busy.core().legs_of_worker(to);
  EXPECT_EQ(busy.core().buckets_of_worker(to), 128u);
  move_and_wait(busy, b, static_cast<std::uint32_t>(to));
  EXPECT_EQ(busy.core().buckets_of_worker(to), 129u);
  EXPECT_EQ(busy.core().buckets_of_worker(from), 127u);
  EXPECT_EQ(busy.core().legs_of_worker(to), legs_before + 1);
  const auto moves = busy.core().take_moves();
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_TRUE(moves[0].done);
  EXPECT_EQ(moves[0].bucket, b);
  EXPECT_EQ(moves[0].worker, to);

  const auto opened = [&](std::size_t w) { return busy.core().stats().block(w).counters[static_cast<std::size_t>(Counter::kSrtpOpened)]; };
  const auto opened_before = opened(to);
  busy.send(0);
  busy.expect_nothing_lost();
  EXPECT_EQ(opened(to), opened_before + 1) << "its packets are opened by the new owner";
}

class BucketMoverUnderLoad : public ::testing::TestWithParam<BusyRoom::Kind> {};

TEST_P(BucketMoverUnderLoad, NothingIsLostAndNothingOvertakes) {
  std::uint64_t parked = 0;
  for (std::uint32_t seed = 1; seed <= 18; ++seed) {
    SCOPED_TRACE(seed);
    Dataplane::Options options = workers(2 + seed % 2);
    options.io.buffers = 8192;
    options.limits.handoff_ring = 4096;
    options.limits.jobs_per_worker = 8192;
    BusyRoom busy(4, options, seed, seed % 3, GetParam());
    for (int move = 0; move < 12; ++move) {
      const auto& phone = busy.room()[busy.random(4)];
      ASSERT_TRUE(busy.core().move_bucket(bucket(phone), static_cast<std::uint32_t>(busy.random(busy.core().worker_count()))));
      busy.anything(150);
    }
    busy.expect_nothing_lost();
    ASSERT_FALSE(busy.core().moving());
    EXPECT_EQ(busy.core().take_moves().size(), 12u);
    parked += busy.plane().count(Counter::kParked);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(parked, 300u) << "hardly a packet had to wait: this tested nothing";
}

INSTANTIATE_TEST_SUITE_P(Every, BucketMoverUnderLoad,
                         ::testing::Values(BusyRoom::Kind::kPlain, BusyRoom::Kind::kSpread, BusyRoom::Kind::kGroup), [](const auto& kind) {
                           return kind.param == BusyRoom::Kind::kPlain    ? "Plain"
                                  : kind.param == BusyRoom::Kind::kSpread ? "Spread"
                                                                          : "GroupKey";
                         });

TEST(BucketMover, APacketThatWasHandedOverBeforeTheMoveComesFirst) {
  BusyRoom busy(2, workers(2), 1);
  const std::uint32_t b = bucket(busy.room()[0]);
  const std::size_t owner = b % 2, arrives = 0;
  ASSERT_TRUE(busy.core().move_bucket(b, static_cast<std::uint32_t>(1 - owner)));
  busy.advance();
  if (owner == arrives) {  // nothing is handed over from the queue of the owner itself: it is the other way round
    busy.run_worker(1 - owner);
    busy.advance();
    busy.send(0);
    busy.run_worker(owner);
    busy.send(0);
    busy.run_worker(owner);
  } else {
    busy.send(0);
    busy.run_worker(arrives);  // applies nothing new and hands over, or parks when it is the new owner
    busy.send(0);
    busy.run_worker(arrives);
  }
  busy.expect_nothing_lost();
}

// More than the old owner takes in while the other steps go on, from an engine that takes its time. With a group key a sealed packet
// needs its stream once more when it comes back.
TEST(BucketMover, WhatWasHandedOverIsTakenInOpenedAndSealedFirst) {
  for (const unsigned delay : {0, 25}) {
    SCOPED_TRACE(delay);
    Dataplane::Options options = workers(2);
    options.io.buffers = options.limits.jobs_per_worker = 8192;
    options.limits.handoff_ring = 4096;
    BusyRoom busy(2, options, 1, delay, BusyRoom::Kind::kGroup);
    const std::uint32_t b = bucket(busy.room()[0]);
    ASSERT_EQ(b % 2, 1u) << "it arrives at the first worker's queue, and belongs to the other";
    const auto handed_over = busy.plane().count(Counter::kHandoffOut);
    for (int i = 0; i < 1500; ++i) busy.send(0);
    for (int i = 0; i < 60; ++i) busy.run_worker(0);
    ASSERT_EQ(busy.plane().count(Counter::kHandoffOut), handed_over + 1500);
    move_and_wait(busy, b, 0);
    busy.send(0);
    busy.expect_nothing_lost();
  }
}

TEST(BucketMover, IndexesGoOnAcrossTheRollOver) {
  Room room(3, workers(2));
  room.open();
  room.talk(0, {65530, 65531, 65532, 65533, 65534, 65535});
  const std::uint32_t b = bucket(room[0]);
  for (std::uint32_t round = 0; round < 4; ++round) {
    ASSERT_TRUE(room.plane().core().move_bucket(b, (b + 1 + round) % 2));
    for (int i = 0; i < 100 && room.plane().core().moving(); ++i) {
      room.plane().core().advance(room.plane().now());
      room.plane().run();
    }
    const auto s = static_cast<std::uint16_t>(3 * round);
    room.talk(0, {s, static_cast<std::uint16_t>(s + 1), static_cast<std::uint16_t>(s + 2)});
  }
  const auto packet = room[0].seal(100);
  for (const std::size_t heard : {1, 0}) {  // then it is a replay, to the window that moved with the stream
    room.plane().send_rtp(room[0].p(), packet);
    room.plane().run();
    EXPECT_EQ(room.plane().received_by(room[1].p()).size(), heard);
    ASSERT_TRUE(room.plane().core().move_bucket(b, (b + heard) % 2));
    for (int i = 0; i < 100 && room.plane().core().moving(); ++i) {
      room.plane().core().advance(room.plane().now());
      room.plane().run();
    }
  }
  EXPECT_EQ(room.plane().drops(DropReason::kSrtpReplayed), 1u);
}

TEST(BucketMover, MemoryAndSlotsAreAsBefore) {
  BusyRoom busy(3, workers(2), 1);
  const auto before = holdings(busy.plane(), false);
  const std::uint32_t b = bucket(busy.room()[1]);
  for (std::uint32_t i = 0; i < 20; ++i) move_and_wait(busy, b, (b + 1 + i) % 2);
  drain(busy.plane());
  EXPECT_EQ(holdings(busy.plane(), false), before);
  busy.send(1);
  busy.expect_nothing_lost();
}

TEST(BucketMover, LegsComeAndGoInABucketThatMoved) {
  BusyRoom busy(3, workers(2), 1);
  Room& room = busy.room();
  const std::uint32_t b = bucket(room[0]);
  move_and_wait(busy, b, (b + 1) % 2);
  const auto leg = Dataplane::leg(1, room[0].p());
  ASSERT_TRUE(busy.plane().apply({Dataplane::remove(abi::MessageType::kLegRemove, room[0].p().leg_id)}));
  drain(busy.plane());
  EXPECT_EQ(busy.core().legs_of_worker(0) + busy.core().legs_of_worker(1), 2u);
  Participant again = make_participant(9);
  again.local_port = static_cast<std::uint16_t>(room[0].p().local_port + 512);  // the same bucket
  ASSERT_EQ(bucket_of(again.local_port), b);
  const std::size_t legs = busy.core().legs_of_worker((b + 1) % 2);
  ASSERT_TRUE(busy.plane().apply({Dataplane::leg(1, again), Dataplane::stream(77, again.leg_id, again.ssrcs[0])}));
  EXPECT_EQ(busy.core().legs_of_worker((b + 1) % 2), legs + 1);
  busy.plane().resolve_neighbours();
  Phone phone(again);
  busy.plane().send_rtp(again, phone.seal(1));
  busy.plane().run();
  room[1].expect(busy.plane().received_by(room[1].p()), phone, {1});
}

TEST(BucketMover, AnEmptyBucketMoves) {
  BusyRoom busy(2, workers(2), 1);
  move_and_wait(busy, 255, 0);
  EXPECT_EQ(busy.core().buckets_of_worker(0), 129u);
  EXPECT_EQ(busy.core().take_moves().size(), 1u);
}

TEST(BucketMover, ToWhereItIsAlreadyIsOverAtOnce) {
  BusyRoom busy(2, workers(2), 1);
  ASSERT_TRUE(busy.core().move_bucket(4, 0));
  EXPECT_TRUE(busy.core().moving());
  busy.advance();
  EXPECT_FALSE(busy.core().moving());
  EXPECT_EQ(busy.core().take_moves().size(), 1u);
}

TEST(BucketMover, WhatDoesNotExistIsRefused) {
  BusyRoom busy(2, workers(2), 1);
  EXPECT_EQ(busy.core().move_bucket(256, 0).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(busy.core().move_bucket(0, 2).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(busy.core().move_bucket(0, 1, true)) << "only asked";
  EXPECT_FALSE(busy.core().moving());
}

TEST(BucketMover, RequestsQueueWithinBounds) {
  BusyRoom busy(2, workers(2), 1);
  for (std::uint32_t b = 0; b < dataplane::BucketMover::kMaxQueued; ++b) ASSERT_TRUE(busy.core().move_bucket(b, 1));
  EXPECT_EQ(busy.core().move_bucket(0, 0).error().code, ErrorCode::kExhausted);
  for (int i = 0; i < 10'000 && busy.core().moving(); ++i) {
    busy.advance();
    busy.run_all();
  }
  EXPECT_EQ(busy.core().buckets_of_worker(1), 256u);
  EXPECT_EQ(busy.core().legs_of_worker(0), 0u);
  for (std::size_t i = 0; i < 2; ++i) busy.send(i);
  busy.expect_nothing_lost();
}

TEST(BucketMover, NothingIsSubmittedDuringAMove) {
  BusyRoom busy(2, workers(2), 1);
  const std::uint32_t b = bucket(busy.room()[0]);
  ASSERT_TRUE(busy.core().move_bucket(b, (b + 1) % 2));
  busy.advance();
  const auto refused = busy.core().submit(std::vector<dataplane::Operation>{Dataplane::conference(9)}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  busy.settle();
  EXPECT_TRUE(busy.plane().apply({Dataplane::conference(9)}));
  busy.send(0);
  busy.expect_nothing_lost();
}

TEST(BucketMover, APortIsAskedToSteerOnceTheNewOwnerIsReady) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> steered;
  Dataplane::Options options = workers(2);
  options.steer = [&](std::uint32_t b, std::uint32_t worker) { steered.emplace_back(b, worker); };
  BusyRoom busy(2, options, 1);
  ASSERT_TRUE(busy.core().move_bucket(6, 1));
  busy.advance();
  EXPECT_TRUE(steered.empty()) << "its packets would find nobody who keeps them";
  busy.run_worker(1);
  busy.advance();
  EXPECT_EQ(steered, (std::vector<std::pair<std::uint32_t, std::uint32_t>>{{6, 1}}));
  busy.settle();
  EXPECT_EQ(steered.size(), 1u);
}

}  // namespace
}  // namespace mediaward::test
