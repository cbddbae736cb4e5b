// SPDX-License-Identifier: Apache-2.0
// What the core remembers of keys: which ones sealed, how far, for whom, and for how long. Who seals with what and when is the packet
// path's matter (srtp_keys_test.cc, srtp_lifetime_test.cc).
#include <gtest/gtest.h>

#include <unistd.h>

#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {
namespace {

using abi::MessageType;
using crypto::Suite;
using dataplane::DropReason;
using dataplane::Operation;
using dataplane::Refusal;

constexpr Suite kSuite = Suite::kAesCm128HmacSha1_80;

SrtpMasterKey key(unsigned number) { return {test_key(kSuite, number), {}}; }

ConferenceOptions group_of(std::initializer_list<unsigned> keys) {
  ConferenceOptions options;
  options.mode = abi::ForwardingMode::kGroupKey;
  options.group_suite = kSuite;
  for (const unsigned number : keys) options.group_keys.push_back(key(number));
  return options;
}

std::vector<Participant> people(unsigned n, bool seal = true) {
  std::vector<Participant> all;
  for (unsigned i = 1; i <= n; ++i) {
    all.push_back(make_participant(i));
    if (!seal) all.back().send_suite = Suite::kNone;
  }
  return all;
}

HallOptions with(ConferenceOptions conference) {
  HallOptions options;
  options.conference = std::move(conference);
  return options;
}

class KeyRules : public WithHall<::testing::Test> {
 protected:
  void refused(const Operation& operation, const std::string& field) {
    const auto done = hall_->plane().core().submit(std::vector<Operation>{operation}, {});
    ASSERT_FALSE(done) << field;
    EXPECT_EQ(done.error().code, ErrorCode::kConflict);
    EXPECT_EQ(done.error().field, field) << done.error().message;
  }
};

// RFC 3711 §9.1: a group key that has sealed does not come back, for no group and for no leg.
TEST_F(KeyRules, Rfc3711_9_1_GroupKeysAreNeverUsedAgain) {
  Hall& h = hall(people(3, false), with(group_of({100, 101})));
  h.talk(0, rtp_packets(h[0].ssrc(), 1, 3));
  h.change({Dataplane::conference(1, group_of({101, 102}))});
  refused(Dataplane::conference(1, group_of({100})), "conference.group_keys");
  refused(Dataplane::conference(1, group_of({101, 100})), "conference.group_keys");
  refused(Dataplane::conference(2, group_of({100})), "conference.group_keys");
  refused(Dataplane::conference(2, group_of({101})), "conference.group_keys");
  refused(Dataplane::conference(2, group_of({102})), "conference.group_keys");
  h.change({Dataplane::conference(1, group_of({101}))});
  h.change({Dataplane::conference(2, group_of({102}))});  // it was staged only, and is free again
  std::vector<Operation> end;
  for (std::size_t i = 0; i < h.size(); ++i) end.push_back(Dataplane::remove(MessageType::kLegRemove, h[i].p.leg_id));
  end.push_back(Dataplane::remove(MessageType::kConferenceRemove, 1));
  h.change(end);
  refused(Dataplane::conference(1, group_of({101})), "conference.group_keys");
}

// RFC 3711 §3.3.1: roll-over counters go on whatever the key; what is sealed first under the new one is the next index.
TEST_F(KeyRules, Rfc3711_3_3_1_GroupIndexesGoOnAcrossARekey) {
  Hall& h = hall(people(3, false), with(group_of({100, 101})));
  h.talk(0, rtp_packets(h[0].ssrc(), 65530, 10));
  h.change({Dataplane::conference(1, group_of({101}))});
  for (std::size_t to = 1; to < 3; ++to) h[to].down.rekey({key(101)});
  h.talk(0, rtp_packets(h[0].ssrc(), 4, 5));
}

TEST_F(KeyRules, GroupIndexesOutliveACrash) {
  Hall& h = hall(people(3, false), with(group_of({100})));
  h.talk(0, rtp_packets(h[0].ssrc(), 65530, 10));
  Hall next(people(3, false), with(group_of({100})));
  ASSERT_TRUE(next.plane().core().adopt_state(dataplane::UniqueFd(::dup(h.plane().core().state().region().fd()))));
  next.open();
  const auto packets = rtp_packets(h[0].ssrc(), 4, 5);
  for (const auto& packet : packets) next.plane().send_rtp(h[0].p, h[0].up.protect(packet));
  next.run();
  for (std::size_t to = 1; to < 3; ++to) {
    std::vector<Octets> opened;
    for (const auto& packet : next.wire(to))
      if (auto plain = h[to].down.unprotect(packet)) opened.push_back(*plain);
    Hall::expect_same(opened, packets, h[to].p.id);
  }
}

// --- lifetimes are counted from when a key came into force, whatever happens to the process

TEST_F(KeyRules, Rfc3711_9_2_LifetimesOutliveACrash) {
  auto all = people(2);
  all[1].send_lifetime = 20;
  all[0].receive_lifetime = 25;
  Hall& h = hall(all);
  h.talk(0, rtp_packets(h[0].ssrc(), 1, 12));
  Hall next(all);
  ASSERT_TRUE(next.plane().core().adopt_state(dataplane::UniqueFd(::dup(h.plane().core().state().region().fd()))));
  next.open();
  for (const auto& packet : rtp_packets(h[0].ssrc(), 13, 20)) next.plane().send_rtp(h[0].p, h[0].up.protect(packet));
  next.run();
  EXPECT_EQ(next.wire(1).size(), 8u);
  EXPECT_EQ(next.drops(DropReason::kSealKeyExpired), 25u - 20u);
  EXPECT_EQ(next.drops(DropReason::kSrtpKeyExpired), 32u - 25u);
}

// --- slots of streams that are gone

class Slots : public KeyRules {
 protected:
  static HallOptions few_slots(std::uint32_t slots) {
    HallOptions options;
    options.plane.limits.slots = slots;
    return options;
  }
  [[nodiscard]] std::uint64_t stream(std::uint32_t ssrc) { return Dataplane::stream_id((*hall_)[0].p.leg_id, ssrc); }
  [[nodiscard]] Operation begin(std::uint32_t ssrc) { return Dataplane::stream(stream(ssrc), (*hall_)[0].p.leg_id, ssrc); }
  [[nodiscard]] Operation end(std::uint32_t ssrc) { return Dataplane::remove(MessageType::kStreamRemove, stream(ssrc)); }
  [[nodiscard]] std::size_t in_use() { return hall_->plane().core().state().in_use(); }
  void collect() {
    for (int i = 0; i < 4; ++i) hall_->plane().run();
  }
};

TEST_F(Slots, ARekeyGivesThemBack) {
  Hall& h = hall(people(3));
  const std::size_t before = in_use();
  h.change({begin(0x70)});
  h.talk(0, rtp_packets(0x70, 1, 3));
  h.change({end(0x70)});
  collect();
  EXPECT_EQ(in_use(), before + 3) << "their keys live on";
  for (std::size_t i = 0; i < 3; ++i) {
    h[i].p.receive_key = test_key(kSuite, 900 + static_cast<unsigned>(i));
    h[i].p.send_key = test_key(kSuite, 950 + static_cast<unsigned>(i));
    h.change_leg(i);
    collect();
    EXPECT_EQ(in_use(), before + 2 - i);
  }
  EXPECT_EQ(in_use(), before);
}

// A conference may last for ever: sources come and go, and what is needed of each stays known.
TEST_F(Slots, AnyNumberOfSourcesComeAndGo) {
  Hall& h = hall(people(3), few_slots(24));
  for (std::uint32_t ssrc = 0x100; ssrc < 0x100 + 30; ++ssrc) {
    h.change({begin(ssrc)});
    h.talk(0, rtp_packets(ssrc, 65534, 4));
    h.change({end(ssrc)});
  }
  EXPECT_LE(in_use(), 24u);
  // The same source goes on where it was; a replay is known.
  const auto replayed = h[0].up.protect(rtp_packet(0x100, 2));
  h.change({begin(0x100)});
  h.plane().send_rtp(h[0].p, replayed);
  h.run();
  h.expect_all_hear(0, {rtp_packet(0x100, 2)});
  h.plane().send_rtp(h[0].p, replayed);
  h.run();
  EXPECT_EQ(h.drops(DropReason::kSrtpReplayed), 1u);
  h.talk(0, rtp_packets(0x100, 3, 3));
  EXPECT_EQ(h.drops(DropReason::kSealIndexReuse), 0u);
}

// There is a bound to what is remembered, and it is told what to do about it.
TEST_F(Slots, WhatIsRememberedHasABound) {
  Hall& h = hall(people(2), few_slots(8));
  for (std::uint32_t ssrc = 0x100; ssrc < 0x200; ++ssrc) {
    const auto done = h.plane().apply({begin(ssrc)});
    if (!done) {
      EXPECT_EQ(done.error().code, ErrorCode::kExhausted);
      EXPECT_NE(done.error().message.find("rekey"), std::string::npos) << done.error().message;
      h[0].p.receive_key = test_key(kSuite, 980);
      h[1].p.send_key = test_key(kSuite, 981);
      h[0].up.rekey({key(980)});
      h[1].down.rekey({key(981)});
      h.change({Dataplane::leg(1, h[0].p), Dataplane::leg(1, h[1].p)});
      collect();
      h.change({begin(ssrc)});
      return h.talk(0, rtp_packets(ssrc, 1, 1));
    }
    h.talk(0, rtp_packets(ssrc, 1, 1));
    h.change({end(ssrc)});
  }
  FAIL() << "nothing was ever refused";
}

// RFC 3711 §9.1: another source with the SSRC of one whose slots are long condensed.
TEST_F(Slots, Rfc3711_9_1_CondensedIndexesStillBind) {
  Hall& h = hall(people(3), few_slots(24));
  for (std::uint32_t ssrc = 0x100; ssrc < 0x100 + 30; ++ssrc) {
    h.change({begin(ssrc)});
    h.talk(0, rtp_packets(ssrc, 65534, 4));
    h.change({end(ssrc)});
  }
  const std::uint64_t heir = h[1].p.leg_id;
  refused(Dataplane::stream(5000, heir, 0x100), "stream.ssrc");
  refused(Dataplane::stream(5000, heir, 0x100, 1), "stream.ssrc");  // where it was already
  h.change({Dataplane::stream(5000, heir, 0x100, 2)});
  h.change({Dataplane::remove(MessageType::kStreamRemove, 5000)});
  h[2].p.send_key = test_key(kSuite, 990);  // the other receivers of what the heir would send
  h[0].p.send_key = test_key(kSuite, 991);
  h.change({Dataplane::leg(1, h[0].p), Dataplane::leg(1, h[2].p), Dataplane::stream(5000, heir, 0x101)});
}

TEST_F(Slots, AfterACrashWhatWasCondensedStaysSilentUntilARekey) {
  Hall& h = hall(people(3), few_slots(24));
  for (std::uint32_t ssrc = 0x100; ssrc < 0x100 + 30; ++ssrc) {
    h.change({begin(ssrc)});
    h.talk(0, rtp_packets(ssrc, 1, 2));
    h.change({end(ssrc)});
  }
  auto all = people(3);
  HallOptions options = few_slots(24);
  Hall next(all, options);
  ASSERT_TRUE(next.plane().core().adopt_state(dataplane::UniqueFd(::dup(h.plane().core().state().region().fd()))));
  std::vector<Participant> told = all;
  ASSERT_TRUE(next.plane().apply(Dataplane::conference_of(1, told), {.resync = true}));
  next.plane().resolve_neighbours();
  (void)next.plane().core().take_rekey_notices();
  next.talk(0, rtp_packets(next[0].ssrc(), 1, 2));  // what was there all the time
  // The third one sends from an SSRC that nobody can say anything of.
  const std::uint64_t third = next[2].p.leg_id;
  next.change({Dataplane::stream(6000, third, 0x100)});
  const auto notices = next.plane().core().take_rekey_notices();
  std::set<std::uint64_t> legs;
  for (const auto& notice : notices) legs.insert(notice.leg_id);
  EXPECT_TRUE(legs.contains(next[1].p.leg_id));
  next.plane().send_rtp(next[2].p, next[2].up.protect(rtp_packet(0x100, 1)));
  next.run();
  EXPECT_TRUE(next.wire(1).empty());
  next[1].p.send_key = test_key(kSuite, 992);
  next[1].down.rekey({key(992)});
  next.change_leg(1);
  next.plane().send_rtp(next[2].p, next[2].up.protect(rtp_packet(0x100, 2)));
  next.run();
  EXPECT_EQ(next.heard(1).rtp.size(), 1u);
}

}  // namespace
}  // namespace mediaward::test
