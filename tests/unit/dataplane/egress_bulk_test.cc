// SPDX-License-Identifier: Apache-2.0
// Content goes behind media: what a full transmit ring refuses, and who pays for it.
#include <gtest/gtest.h>

#include "dataplane/egress.h"
#include "dataplane/neighbour.h"
#include "tests/support/memory_io.h"

namespace mediaward::dataplane {
namespace {

using test::MemoryIo;

constexpr std::uint64_t kHz = 1'000'000;

class EgressBulk : public testing::Test {
 protected:
  EgressBulk() {
    settings_.ports.resize(1);
    auto io = std::make_unique<MemoryIo>(MemoryIo::Options{.capabilities = {.tx_udp_checksum = true}});
    io_ = io.get();
    worker_.queues.push_back({0, 0, std::move(io)});
    context_.set_release_io(*io_);
    links_[0] = true;
    egress_ = std::make_unique<Egress>(context_, settings_, worker_, links_);
    hop_.link = NextHop::kLinkValid | 2;
    path_.hop = &hop_;
    path_.header_bytes = UdpPath::kShortHeader;
    path_.l2_bytes = 14;
    path_.l3_bytes = 20;
    path_.max_udp_payload = 1472;
    context_.set_now(kHz);
  }
  // A datagram whose payload is one byte, by which it is known again.
  void send(std::uint8_t mark, bool bulk) {
    Packet* packet = egress_->take(0);
    ASSERT_NE(packet, nullptr);
    *egress_->begin_datagram(path_, *packet, 1) = std::byte{mark};
    bulk ? egress_->send_bulk(path_, packet) : egress_->send(path_, packet);
  }
  void media(std::uint8_t mark) { send(mark, false); }
  void bulk(std::uint8_t mark) { send(mark, true); }
  // One loop, `us` later.
  void flush(std::uint64_t us = 10) {
    egress_->flush();
    context_.set_now(context_.now() + us);
  }
  std::vector<int> sent() {
    std::vector<int> marks;
    for (const auto& frame : io_->sent()) marks.push_back(std::to_integer<int>(frame[UdpPath::kShortHeader]));
    io_->sent().clear();
    return marks;
  }
  [[nodiscard]] std::uint64_t dropped() const { return block_.drops[static_cast<std::size_t>(DropReason::kTxFull)]; }
  // How much content one loop may take now.
  unsigned allowance() {
    unsigned n = 0;
    for (; egress_->takes_bulk(0) && n < 5000; ++n) bulk(0xff);
    return n;
  }

  CoreSettings settings_;
  WorkerSettings worker_;
  WorkerBlock block_{};
  WorkerContext context_{0, block_, kHz, 64};
  std::array<std::atomic<bool>, 1> links_;
  MemoryIo* io_ = nullptr;
  std::unique_ptr<Egress> egress_;
  NeighbourBudget budget_{1};
  NextHop hop_{budget_, *budget_.take(), *IpAddress::parse("192.0.2.10"), 0};
  UdpPath path_;
};

TEST_F(EgressBulk, MediaAloneNeverWaits) {
  io_->set_tx_room(2);
  for (std::uint8_t i = 1; i <= 5; ++i) media(i);
  flush();
  EXPECT_EQ(sent(), (std::vector<int>{1, 2}));
  EXPECT_EQ(dropped(), 3u);
  EXPECT_EQ(egress_->held(), 0u);
}

TEST_F(EgressBulk, MediaBesideContentWaitsInItsOrder) {
  io_->set_tx_room(1);
  bulk(100);
  for (std::uint8_t i = 1; i <= 3; ++i) media(i);
  bulk(101);
  flush();
  EXPECT_EQ(sent(), (std::vector<int>{100}));
  EXPECT_EQ(dropped(), 1u) << "the content that was refused";
  EXPECT_EQ(egress_->held(), 3u);
  EXPECT_FALSE(egress_->takes_bulk(0)) << "while media waits";
  io_->set_tx_room(2);
  media(4);
  flush();
  EXPECT_EQ(sent(), (std::vector<int>{1, 2}));
  io_->set_tx_room(100);
  media(5);
  flush();
  EXPECT_EQ(sent(), (std::vector<int>{3, 4, 5}));
  EXPECT_EQ(egress_->held(), 0u);
  EXPECT_TRUE(egress_->takes_bulk(0));
  EXPECT_EQ(dropped(), 1u);
}

TEST_F(EgressBulk, ARingThatStaysFullIsWaitedForTenMilliseconds) {
  io_->set_tx_room(0);
  bulk(100);
  for (std::uint8_t i = 1; i <= 40; ++i) media(i);
  flush(9'000);
  EXPECT_EQ(egress_->held(), 32u) << "no more than that wait";
  EXPECT_EQ(dropped(), 9u);
  flush(2'000);
  EXPECT_EQ(egress_->held(), 32u);
  flush();
  EXPECT_EQ(egress_->held(), 0u);
  EXPECT_EQ(dropped(), 41u);
  io_->set_tx_room(100);
  media(50);
  flush();
  EXPECT_EQ(sent(), (std::vector<int>{50}));
}

TEST_F(EgressBulk, ContentGivesWayAndComesBack) {
  const unsigned most = allowance();
  ASSERT_GE(most, 256u);
  flush();
  sent();
  io_->set_tx_room(100);
  EXPECT_EQ(allowance(), most);
  flush();
  EXPECT_EQ(sent().size(), 100u);
  io_->set_tx_room(~std::size_t{0});
  const unsigned less = allowance();
  EXPECT_EQ(less, most / 2);
  flush();
  EXPECT_GT(allowance(), less) << "a little more after a loop that was good";
  flush();
  for (int i = 0; i < 20; ++i) {
    io_->set_tx_room(0);
    bulk(0xff);
    flush(200'000);
  }
  io_->set_tx_room(~std::size_t{0});
  const unsigned least = allowance();
  EXPECT_GE(least, 1u) << "it never ends";
  EXPECT_LE(least, 8u);
  for (int i = 0; i < 600; ++i) allowance(), flush();
  EXPECT_EQ(allowance(), most) << "and recovers";
  flush();
}

TEST_F(EgressBulk, NothingWaitsBehindALinkThatIsDown) {
  links_[0] = false;
  bulk(100);
  media(1);
  flush();
  EXPECT_EQ(egress_->held(), 0u);
  EXPECT_EQ(block_.drops[static_cast<std::size_t>(DropReason::kLinkDown)], 2u);
}

}  // namespace
}  // namespace mediaward::dataplane
