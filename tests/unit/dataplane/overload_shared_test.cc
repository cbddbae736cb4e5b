// SPDX-License-Identifier: Apache-2.0
// Twice what pools, queues and rings hold, in every way of handing on: every packet is counted under its reason, tails that many
// packets share come back with the last of them, and when the overload is over everything flows again at once. And engines that fail.
#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {
namespace {

using abi::ForwardingMode;
using crypto::Suite;
using dataplane::Counter;
using dataplane::DropReason;
using Drops = std::map<std::string, std::uint64_t>;

struct Way {
  const char* name;
  ForwardingMode mode;
  bool chains = false;
};
void PrintTo(const Way& way, std::ostream* out) {
  *out << way.name;
}
const std::array kWays{Way{"PerParticipant", ForwardingMode::kPerParticipantKeys}, Way{"GroupCopies", ForwardingMode::kGroupKey},
                       Way{"GroupChains", ForwardingMode::kGroupKey, true}, Way{"RelayCopies", ForwardingMode::kRelay},
                       Way{"RelayChains", ForwardingMode::kRelay, true}};

constexpr unsigned kPeople = 9, kReceivers = kPeople - 1, kBurst = 32;

class Ways : public ::testing::Test {
 protected:
  static HallOptions options(const Way& way) {
    HallOptions options;
    options.conference.mode = way.mode;
    options.plane.io.capabilities.tx_chains = way.chains;
    if (way.mode == ForwardingMode::kGroupKey) {
      options.conference.group_suite = Suite::kAeadAes128Gcm;
      options.conference.group_keys = {{test_key(Suite::kAeadAes128Gcm, 500), {}}};
    }
    options.relay_key = {test_key(options.relay_suite, 501), {}};
    return options;
  }
  static std::vector<Participant> people(const Way& way, const HallOptions& options) {
    std::vector<Participant> people;
    for (unsigned i = 0; i < kPeople; ++i) {
      Participant p = make_participant(1 + i);
      if (way.mode != ForwardingMode::kPerParticipantKeys) p.send_suite = Suite::kNone;
      if (way.mode == ForwardingMode::kRelay) p.receive_suite = options.relay_suite, p.receive_key = options.relay_key.key;
      people.push_back(p);
    }
    return people;
  }
  static std::size_t heard_by_all(Hall& room) {
    std::size_t n = 0;
    for (std::size_t to = 1; to < room.size(); ++to) n += room.heard(to).rtp.size();
    return n;
  }
  // As many packets as before go through whole, in the very next loop.
  static void expect_works_again(Hall& room, unsigned first, unsigned count = kBurst) {
    const Drops before = room.all_drops();
    const auto packets = rtp_packets(room[0].ssrc(), first, count, 160);
    room.say(0, packets);
    (void)room.plane().run_once();
    room.run();
    room.expect_all_hear(0, packets);
    EXPECT_EQ(room.all_drops(), before);
    room.expect_clean();
  }
};

class OverloadOf : public Ways, public ::testing::WithParamInterface<Way> {};
INSTANTIATE_TEST_SUITE_P(Each, OverloadOf, ::testing::ValuesIn(kWays), [](const auto& i) { return i.param.name; });

TEST_P(OverloadOf, PacketPool) {
  HallOptions with = options(GetParam());
  with.plane.io.buffers = 2 * kBurst;  // half of them are what came in
  Hall room(people(GetParam(), with), with);
  room.open();
  for (unsigned round = 0; round < 5; ++round) {
    room.say(0, rtp_packets(room[0].ssrc(), 100 + kBurst * round, kBurst, 160));
    room.run();
    EXPECT_EQ(room.plane().leaked(), 0u);
  }
  // Where a buffer is missing for the group's one packet, nobody gets it; otherwise it is one receiver's.
  const std::uint64_t lost = room.drops(DropReason::kPoolExhausted), heard = heard_by_all(room);
  EXPECT_GT(lost, 0u);
  EXPECT_GT(heard, 0u);
  EXPECT_EQ(room.all_drops().size(), 1u);
  const std::uint64_t sealed = room.count(Counter::kSrtpSealed), all = 5u * kBurst;
  if (GetParam().mode == ForwardingMode::kGroupKey)
    EXPECT_EQ(heard, sealed * kReceivers - (lost - (all - sealed)));
  else
    EXPECT_EQ(heard, all * kReceivers - lost);
  for (unsigned round = 0; round < 4; ++round) expect_works_again(room, 300 + 8 * round, 3);
}

// Opens alone take every job there is: each that is handed on finds its own for its receivers.
TEST_P(OverloadOf, JobPool) {
  HallOptions with = options(GetParam());
  with.plane.limits.jobs_per_worker = kBurst / 2;
  Hall room(people(GetParam(), with), with);
  room.open();
  room.say(0, rtp_packets(room[0].ssrc(), 100, kBurst, 160));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"engine.full", kBurst / 2}}));
  room.expect_all_hear(0, rtp_packets(room[0].ssrc(), 100, kBurst / 2, 160));
  expect_works_again(room, 200, kBurst / 2);
}

TEST_P(OverloadOf, TransmitQueue) {
  const HallOptions with = options(GetParam());
  Hall room(people(GetParam(), with), with);
  room.open();
  const unsigned all = kBurst * kReceivers;
  for (unsigned round = 0; round < 5; ++round) {
    room.plane().io().set_tx_room(all / 2);
    room.say(0, rtp_packets(room[0].ssrc(), 100 + kBurst * round, kBurst, 160));
    (void)room.plane().run_once();
  }
  EXPECT_EQ(room.all_drops(), (Drops{{"tx.full", 5 * all / 2}}));
  EXPECT_EQ(heard_by_all(room), 5u * all / 2);
  room.plane().io().set_tx_room(~std::size_t{0});
  expect_works_again(room, 400);
}

TEST_P(OverloadOf, LinkDown) {
  const HallOptions with = options(GetParam());
  Hall room(people(GetParam(), with), with);
  room.open();
  room.plane().core().set_link(0, false);
  room.say(0, rtp_packets(room[0].ssrc(), 100, kBurst, 160));
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"tx.link_down", kBurst * kReceivers}}));
  EXPECT_EQ(heard_by_all(room), 0u);
  room.plane().core().set_link(0, true);
  expect_works_again(room, 200);
}

// Nobody's address is known: a few packets each wait for it, the others end.
TEST_P(OverloadOf, NextHops) {
  const HallOptions with = options(GetParam());
  Hall room(people(GetParam(), with), with);
  std::vector<Participant> all = people(GetParam(), with);
  ASSERT_TRUE(room.plane().apply(Dataplane::conference_of(1, all, with.conference)));
  room.say(0, rtp_packets(room[0].ssrc(), 100, kBurst, 160));
  for (int i = 0; i < 10; ++i) (void)room.plane().run_once();
  const std::uint64_t lost = room.drops(DropReason::kNeighbourQueueFull);
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(room.plane().leaked(), 0u);
  room.plane().resolve_neighbours();
  room.run();
  EXPECT_EQ(heard_by_all(room) + lost, kBurst * kReceivers);
  expect_works_again(room, 200);
}

// --- engines that say that a job failed

struct Fault {
  const char* name;
  unsigned fail_every, polls, spread;
};
void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.name;
}
constexpr std::array kFaults{Fault{"EverySecond", 2, 1, 0}, Fault{"EveryThirdLate", 3, 4, 0}, Fault{"EverySeventhOvertaking", 7, 1, 6},
                             Fault{"All", 1, 2, 0}};

class FaultyEngine : public Ways, public ::testing::WithParamInterface<std::tuple<Way, Fault>> {
 protected:
  [[nodiscard]] static HallOptions faulty(const Way& way, const Fault& fault) {
    HallOptions with = options(way);
    with.engine = {.name = "Faulty",
                   .delay = {.polls = fault.polls, .queue_jobs = 4096, .spread = fault.spread, .fail_every = fault.fail_every}};
    return with;
  }
};
INSTANTIATE_TEST_SUITE_P(Each, FaultyEngine, ::testing::Combine(::testing::ValuesIn(kWays), ::testing::ValuesIn(kFaults)),
                         [](const auto& i) { return std::string(std::get<0>(i.param).name) + "_" + std::get<1>(i.param).name; });

TEST_P(FaultyEngine, DeliversNothingOfWhatFailedAndLosesNothingUncounted) {
  const auto& [way, fault] = GetParam();
  const HallOptions with = faulty(way, fault);
  Hall room(people(way, with), with);
  room.open();
  constexpr unsigned kRounds = 6;
  for (unsigned round = 0; round < kRounds; ++round) {
    for (const std::size_t from : {0u, 3u}) room.say(from, rtp_packets(room[from].ssrc(), 100 + kBurst * round, kBurst, 160));
    (void)room.plane().run_once();
    if (round % 2 == 1) room.run();
  }
  room.run();
  std::size_t heard = 0;
  for (std::size_t to = 0; to < room.size(); ++to) {
    for (const Octets& packet : room.heard(to).rtp) {  // as it was sent, whatever became of its neighbours
      EXPECT_EQ(packet, rtp_packet(get32(packet, 8), sequence_of(packet), 160));
      ++heard;
    }
  }
  const std::uint64_t sent = 2u * kRounds * kBurst, opened = room.count(Counter::kSrtpOpened), sealed = room.count(Counter::kSrtpSealed);
  const std::uint64_t wanted = way.mode == ForwardingMode::kRelay      ? 0
                               : way.mode == ForwardingMode::kGroupKey ? opened
                                                                       : opened * kReceivers;
  EXPECT_EQ(room.drops(DropReason::kEngineError), (sent - opened) + (wanted - sealed));
  EXPECT_EQ(room.all_drops().size(), 1u);
  EXPECT_EQ(heard, way.mode == ForwardingMode::kRelay      ? opened * kReceivers
                   : way.mode == ForwardingMode::kGroupKey ? sealed * kReceivers
                                                           : sealed);
  if (fault.fail_every == 1) { EXPECT_EQ(heard, 0u); }
  room.expect_clean();
}

// Reports take the same way.
TEST_P(FaultyEngine, Reports) {
  const auto& [way, fault] = GetParam();
  const HallOptions with = faulty(way, fault);
  Hall room(people(way, with), with);
  room.open();
  for (std::uint32_t i = 0; i < 40; ++i) room.report(0, sender_report(room[0].ssrc(), i));
  room.run();
  std::size_t heard = 0;
  for (std::size_t to = 1; to < room.size(); ++to) heard += room.heard(to).rtcp.size();
  const std::uint64_t opened = room.count(Counter::kSrtcpOpened), sealed = room.count(Counter::kSrtcpSealed);
  const std::uint64_t wanted = way.mode == ForwardingMode::kRelay      ? 0
                               : way.mode == ForwardingMode::kGroupKey ? opened
                                                                       : opened * kReceivers;
  EXPECT_EQ(room.drops(DropReason::kEngineError), (40 - opened) + (wanted - sealed));
  EXPECT_EQ(heard, way.mode == ForwardingMode::kRelay      ? opened * kReceivers
                   : way.mode == ForwardingMode::kGroupKey ? sealed * kReceivers
                                                           : sealed);
  room.expect_clean();
}

}  // namespace
}  // namespace mediaward::test
