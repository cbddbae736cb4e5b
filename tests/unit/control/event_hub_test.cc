// SPDX-License-Identifier: Apache-2.0
// Sequence numbers, the bounded backlog and gaps; log lines.
#include "control/event_hub.h"

#include <gtest/gtest.h>

#include "control/log.h"
#include "control/text.h"

namespace mediaward::control::test {
namespace {

using namespace std::chrono_literals;

TEST(EventHub, SequenceNumbersCountUpByOne) {
  EventHub hub("i", 8);
  auto position = hub.begin(1, "");
  for (int i = 0; i < 3; ++i) hub.publish({.type = EventType::kPortLink, .a = static_cast<std::uint64_t>(i)});
  Event event;
  for (std::uint64_t i = 0; i < 3; ++i) {
    ASSERT_EQ(hub.next(position, event, 0ms), EventHub::Next::kEvent);
    EXPECT_EQ(event.sequence, i + 1);
    EXPECT_EQ(event.a, i);
  }
  EXPECT_EQ(hub.next(position, event, 0ms), EventHub::Next::kTimeout);
}

TEST(EventHub, AGapIsTold) {
  EventHub hub("i", 4);
  for (int i = 0; i < 10; ++i) hub.publish({.type = EventType::kPortLink});
  auto position = hub.begin(2, "i");
  Event event;
  ASSERT_EQ(hub.next(position, event, 0ms), EventHub::Next::kEvent);
  EXPECT_EQ(event.type, EventType::kGap);
  EXPECT_EQ(event.a, 2u);
  EXPECT_EQ(event.b, 6u);
  ASSERT_EQ(hub.next(position, event, 0ms), EventHub::Next::kEvent);
  EXPECT_EQ(event.sequence, 7u);
}

TEST(EventHub, NumbersOfAnotherLifeGiveEverythingBehindAGap) {
  EventHub hub("new", 4);
  hub.publish({.type = EventType::kPortLink});
  auto position = hub.begin(1, "old");
  Event event;
  ASSERT_EQ(hub.next(position, event, 0ms), EventHub::Next::kEvent);
  EXPECT_EQ(event.type, EventType::kGap);
  ASSERT_EQ(hub.next(position, event, 0ms), EventHub::Next::kEvent);
  EXPECT_EQ(event.sequence, 1u);
}

TEST(EventHub, FromZeroMeansFromNowOnAndStopEndsWatchers) {
  EventHub hub("i", 4);
  hub.publish({.type = EventType::kPortLink});
  auto position = hub.begin(0, "");
  Event event;
  EXPECT_EQ(hub.next(position, event, 0ms), EventHub::Next::kTimeout);
  hub.stop();
  EXPECT_EQ(hub.next(position, event, 1s), EventHub::Next::kStopped);
}

TEST(Log, ValuesCannotForgeLines) {
  std::string text;
  const Log log([&](std::string_view line) { text += line; });
  log.write(LogLevel::kInfo, "transaction", {{"request_id", "a b\n2026 error \"x\""}, {"n", std::uint64_t{7}}});
  EXPECT_NE(text.find("info transaction request_id=\"a b\\x0a2026 error \\\"x\\\"\" n=7\n"), std::string::npos) << text;
}

TEST(Text, Rfc3629_4_BadBytesBecomeQuestionMarks) {
  EXPECT_EQ(clean_text("RFC 3711 §9.1"), "RFC 3711 §9.1");
  EXPECT_EQ(clean_text("a\xff\x80\n\xc0\xaf"), "a?????");
  EXPECT_EQ(clean_text("\xe2\x82"), "??");
  EXPECT_EQ(clean_text("\xed\xa0\x80"), "???");
}

}  // namespace
}  // namespace mediaward::control::test
