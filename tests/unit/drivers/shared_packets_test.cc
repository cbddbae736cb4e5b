// SPDX-License-Identifier: Apache-2.0
// Packets by reference over DpdkPacketIo: one tail under many heads, on real ports. What arrives on the other side is compared byte
// for byte, and every pool must be whole at the end, whoever let go first.
// The wire sides are foreign where the machine has one: the kernel's packet socket behind tap and veth.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "packet_ports.h"

namespace mediaward::drivers {
namespace {

using test::bytes_of, test::Frames, test::kHeaderBytes, test::open_pair, test::open_port, test::Packet, test::PacketSocket,
    test::port_config, test::PortEnvironment, test::write_headers;

struct SharedPackets : ::testing::Test {
  void SetUp() override {
    if (!PortEnvironment::available()) GTEST_SKIP() << "EAL's runtime directory and interfaces need root";
  }
};

Packet* take(DpdkPacketIo& io) {
  Packet* packet = nullptr;
  if (!io.allocate({&packet, 1})) ADD_FAILURE() << "the pool is empty";
  return packet;
}

Packet* make_tail(DpdkPacketIo& io, std::uint32_t bytes) {
  Packet* tail = take(io);
  for (std::uint32_t i = 0; i < bytes; ++i) tail->data[i] = static_cast<std::byte>(i * 7 + bytes);
  tail->bytes = bytes;
  return tail;
}

// `count` heads over one tail, which is shared with them and let go by its owner.
std::vector<Packet*> make_heads(DpdkPacketIo& io, Packet* tail, std::size_t count, bool checksum = false) {
  std::vector<Packet*> heads(count);
  if (!io.allocate(heads)) ADD_FAILURE() << "the pool is empty";
  io.share(*tail, static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    write_headers(*heads[i], static_cast<std::uint16_t>(1000 + i), bytes_of(*tail).size(), checksum);
    heads[i]->next = tail;
  }
  io.release({&tail, 1});
  return heads;
}

Frames frames_of(const std::vector<Packet*>& heads) {
  Frames out;
  for (const Packet* head : heads) out.push_back(bytes_of(*head));
  return out;
}

// Receives until `count` frames are there or nothing more comes.
Frames receive(DpdkPacketIo& io, std::size_t count, std::uint16_t* flags = nullptr) {
  Frames out;
  for (int empty = 0; out.size() < count && empty < 1000;) {
    std::array<Packet*, 32> burst{};
    const std::size_t n = io.receive(burst);
    for (std::size_t i = 0; i < n; ++i) {
      out.push_back(bytes_of(*burst[i]));
      if (flags != nullptr) *flags = burst[i]->flags;
    }
    io.release(std::span<Packet* const>(burst).first(n));
    empty = n == 0 ? empty + 1 : 0;
    if (n == 0) usleep(100);
  }
  return out;
}

PortConfig file_port() {
  PortConfig config = port_config("file", PortKind::kPcap);
  config.tx_pcap = PortEnvironment::folder() + "/out.pcap";
  return config;
}

TEST_F(SharedPackets, TailGoesBackWithTheLastOfItsHolders) {
  auto port = open_port(file_port());
  ASSERT_NE(port, nullptr);
  auto io = port->make_io(0);
  for (const std::size_t heads : {1u, 2u, 3u}) {
    std::vector<std::size_t> order(heads + 1);  // the last number is the owner
    std::iota(order.begin(), order.end(), 0);
    do {
      Packet* tail = make_tail(*io, 100);
      std::vector<Packet*> holders(heads);
      ASSERT_TRUE(io->allocate(holders));
      io->share(*tail, static_cast<std::uint32_t>(heads));
      for (Packet* head : holders) head->next = tail;
      holders.push_back(tail);
      for (std::size_t released = 0; released < order.size(); ++released) {
        // Everybody who did not let go yet has his own packet, and together they have the tail.
        const std::size_t owner_waits =
            std::find(order.begin() + static_cast<std::ptrdiff_t>(released), order.end(), heads) != order.end() ? 1 : 0;
        ASSERT_EQ(port->pool().in_use(), order.size() - released - owner_waits + 1);
        io->release({&holders[order[released]], 1});
      }
      ASSERT_EQ(port->pool().in_use(), 0u);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_F(SharedPackets, SharedChainIsCountedWhole) {
  auto port = open_port(file_port());
  ASSERT_NE(port, nullptr);
  auto io = port->make_io(0);
  Packet* tail = make_tail(*io, 500);
  tail->next = make_tail(*io, 60);
  auto heads = make_heads(*io, tail, 5);
  EXPECT_EQ(port->pool().in_use(), 7u);
  io->release(std::span<Packet* const>(heads).first(4));
  EXPECT_EQ(port->pool().in_use(), 3u);
  EXPECT_EQ(bytes_of(*heads[4]).size(), kHeaderBytes + 560);
  io->release(std::span<Packet* const>(heads).last(1));
  EXPECT_EQ(port->pool().in_use(), 0u);
}

// A packet that went back is an ordinary one again, with the fast path's invariants.
TEST_F(SharedPackets, BuffersOfChainsAreReusedAsSingleSegments) {
  auto port = open_port(file_port());
  ASSERT_NE(port, nullptr);
  auto io = port->make_io(0);
  auto heads = make_heads(*io, make_tail(*io, 100), 3);
  io->release(heads);
  std::vector<Packet*> all(port->pool().capacity());
  ASSERT_TRUE(io->allocate(all));
  for (Packet* packet : all) {
    const rte_mbuf* mbuf = mbuf_of(packet);
    ASSERT_TRUE(mbuf->next == nullptr && mbuf->nb_segs == 1 && rte_mbuf_refcnt_read(mbuf) == 1 && packet->next == nullptr);
  }
  io->release(all);
  EXPECT_EQ(port->pool().in_use(), 0u);
}

// Both directions of a socket: every head arrives with the tail's bytes.
void exchange(Port& from, Port& to, std::size_t count, std::uint32_t payload) {
  auto out = from.make_io(0), in = to.make_io(0);
  auto heads = make_heads(*out, make_tail(*out, payload), count);
  const Frames expected = frames_of(heads);
  ASSERT_EQ(out->transmit(heads), count);
  EXPECT_EQ(receive(*in, count), expected) << count << " heads over " << payload << " bytes";
}

TEST_F(SharedPackets, EveryHeadArrivesWithTheTailOverTheSocketPair) {
  auto [far, near] = open_pair();
  ASSERT_NE(near, nullptr);
  ASSERT_TRUE(near->capabilities().tx_chains && far->capabilities().tx_chains);
  for (const std::size_t count : {1u, 2u, 7u, 64u, 200u})
    for (const std::uint32_t payload : {1u, 182u, 1472u}) {
      exchange(*near, *far, count, payload);
      exchange(*far, *near, count, payload);
    }
  near->close();
  far->close();
  EXPECT_EQ(near->pool().in_use(), 0u);
  EXPECT_EQ(far->pool().in_use(), 0u);
}

// What the port does not take stays whole with the caller, and goes back as one lets go of it.
TEST_F(SharedPackets, RefusedHeadsKeepTheTail) {
  for (const bool from_guest : {true, false}) {
    auto [far, near] = open_pair();
    ASSERT_NE(near, nullptr);
    Port& from = from_guest ? *near : *far;
    Port& to = from_guest ? *far : *near;
    auto out = from.make_io(0), in = to.make_io(0);
    auto heads = make_heads(*out, make_tail(*out, 300), 600);  // the ring has 256 entries
    const Frames expected = frames_of(heads);
    const std::size_t sent = out->transmit(heads);
    ASSERT_GT(sent, 0u);
    ASSERT_LT(sent, heads.size());
    // The next one goes again once there is room, the others are given up.
    Frames received = receive(*in, sent);
    ASSERT_EQ(out->transmit(std::span<Packet* const>(heads).subspan(sent, 1)), 1u);
    out->release(std::span<Packet* const>(heads).subspan(sent + 1));
    for (auto& frame : receive(*in, 1)) received.push_back(std::move(frame));
    EXPECT_EQ(received, Frames(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(sent) + 1));
    near->close();
    far->close();
    EXPECT_EQ(from.pool().in_use(), 0u);
    EXPECT_EQ(to.pool().in_use(), 0u);
  }
}

// A relay: the tail is the received packet itself, without its old headers, and belongs to another port's pool.
TEST_F(SharedPackets, ReceivedPacketIsRelayedByReference) {
  auto [far, near] = open_pair();
  auto [far2, near2] = open_pair();
  ASSERT_TRUE(near != nullptr && near2 != nullptr);
  auto source = near->make_io(0), relay_in = far->make_io(0), relay_out = far2->make_io(0), sink = near2->make_io(0);
  exchange(*near, *far, 3, 77);  // single segments arrive as such, whatever was sent
  auto original = make_heads(*source, make_tail(*source, 700), 1);
  ASSERT_EQ(source->transmit(original), 1u);
  Packet* received = nullptr;
  for (int i = 0; i < 10'000 && relay_in->receive({&received, 1}) == 0; ++i) usleep(100);
  ASSERT_NE(received, nullptr);
  received->data += kHeaderBytes;
  received->bytes -= static_cast<std::uint32_t>(kHeaderBytes);
  auto heads = make_heads(*relay_out, received, 9);
  const Frames expected = frames_of(heads);
  ASSERT_EQ(relay_out->transmit(heads), 9u);
  EXPECT_EQ(receive(*sink, 9), expected);
  for (Port* port : {near.get(), far.get(), near2.get(), far2.get()}) port->close();
  for (Port* port : {near.get(), far.get(), near2.get(), far2.get()}) EXPECT_EQ(port->pool().in_use(), 0u) << port->config().name;
}

// The UDP checksum of a chain: left partial and flagged as such, or summed up over both segments where the other side wants it done.
TEST_F(SharedPackets, ChecksumOfAChainIsTheHostsOrRight) {
  auto [far, near] = open_pair();
  ASSERT_NE(near, nullptr);
  ASSERT_TRUE(near->capabilities().tx_udp_checksum && far->capabilities().tx_udp_checksum);
  for (const auto& [from, to] : {std::pair{near.get(), far.get()}, std::pair{far.get(), near.get()}}) {
    auto out = from->make_io(0), in = to->make_io(0);
    std::uint16_t flags = 0;
    ASSERT_EQ(out->transmit(make_heads(*out, make_tail(*out, 333), 3, true)), 3u);
    EXPECT_EQ(receive(*in, 3, &flags).size(), 3u);
    EXPECT_EQ(flags & (dataplane::kRxL4ChecksumGood | dataplane::kRxL4ChecksumBad), dataplane::kRxL4ChecksumGood) << from->config().name;
  }
}

// A guest that does not take partial checksums: the vhost side sums up.
TEST_F(SharedPackets, ChecksumOfAChainIsSummedForAGuestThatWantsIt) {
  auto [host, guest] = open_pair(false);
  ASSERT_NE(guest, nullptr);
  auto out = host->make_io(0), in = guest->make_io(0);
  for (const std::uint32_t payload : {1u, 332u, 333u}) {
    ASSERT_EQ(out->transmit(make_heads(*out, make_tail(*out, payload), 3, true)), 3u);
    const Frames frames = receive(*in, 3);
    ASSERT_EQ(frames.size(), 3u);
    for (const auto& frame : frames) EXPECT_TRUE(test::udp_checksum_good(frame)) << payload;
  }
}

// Two workers let go of the heads of the same tails at the same time. A tail stays what it was until the last head has gone, and goes
// back exactly once.
constexpr std::size_t kRounds = 200'000, kHeadsEach = 8;
struct Exchange {
  std::array<std::array<Packet*, kHeadsEach>, 64> slots{};
  std::atomic<std::size_t> written{0}, read{0};
  std::atomic<std::size_t> altered{0};

  void release(DpdkPacketIo& io, std::span<Packet* const> heads, std::size_t round) {
    for (Packet* const& head : heads) {
      if (load_be32(head->next->data) != round) altered.fetch_add(1);
      io.release({&head, 1});
    }
  }
  void run_other(DpdkPacketIo& io) {
    for (std::size_t round = 0; round < kRounds; ++round) {
      while (written.load(std::memory_order_acquire) == round) sched_yield();
      release(io, slots[round % slots.size()], round);
      read.store(round + 1, std::memory_order_release);
    }
  }
  bool run_round(DpdkPacketIo& io, std::size_t round) {
    while (round - read.load(std::memory_order_acquire) >= slots.size()) sched_yield();
    Packet* tail = take(io);
    std::array<Packet*, 2 * kHeadsEach> heads{};
    if (tail == nullptr || !io.allocate(heads)) return false;
    store_be32(tail->data, static_cast<std::uint32_t>(round));
    tail->bytes = 4;
    io.share(*tail, heads.size());
    for (Packet* head : heads) head->next = tail;
    std::copy_n(heads.begin(), kHeadsEach, slots[round % slots.size()].begin());
    written.store(round + 1, std::memory_order_release);
    release(io, std::span<Packet* const>(heads).last(kHeadsEach), round);
    io.release({&tail, 1});
    return true;
  }
};

TEST_F(SharedPackets, TailsLetGoByTwoWorkersGoBackOnce) {
  auto port = open_port(file_port());
  ASSERT_NE(port, nullptr);
  auto io = port->make_io(0), other_io = port->make_io(0);
  Exchange exchange;
  std::function<void()> other = [&] { exchange.run_other(*other_io); };
  ASSERT_TRUE(PortEnvironment::eal().launch(0, other));
  for (std::size_t round = 0; round < kRounds; ++round) ASSERT_TRUE(exchange.run_round(*io, round));
  PortEnvironment::eal().join_workers();
  EXPECT_EQ(exchange.altered, 0u);
  EXPECT_EQ(port->pool().in_use(), 0u);
}

void send_to_the_kernel(Port& port, PacketSocket& wire) {
  auto io = port.make_io(0);
  for (const std::size_t count : {1u, 3u, 30u}) {
    auto heads = make_heads(*io, make_tail(*io, 400), count);
    const Frames expected = frames_of(heads);
    ASSERT_EQ(io->transmit(heads), count);
    EXPECT_EQ(wire.receive(count), expected);
  }
  port.close();
  EXPECT_EQ(port.pool().in_use(), 0u);
}

TEST_F(SharedPackets, KernelSeesWholeFramesOfTap) {
  PortConfig config = port_config("lab", PortKind::kTap);
  config.interface = "mwshare";
  auto port = open_port(config);
  ASSERT_NE(port, nullptr);
  ASSERT_TRUE(port->capabilities().tx_chains);
  PacketSocket wire(config.interface);
  send_to_the_kernel(*port, wire);
}

TEST_F(SharedPackets, KernelSeesWholeFramesOfAfPacket) {
  test::Veth veth("mwa", "mwb");
  auto port = open_port(veth.port(PortKind::kAfPacket));
  ASSERT_NE(port, nullptr);
  ASSERT_TRUE(port->capabilities().tx_chains);
  PacketSocket wire("mwb");
  send_to_the_kernel(*port, wire);
}

// These PMDs do not say that they take chains (and af_xdp would send what lies behind the head): the layers above copy instead.
TEST_F(SharedPackets, PortsWithoutChainsSayIt) {
  auto file = open_port(file_port());
  ASSERT_NE(file, nullptr);
  EXPECT_FALSE(file->capabilities().tx_chains);
  test::Veth veth("mwx", "mwy");
  auto xdp = open_port(veth.port(PortKind::kAfXdp));
  ASSERT_NE(xdp, nullptr);
  EXPECT_FALSE(xdp->capabilities().tx_chains);
}

}  // namespace
}  // namespace mediaward::drivers
