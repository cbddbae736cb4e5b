// SPDX-License-Identifier: Apache-2.0
// Conferences whose receivers are shared out over all workers: the source's worker opens, every worker seals for its part, from one
// plaintext. Everybody hears everything, in order, under indexes of his own; rings that are full and sources that go cost nothing else.
#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {
namespace {

using crypto::Suite;
using dataplane::Counter;
using dataplane::DropReason;
using Drops = std::map<std::string, std::uint64_t>;

class Spread : public WithHall<::testing::TestWithParam<std::tuple<EngineKind, unsigned>>> {
 protected:
  [[nodiscard]] static unsigned workers() { return std::get<1>(GetParam()); }
  [[nodiscard]] static HallOptions options() {
    HallOptions options;
    options.engine = std::get<0>(GetParam());
    options.conference.spread = true;
    options.plane.workers = workers();
    return options;
  }
  [[nodiscard]] static std::vector<Participant> people(unsigned count = 12) {
    std::vector<Participant> people;
    for (unsigned i = 0; i < count; ++i)
      people.push_back(make_participant(1 + i, crypto::kSuites[i % crypto::kSuites.size()].id, i % 3 == 1));
    return people;
  }
  [[nodiscard]] static std::size_t owner_of(const Party& party) { return dataplane::bucket_of(party.p.local_port) % workers(); }
  // One loop of one worker.
  static void turn(Hall& room, std::size_t worker) { room.plane().core().worker(worker).run_once(room.plane().now()); }
  // Until the source's worker has opened everything and laid it into the rings; the other workers stand still.
  static void open_only(Hall& room, std::size_t from) {
    for (int i = 0; i < 60; ++i) turn(room, owner_of(room[from]));
  }
};
INSTANTIATE_TEST_SUITE_P(Of, Spread, ::testing::Combine(over_engines(), ::testing::Values(2u, 3u)),
                         [](const auto& i) { return std::string(std::get<0>(i.param).name) + "_" + std::to_string(std::get<1>(i.param)); });

TEST_P(Spread, EverybodyHearsEverything) {
  Hall& room = hall(people(), options());
  for (std::size_t from = 0; from < room.size(); ++from) {
    room.talk(from, rtp_packets(room[from].ssrc(), 65528 + static_cast<unsigned>(from), 16, 11 * from));
    const Octets report = sender_report(room[from].ssrc(), 1);
    room.report(from, report);
    room.run();
    for (std::size_t to = 0; to < room.size(); ++to)
      EXPECT_EQ(room.heard(to).rtcp, to == from ? std::vector<Octets>{} : std::vector<Octets>{report});
  }
  const std::uint64_t packets = 12 * 17;
  EXPECT_EQ(room.count(Counter::kSharesOut), packets * (workers() - 1)) << "one plaintext to each other worker";
  EXPECT_EQ(room.count(Counter::kSharesIn), room.count(Counter::kSharesOut));
  EXPECT_EQ(room.count(Counter::kSrtpSealed), 12u * 16 * 11);
  EXPECT_EQ(room.count(Counter::kSrtcpSealed), 12u * 11);
  for (std::size_t w = 0; w < workers(); ++w) {
    const auto sealed = room.plane().core().stats().block(w).counters[static_cast<std::size_t>(Counter::kSrtpSealed)];
    EXPECT_NEAR(static_cast<double>(sealed), 12.0 * 16 * 11 / workers(), 12.0 * 16) << "the work is shared";
  }
  EXPECT_EQ(room.all_drops(), Drops{});
}

TEST_P(Spread, EverybodyTalksAtOnceAtAnyWorker) {
  Hall& room = hall(people(), options());
  std::vector<std::vector<Octets>> sent(room.size());
  for (unsigned i = 0; i < 12; ++i)
    for (std::size_t from = 0; from < room.size(); ++from) {
      sent[from].push_back(rtp_packet(room[from].ssrc(), static_cast<std::uint16_t>(100 + i), 8 * i + from));
      room.plane().send_rtp(room[from].p, room[from].up.protect(sent[from].back()), from % workers());
    }
  room.run();
  for (std::size_t to = 0; to < room.size(); ++to) {
    std::map<std::uint32_t, std::vector<Octets>> by_source;
    for (const Octets& packet : room.heard(to).rtp) by_source[get32(packet, 8)].push_back(packet);
    for (std::size_t from = 0; from < room.size(); ++from)
      EXPECT_EQ(by_source[room[from].ssrc()], from == to ? std::vector<Octets>{} : sent[from]) << from << " to " << to;
  }
  EXPECT_EQ(room.all_drops(), Drops{});
}

// Participants come and go, keys change: the parts are cut anew, nobody's indexes go back.
TEST_P(Spread, PartsChangeWhilePeopleTalk) {
  Hall& room = hall(people(6), options());
  const std::uint32_t ssrc = room[0].ssrc();
  room.talk(0, rtp_packets(ssrc, 65530, 8));
  for (unsigned i = 0; i < 3; ++i) {
    Party& guest = room.add(make_participant(20 + i));
    room.change({Dataplane::leg(1, guest.p)});
    room.talk(0, rtp_packets(ssrc, 2 + 6 * i, 3));
    room[3].p.send_key = test_key(room[3].p.send_suite, 440 + i);
    room.change_leg(3);
    room[3].down.rekey({{room[3].p.send_key, {}}});
    room.talk(0, rtp_packets(ssrc, 5 + 6 * i, 3));
  }
  room.change({Dataplane::remove(abi::MessageType::kLegRemove, room[1].p.leg_id)});
  room.say(0, rtp_packets(ssrc, 20, 5));
  room.run();
  EXPECT_TRUE(room.wire(1).empty());
  for (std::size_t to = 2; to < room.size(); ++to) EXPECT_EQ(room.heard(to).rtp, rtp_packets(ssrc, 20, 5)) << to;
  EXPECT_EQ(room.all_drops(), Drops{});
}

TEST_P(Spread, SourceGoesWhileItsPlaintextsAreInTheRings) {
  Hall& room = hall(people(), options());
  room.talk(0, rtp_packets(room[0].ssrc(), 1, 3));
  const std::size_t owner = owner_of(room[0]);
  for (const Octets& packet : rtp_packets(room[0].ssrc(), 4, 10)) room.plane().send_rtp(room[0].p, room[0].up.protect(packet), owner);
  open_only(room, 0);
  EXPECT_EQ(room.count(Counter::kSharesOut) - room.count(Counter::kSharesIn), 10u * (workers() - 1));
  room.change({Dataplane::remove(abi::MessageType::kStreamRemove, Dataplane::stream_id(room[0].p.leg_id, room[0].ssrc()))});
  room.run();
  EXPECT_EQ(room.all_drops(), (Drops{{"stale", 10u * (workers() - 1)}}));
  std::size_t heard = 0;
  for (std::size_t to = 1; to < room.size(); ++to) heard += room.heard(to).rtp.size();
  EXPECT_GT(heard, 0u) << "the source's own worker had sealed its part";
  EXPECT_LT(heard, 10u * 11);
  // Another stream in the same slot is another source: nothing of the old one goes out as his.
  room.change({Dataplane::stream(77, room[0].p.leg_id, 0x70000001)});
  room.talk(0, rtp_packets(0x70000001, 9, 5));
}

TEST_P(Spread, ReceiversGoWhilePlaintextsAreInTheRings) {
  Hall& room = hall(people(), options());
  const std::size_t owner = owner_of(room[0]);
  for (const Octets& packet : rtp_packets(room[0].ssrc(), 4, 10)) room.plane().send_rtp(room[0].p, room[0].up.protect(packet), owner);
  open_only(room, 0);
  std::vector<dataplane::Operation> go;
  for (std::size_t i = 1; i < 8; ++i) go.push_back(Dataplane::remove(abi::MessageType::kLegRemove, room[i].p.leg_id));
  room.change(go);
  room.run();
  for (std::size_t to = 8; to < room.size(); ++to) EXPECT_EQ(room.heard(to).rtp, rtp_packets(room[0].ssrc(), 4, 10)) << to;
  for (const auto& [reason, packets] : room.all_drops()) EXPECT_EQ(reason, "stale");
}

TEST_P(Spread, FullRingsDropTheirPartOnlyAndAreOverAtOnce) {
  HallOptions with = options();
  with.plane.limits.handoff_ring = 16;
  Hall& room = hall(people(), with);
  const std::size_t owner = owner_of(room[0]);
  const auto send = [&](unsigned first, unsigned count) {
    for (const Octets& packet : rtp_packets(room[0].ssrc(), first, count))
      room.plane().send_rtp(room[0].p, room[0].up.protect(packet), owner);
  };
  send(100, 32);  // twice what the rings hold
  open_only(room, 0);
  EXPECT_EQ(room.all_drops(), (Drops{{"share.full", 16u * (workers() - 1)}}));
  room.run();
  std::size_t all = 0, part = 0;
  for (std::size_t to = 1; to < room.size(); ++to) {
    const auto heard = room.heard(to).rtp;
    EXPECT_TRUE(heard.size() == 32 || heard.size() == 16);
    ++(heard.size() == 32 ? all : part);
    Hall::expect_same(heard, rtp_packets(room[0].ssrc(), 100, static_cast<unsigned>(heard.size())), room[to].p.id);
  }
  EXPECT_GE(all, 11u / workers());
  EXPECT_GE(part, 11u / workers());
  send(200, 16);
  open_only(room, 0);
  room.run();
  room.expect_all_hear(0, rtp_packets(room[0].ssrc(), 200, 16));
  EXPECT_EQ(room.all_drops(), (Drops{{"share.full", 16u * (workers() - 1)}}));
}

}  // namespace
}  // namespace mediaward::test
