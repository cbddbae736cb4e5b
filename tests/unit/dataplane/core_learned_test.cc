// SPDX-License-Identifier: Apache-2.0
// What the core makes of addresses and SSRCs that authentic packets taught: when it takes them, what forgets them, and that they outlive
// a crash. Which packets teach is the packet path's matter, how often the core is asked learning_test.cc's.
#include <gtest/gtest.h>

#include <unistd.h>

#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using abi::MessageType;
using abi::SourcePolicy;
using dataplane::DropReason;
using dataplane::IpAddress;
using dataplane::Operation;

IpAddress address(const std::string& text) { return *IpAddress::parse(text); }
Operation leg_of(const Participant& p) { return Dataplane::leg(1, p); }

// Three phones; the second is where its packets come from.
class Latching : public ::testing::Test {
 protected:
  void open(SourcePolicy policy = SourcePolicy::kLatch, bool mux = true) {
    Participant& p = bob().p();
    p.source_policy = policy;
    if (!mux) p.flags &= ~std::uint32_t{abi::kLegRtcpMux};
    policy == SourcePolicy::kExact ? say(p.remote, p.remote_port) : say();
  }
  // What the controller says of bob: that he may be anywhere, unless `where` is known.
  void say(const std::string& where = "", std::uint16_t port = 0) {
    auto operations = room_.everything();
    Participant asked = bob().p();
    asked.remote = where;
    asked.remote_port = port;
    operations[2] = leg_of(asked);
    const auto done = plane().apply(operations);
    ASSERT_TRUE(done) << done.error().field << ": " << done.error().message;
    plane().resolve_neighbours();
  }
  bool latch(const std::string& where, std::uint16_t port, bool rtcp = false) {
    const bool done = plane().core().set_latched(bob().p().leg_id, address(where), port, rtcp).has_value();
    for (int i = 0; i < 10; ++i) (void)plane().run_once();
    plane().core().collect();
    plane().resolve_neighbours();
    return done;
  }
  // Where a packet of alice goes to, "address:port", or nothing.
  std::string bob_hears_at() {
    plane().send_rtp(alice().p(), alice().seal(++sequence_));
    plane().run();
    std::string where;
    for (const Frame& frame : plane().take_frames()) {
      const auto d = parse_udp_frame(to_bytes(frame));
      if (d && d->source_port == bob().p().local_port) where += d->destination + ":" + std::to_string(d->destination_port);
    }
    return where;
  }
  Dataplane& plane() { return room_.plane(); }
  Phone& alice() { return room_[0]; }
  Phone& bob() { return room_[1]; }

  Room room_{3};
  std::uint16_t sequence_ = 0;
};

TEST_F(Latching, WhoIsNowhereYetIsSentNothing) {
  open();
  EXPECT_EQ(bob_hears_at(), "");
  EXPECT_EQ(plane().drops(DropReason::kSrtpNoReceiver), 0u) << "there is the third one";
  EXPECT_TRUE(latch("192.0.2.77", 7000));
  EXPECT_EQ(bob_hears_at(), "192.0.2.77:7000");
}

TEST_F(Latching, TheFirstAddressStays) {
  open(SourcePolicy::kLatch);
  EXPECT_TRUE(latch("192.0.2.77", 7000));
  EXPECT_FALSE(latch("192.0.2.77", 7000));
  EXPECT_FALSE(latch("192.0.2.78", 7002));
  EXPECT_EQ(bob_hears_at(), "192.0.2.77:7000");
}

TEST_F(Latching, RelatchingFollows) {
  open(SourcePolicy::kRelatch);
  EXPECT_TRUE(latch("192.0.2.77", 7000));
  EXPECT_FALSE(latch("192.0.2.77", 7000));
  EXPECT_TRUE(latch("192.0.2.78", 7002));
  EXPECT_EQ(bob_hears_at(), "192.0.2.78:7002");
}

TEST_F(Latching, NoAddressIsTakenThatCannotBe) {
  open(SourcePolicy::kExact);
  EXPECT_FALSE(latch("192.0.2.77", 7000)) << "the leg does not latch";
  bob().p().source_policy = SourcePolicy::kLatch;
  bob().p().source_filter = "192.0.2.64/26";
  say();
  EXPECT_FALSE(latch("192.0.2.50", 7000)) << "outside the filter";
  EXPECT_FALSE(latch("2001:db8::77", 7000));
  EXPECT_FALSE(latch("192.0.2.77", 0));
  EXPECT_FALSE(plane().core().set_latched(4711, address("192.0.2.77"), 7000, false).has_value());
  EXPECT_EQ(bob_hears_at(), "");
  EXPECT_TRUE(latch("192.0.2.77", 7000));
  EXPECT_EQ(bob_hears_at(), "192.0.2.77:7000");
}

TEST_F(Latching, WhatWasLearnedOutlivesEveryChangeButThatOfTheAddress) {
  open(SourcePolicy::kLatch);
  ASSERT_TRUE(latch("192.0.2.77", 7000));
  bob().p().dscp = 40;
  bob().p().receive_key = test_key(bob().p().receive_suite, 700);
  say();
  EXPECT_EQ(bob_hears_at(), "192.0.2.77:7000");
  say("192.0.2.90", 9000);
  EXPECT_EQ(bob_hears_at(), "192.0.2.90:9000");
  ASSERT_TRUE(latch("192.0.2.77", 7000));
  EXPECT_EQ(bob_hears_at(), "192.0.2.77:7000");
  bob().p().source_policy = SourcePolicy::kRelatch;
  say("192.0.2.90", 9000);
  EXPECT_EQ(bob_hears_at(), "192.0.2.90:9000") << "learned under another policy";
}

// RTCP has a port of its own to be learned, but follows where the media come from.
TEST_F(Latching, RtcpPortIsLearnedByItself) {
  open(SourcePolicy::kRelatch, false);
  EXPECT_FALSE(latch("192.0.2.77", 7001, true)) << "nobody knows yet where the media come from";
  ASSERT_TRUE(latch("192.0.2.77", 7000));
  EXPECT_FALSE(latch("192.0.2.78", 7001, true));
  EXPECT_TRUE(latch("192.0.2.77", 7009, true));
  EXPECT_FALSE(latch("192.0.2.77", 7009, true));
  bob().p().remote = "192.0.2.77";
  bob().p().remote_port = 7000;
  bob().p().remote_rtcp_port = 7009;
  const std::vector<std::uint8_t> report = SrtpPeer(alice().p().receive_suite, alice().p().receive_key, SrtpPeer::Direction::kSend)
                                               .protect_rtcp({0x80, 201, 0, 1, 0x10, 0, 0, 0x01});
  plane().send_rtcp(alice().p(), report);
  plane().run();
  EXPECT_EQ(plane().rtcp_received_by(bob().p()).size(), 1u);
  // Elsewhere the port is another one, too.
  ASSERT_TRUE(latch("192.0.2.78", 7000));
  plane().send_rtcp(alice().p(), SrtpPeer(alice().p().receive_suite, alice().p().receive_key, SrtpPeer::Direction::kSend)
                                     .protect_rtcp({0x80, 201, 0, 1, 0x10, 0, 0, 0x01}));
  plane().run();
  bob().p().remote = "192.0.2.78";
  EXPECT_TRUE(plane().rtcp_received_by(bob().p()).empty());
}

class LatchingAfterCrash : public Latching {
 protected:
  // The next process over the same region, told the same.
  void restart(const std::string& where = "", std::uint16_t port = 0) {
    Room next(3);
    ASSERT_TRUE(next.plane().core().adopt_state(dataplane::UniqueFd(::dup(plane().core().state().region().fd()))));
    for (std::size_t i = 0; i < 3; ++i) next[i].p() = room_[i].p();
    auto operations = next.everything();
    Participant asked = bob().p();
    asked.remote = where;
    asked.remote_port = port;
    operations[2] = leg_of(asked);
    ASSERT_TRUE(next.plane().apply(operations, {.resync = true}));
    next.plane().resolve_neighbours();
    next.plane().send_rtp(alice().p(), alice().seal(++sequence_));
    next.plane().run();
    for (const Frame& frame : next.plane().take_frames()) {
      const auto d = parse_udp_frame(to_bytes(frame));
      if (d && d->source_port == bob().p().local_port) heard_at_ += d->destination + ":" + std::to_string(d->destination_port);
    }
    slots_ = next.plane().core().state().in_use();
  }
  std::string heard_at_;
  std::size_t slots_ = 0;
};

TEST_F(LatchingAfterCrash, TheAddressIsStillKnown) {
  open();
  ASSERT_TRUE(latch("192.0.2.77", 7000));
  ASSERT_EQ(bob_hears_at(), "192.0.2.77:7000");
  restart();
  EXPECT_EQ(heard_at_, "192.0.2.77:7000");
  EXPECT_EQ(slots_, 9u + 1u);
}

TEST_F(LatchingAfterCrash, ItIsForgottenWhenTheControllerSaysAnother) {
  open();
  ASSERT_TRUE(latch("192.0.2.77", 7000));
  restart("192.0.2.90", 9000);
  EXPECT_EQ(heard_at_, "192.0.2.90:9000");
  EXPECT_EQ(slots_, 9u);
}

// --- SSRCs that bring themselves

class Binding : public ::testing::Test {
 protected:
  Binding() {
    alice().p().ssrc_policy = abi::SsrcPolicy::kFirstAuthenticated;
    alice().p().ssrcs.clear();
    alice().p().places = 2;
    room_.open();
    alice().p().ssrcs = {kSsrc};  // what the phone sends
  }
  static constexpr std::uint32_t kSsrc = 0x51515151;
  [[nodiscard]] std::uint64_t place(unsigned number) { return Dataplane::place_id(alice().p().leg_id, number); }
  // As the controller says it: places, whatever is bound to them.
  std::vector<Operation> everything(Room& room) {
    auto operations = room.everything();
    std::erase_if(operations, [&](const Operation& o) {
      const auto* stream = std::get_if<abi::Stream>(&o);
      return stream != nullptr && stream->leg_id == alice().p().leg_id && stream->ssrc != 0;
    });
    return operations;
  }
  Result<std::uint64_t> bind(std::uint32_t ssrc) {
    auto bound = plane().core().bind_ssrc(alice().p().leg_id, ssrc);
    for (int i = 0; i < 10; ++i) (void)plane().run_once();
    plane().core().collect();
    return bound;
  }
  void talk(std::uint16_t sequence, bool heard = true) {
    plane().send_rtp(alice().p(), alice().seal(sequence));
    plane().run();
    for (const std::size_t to : {1u, 2u})
      room_[to].expect(plane().received_by(room_[to].p()), alice(), heard ? std::vector<std::uint16_t>{sequence} : std::vector<std::uint16_t>{});
  }
  Dataplane& plane() { return room_.plane(); }
  Phone& alice() { return room_[0]; }
  Room room_{3};
};

TEST_F(Binding, PlacesAreTakenInTheirOrder) {
  talk(1, false);
  EXPECT_EQ(plane().drops(DropReason::kSrtpNotBound), 1u);
  EXPECT_EQ(bind(kSsrc).value_or(0), place(0));
  talk(2);
  EXPECT_EQ(bind(kSsrc).value_or(0), place(0)) << "again: it is there already";
  EXPECT_EQ(bind(0x52525252).value_or(0), place(1));
  const auto full = bind(0x53535353);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kExhausted);
  talk(3);
}

TEST_F(Binding, NoSsrcIsTakenThatCannotBe) {
  const auto taken = bind(room_[1].p().ssrcs[0]);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kConflict);
  EXPECT_FALSE(bind(0));
  EXPECT_FALSE(plane().core().bind_ssrc(4711, kSsrc));
  EXPECT_FALSE(plane().core().bind_ssrc(room_[1].p().leg_id, kSsrc)) << "its SSRCs are fixed";
  EXPECT_EQ(bind(kSsrc).value_or(0), place(0)) << "and nothing was used up";
}

// RFC 3711 §9.1: what receivers were sealed under this SSRC binds whoever brings it next.
TEST_F(Binding, Rfc3711_9_1_NoSsrcThatReceiversKnowFromSomebodyElse) {
  const std::uint32_t ssrc = room_[1].p().ssrcs[0];
  room_.plane().send_rtp(room_[1].p(), room_[1].seal(1));
  room_.plane().run();
  ASSERT_TRUE(plane().apply({Dataplane::remove(MessageType::kLegRemove, room_[1].p().leg_id)}));
  const auto refused = bind(ssrc);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
}

TEST_F(Binding, ItStaysWhenEverythingIsSaidAgain) {
  ASSERT_TRUE(bind(kSsrc));
  talk(1);
  ASSERT_TRUE(plane().apply(everything(room_)));
  talk(2);
  ASSERT_TRUE(plane().apply(everything(room_), {.resync = true}));
  talk(3);
}

TEST_F(Binding, APlaceThatIsRemovedForgetsItsSsrc) {
  ASSERT_TRUE(bind(kSsrc));
  talk(1);
  ASSERT_TRUE(plane().apply({Dataplane::remove(MessageType::kStreamRemove, place(0))}));
  ASSERT_TRUE(plane().apply({Dataplane::stream(place(0), alice().p().leg_id, 0)}));
  talk(2, false);
  EXPECT_EQ(bind(kSsrc).value_or(0), place(0));
  talk(3);
  EXPECT_EQ(plane().drops(DropReason::kSealIndexReuse), 0u);
}

TEST_F(Binding, ThePlaceMayBeNamedByWhatIsBoundToIt) {
  ASSERT_TRUE(bind(kSsrc));
  talk(1);
  ASSERT_TRUE(plane().apply({Dataplane::stream(place(0), alice().p().leg_id, kSsrc)}));
  talk(2);
  const auto back = plane().core().submit(std::vector<Operation>{Dataplane::stream(place(0), alice().p().leg_id, 0)}, {});
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().field, "stream.ssrc");
}

TEST_F(Binding, ItOutlivesACrash) {
  ASSERT_TRUE(bind(kSsrc));
  for (const std::uint16_t sequence : std::initializer_list<std::uint16_t>{65534, 65535, 0, 1}) talk(sequence);
  Room next(3);
  ASSERT_TRUE(next.plane().core().adopt_state(dataplane::UniqueFd(::dup(plane().core().state().region().fd()))));
  next[0].p() = alice().p();
  ASSERT_TRUE(next.plane().apply(everything(next), {.resync = true}));
  next.plane().resolve_neighbours();
  next.plane().send_rtp(alice().p(), alice().seal(2));
  next.plane().run();
  for (const std::size_t to : {1u, 2u}) room_[to].expect(next.plane().received_by(room_[to].p()), alice(), {2});
}

}  // namespace
}  // namespace mediaward::test
