// SPDX-License-Identifier: Apache-2.0
// Guard ports on a real wire, of every kind that can be made here: what goes in on one side comes out on the other, byte for byte and in
// order, whatever it is; the appliance sends nothing of its own; and what lies in several buffers is refused and counted.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "crypto/openssl_provider.h"
#include "dataplane/core.h"
#include "packet_ports.h"

namespace mediaward::drivers {
namespace {

using namespace test;
using dataplane::Counter;
using Frame = std::vector<std::byte>;

constexpr std::array kOurs{std::byte{2}, std::byte{0},    std::byte{0},
                           std::byte{0}, std::byte{0xab}, std::byte{0xcd}};  // who sends: the kernel chatters, too

// A station beside the appliance.
class Station {
 public:
  Station() = default;
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;
  virtual ~Station() = default;
  virtual void send(const Frame& frame) = 0;
  virtual Frames receive() = 0;  // what is there
};

// On a kernel interface: every frame as it was on the wire, with the tag that the kernel keeps beside it.
class KernelStation final : public Station {
 public:
  explicit KernelStation(const std::string& interface) : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << interface;
    const int on = 1;
    EXPECT_EQ(setsockopt(fd_, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on), 0);
    EXPECT_EQ(setsockopt(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on), 0);
  }
  ~KernelStation() override { close(fd_); }
  void send(const Frame& frame) override { EXPECT_EQ(::send(fd_, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size())); }
  Frames receive() override {
    Frames out;
    std::byte buffer[16384];
    alignas(cmsghdr) char control[256];
    for (;;) {
      iovec part{buffer, sizeof buffer};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      const ssize_t n = recvmsg(fd_, &message, 0);
      if (n <= 0) return out;
      out.emplace_back(buffer, buffer + n);
      put_tag_back(message, out.back());
    }
  }

 private:
  static void put_tag_back(msghdr& message, Frame& frame) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
      tpacket_auxdata aux{};
      std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
      if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0) continue;
      std::byte tag[4];
      store_be16(tag, (aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? aux.tp_vlan_tpid : std::uint16_t{0x8100});
      store_be16(tag + 2, aux.tp_vlan_tci);
      frame.insert(frame.begin() + 12, tag, tag + 4);
    }
  }
  int fd_;
};

// At the other end of a vhost-user socket.
class SocketStation final : public Station {
 public:
  explicit SocketStation(const Port& port) : io_(port.make_io(0)) {}
  void send(const Frame& frame) override { send(frame, 0); }
  void send(const Frame& frame, std::uint16_t flags) {
    std::array<Packet*, 1> packet{};
    ASSERT_TRUE(io_->allocate(packet));
    std::memcpy(packet[0]->data, frame.data(), frame.size());
    packet[0]->bytes = static_cast<std::uint32_t>(frame.size());
    packet[0]->flags = flags;
    packet[0]->l2_bytes = 14;
    packet[0]->l3_bytes = 20;
    ASSERT_EQ(io_->transmit(packet), 1u);
  }
  Frames receive() override {
    Frames out;
    std::array<Packet*, 32> burst{};
    for (std::size_t n; (n = io_->receive(burst)) != 0;) {
      for (std::size_t i = 0; i < n; ++i) out.push_back(bytes_of(*burst[i]));
      io_->release({burst.data(), n});
    }
    return out;
  }

 private:
  std::unique_ptr<DpdkPacketIo> io_;
};

// The data plane over two guard ports, looped by hand.
class Guard {
 public:
  Guard(const Port& a, const Port& b) : provider_(crypto::make_openssl_provider()) {
    dataplane::CoreSettings settings;
    settings.limits = {.legs = 2, .slots = 4, .neighbours = 8, .jobs_per_worker = 128, .handoff_ring = 64};
    settings.peer_limits = {
        .cache_bytes = kLeastCachePerWorker, .swarms = 2, .admissions = 2, .peers = 2, .channels = 2, .guard_flows = 16};
    settings.ports = {a.settings(), b.settings()};
    settings.ports[0].guard_port = 1;
    settings.ports[1].guard_port = 0;
    dataplane::WorkerSettings worker;
    worker.queues.push_back({0, 0, io_of(a, 0)});
    worker.queues.push_back({1, 0, io_of(b, 1)});
    settings.workers.push_back(std::move(worker));
    auto core = dataplane::Core::create(std::move(settings), *provider_);
    EXPECT_TRUE(core) << core.error().message;
    if (core) core_ = std::move(*core);
  }
  void loop() { core_->worker(0).run_once(); }
  [[nodiscard]] std::uint64_t operator[](Counter c) const { return core_->stats().block(0).counters[static_cast<std::size_t>(c)]; }
  [[nodiscard]] std::uint64_t leaked() const { return core_->stats().block(0).leaked; }

 private:
  // The core numbers its ports from 0; open_port counts through all tests.
  class Renumbered final : public dataplane::PacketIo {
   public:
    Renumbered(std::unique_ptr<DpdkPacketIo> io, std::uint16_t port) : io_(std::move(io)), port_(port) {}
    std::size_t receive(std::span<Packet*> out) noexcept override {
      const std::size_t n = io_->receive(out);
      for (std::size_t i = 0; i < n; ++i) out[i]->port = port_;
      return n;
    }
    std::size_t transmit(std::span<Packet* const> packets) noexcept override { return io_->transmit(packets); }
    bool allocate(std::span<Packet*> out) noexcept override { return io_->allocate(out); }
    void share(Packet& packet, std::uint32_t more) noexcept override { io_->share(packet, more); }
    void release(std::span<Packet* const> packets) noexcept override { io_->release(packets); }
    dataplane::PortCapabilities capabilities() const noexcept override { return io_->capabilities(); }

   private:
    std::unique_ptr<DpdkPacketIo> io_;
    std::uint16_t port_;
  };
  static std::unique_ptr<dataplane::PacketIo> io_of(const Port& port, std::uint16_t index) {
    return std::make_unique<Renumbered>(port.make_io(0), index);
  }

  std::unique_ptr<crypto::CryptoProvider> provider_;
  std::unique_ptr<dataplane::Core> core_;
};

Frame frame_of(std::initializer_list<std::uint16_t> types, std::size_t bytes, std::uint8_t seed) {
  Frame frame(14 + 4 * (types.size() - 1));
  std::memcpy(frame.data(), "\x02\x00\x00\x00\x12\x34", 6);  // to nobody here
  std::copy(kOurs.begin(), kOurs.end(), frame.begin() + 6);
  std::size_t at = 12;
  for (const std::uint16_t type : types) {
    store_be16(frame.data() + at, type);
    if (at + 2 < frame.size()) store_be16(frame.data() + at + 2, static_cast<std::uint16_t>(0xa000 + seed));
    at += 4;
  }
  while (frame.size() < bytes) frame.push_back(static_cast<std::byte>(seed + frame.size() * 7));
  return frame;
}

Frame datagram(std::size_t payload, std::uint16_t number) {
  alignas(64) std::array<std::byte, 2048> buffer{};
  Packet packet;
  packet.data = buffer.data();
  write_headers(packet, number, payload);
  Frame frame(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(kHeaderBytes + payload));
  std::copy(kOurs.begin(), kOurs.end(), frame.begin() + 6);
  return frame;
}

// Everything that a network may carry and an appliance with addresses would touch, answer or drop.
// For af_packet without a fragment: the driver has the kernel put IPv4 fragments together (PACKET_FANOUT_FLAG_DEFRAG).
Frames frames_of_all_sorts(bool fragments) {
  Frames out{datagram(32, 1000),
             frame_of({0x88b5}, 60, 1),
             frame_of({0x8100, 0x0800}, 100, 2),
             frame_of({0x8100, 0x8100, 0x86dd}, 200, 3),
             frame_of({0x0806}, 60, 5),
             frame_of({0x86dd}, 90, 6),
             datagram(1472, 1001)};
  Frame wrong_sum = datagram(32, 1002), fragment = datagram(32, 1003), multicast = datagram(32, 1004), expired = datagram(32, 1005);
  store_be16(wrong_sum.data() + 40, 0x1234);
  store_be16(fragment.data() + 20, 0x2001);
  multicast[0] = std::byte{0x33};
  expired[22] = std::byte{0};  // TTL
  for (const Frame& frame : {wrong_sum, multicast, expired}) out.push_back(frame);
  if (fragments) out.push_back(fragment);
  return out;
}

// What arrives of ours until `count` are there or two seconds have passed.
Frames arrive(Guard& guard, Station& at, std::size_t count) {
  Frames out;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (out.size() < count && std::chrono::steady_clock::now() < deadline) {
    guard.loop();
    for (Frame& frame : at.receive())
      if (frame.size() >= 14 && std::equal(kOurs.begin(), kOurs.end(), frame.begin() + 6)) out.push_back(std::move(frame));
  }
  return out;
}

void expect_unmodified(Guard& guard, Station& from, Station& to, bool fragments = true) {
  const Frames frames = frames_of_all_sorts(fragments);
  for (const Frame& frame : frames) from.send(frame);
  const Frames arrived = arrive(guard, to, frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    ASSERT_LT(i, arrived.size()) << "frame " << i << " and what follows did not arrive";
    EXPECT_EQ(arrived[i], frames[i]) << "frame " << i;
  }
  EXPECT_EQ(arrived.size(), frames.size());
}

void expect_nothing_of_our_own(const Guard& guard) {
  EXPECT_EQ(guard[Counter::kAllocated], 0u);
  EXPECT_EQ(guard[Counter::kTxPackets], guard[Counter::kGuardPassed]);
  EXPECT_EQ(guard[Counter::kArpReplies] + guard[Counter::kNeighbourReplies] + guard[Counter::kEchoReplies], 0u);
  EXPECT_EQ(guard.leaked(), 0u);
}

std::unique_ptr<Port> open_guard(PortConfig config) {
  config.guard = "the other";
  return open_port(config);
}

class GuardBetweenInterfaces : public ::testing::TestWithParam<PortKind> {};

TEST_P(GuardBetweenInterfaces, PassesEveryFrameUnmodified) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "interfaces need root";
  Veth left("mwga", "mwgap"), right("mwgb", "mwgbp");
  auto a = open_guard(left.port(GetParam())), b = open_guard(right.port(GetParam()));
  ASSERT_TRUE(a != nullptr && b != nullptr);
  KernelStation at_a("mwgap"), at_b("mwgbp");
  const bool fragments = GetParam() != PortKind::kAfPacket;
  {
    Guard guard(*a, *b);
    expect_unmodified(guard, at_a, at_b, fragments);
    expect_unmodified(guard, at_b, at_a, fragments);
    expect_nothing_of_our_own(guard);
  }
  a->close();
  b->close();
}

INSTANTIATE_TEST_SUITE_P(Kinds, GuardBetweenInterfaces, ::testing::Values(PortKind::kAfPacket, PortKind::kAfXdp),
                         [](const auto& test) { return test.param == PortKind::kAfXdp ? "AfXdp" : "AfPacket"; });

TEST(GuardBetweenTaps, PassesEveryFrameUnmodified) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "interfaces need root";
  PortConfig left = port_config("tapa", PortKind::kTap), right = port_config("tapb", PortKind::kTap);
  left.interface = "mwta";
  right.interface = "mwtb";
  auto a = open_guard(left), b = open_guard(right);
  ASSERT_TRUE(a != nullptr && b != nullptr);
  KernelStation at_a("mwta"), at_b("mwtb");
  {
    Guard guard(*a, *b);
    expect_unmodified(guard, at_a, at_b);
    expect_unmodified(guard, at_b, at_a);
    expect_nothing_of_our_own(guard);
  }
  a->close();
  b->close();
}

// One side of the guard is the host's, the other the guest's, and so are the stations beside them.
class GuardBetweenSockets : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!PortEnvironment::available()) GTEST_SKIP() << "ports need root";
    left_ = open_pair(true, 1500, "far");
    right_ = open_pair(true, 1500, "near");
    ASSERT_TRUE(left_.near != nullptr && right_.near != nullptr);
  }
  void TearDown() override {
    for (Port* port : {left_.near.get(), right_.near.get(), left_.far.get(), right_.far.get()})
      if (port != nullptr) port->close();
  }
  PortPair left_, right_;
};

TEST_F(GuardBetweenSockets, PassesEveryFrameUnmodified) {
  SocketStation guest(*left_.near), host(*right_.far);
  Guard guard(*left_.far, *right_.near);
  expect_unmodified(guard, guest, host);
  expect_unmodified(guard, host, guest);
  expect_nothing_of_our_own(guard);
}

// What a station leaves to its port must be right when it comes out on the other side: nobody there knows that it was left.
TEST_F(GuardBetweenSockets, Rfc768_UnfinishedChecksumsAreFinishedBeforeTheyPass) {
  SocketStation guest(*left_.near), host(*right_.far);
  Guard guard(*left_.far, *right_.near);
  for (const auto& [from, to] : {std::pair{&guest, &host}, std::pair{&host, &guest}}) {
    Frame frame = datagram(99, 2000);
    std::uint64_t sum = 17 + load_be16(frame.data() + 38);
    for (std::size_t i = 26; i < 34; i += 2) sum += load_be16(frame.data() + i);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    store_be16(frame.data() + 40, static_cast<std::uint16_t>(sum));
    ASSERT_FALSE(udp_checksum_good(frame));
    from->send(frame, dataplane::kTxUdpChecksum);
    const Frames arrived = arrive(guard, *to, 1);
    ASSERT_EQ(arrived.size(), 1u);
    EXPECT_TRUE(udp_checksum_good(arrived[0])) << (from == &guest ? "from the guest" : "from the host");
  }
}

// A jumbo frame that a peer of a vhost-user port can send whatever our MTU is. As a chain it would pass without being looked into.
TEST(GuardOfSmallMtu, FramesInSeveralBuffersAreRefusedAndCounted) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "ports need root";
  for (const bool guards : {true, false}) {
    PortConfig far = port_config(guards ? "jumbo0" : "jumbo1", PortKind::kVhostUser),
               near = port_config(guards ? "small0" : "small1", PortKind::kVirtioUser);
    far.path = near.path = PortEnvironment::folder() + "/" + far.name + ".sock";
    far.server = true;
    near.mtu = 9000;
    if (guards) far.guard = "the other";
    PortPair pair{open_port(far), open_port(near)};
    ASSERT_TRUE(pair.far != nullptr && pair.near != nullptr);
    for (int tries = 0; tries < 10'000 && !(pair.near->link().up && pair.far->link().up); ++tries) usleep(1000);
    SocketStation guest(*pair.near);
    guest.send(frame_of({0x88b5}, 5000, 1));
    guest.send(frame_of({0x88b5}, 100, 2));
    SocketStation host(*pair.far);
    Frames arrived;
    const std::size_t expected = guards ? 1 : 2;
    for (int tries = 0; tries < 2000 && arrived.size() < expected; ++tries, usleep(1000))
      for (Frame& frame : host.receive()) arrived.push_back(std::move(frame));
    ASSERT_EQ(arrived.size(), expected);
    EXPECT_EQ(arrived.back(), frame_of({0x88b5}, 100, 2));
    EXPECT_EQ(pair.far->statistics().rx_errors, guards ? 1u : 0u);
    EXPECT_EQ(pair.far->info().rx_errors, guards ? 1u : 0u);
    pair.near->close();
    pair.far->close();
  }
}

TEST(GuardOfSmallMtu, AnInterfaceThatTakesLongerFramesIsRefused) {
  if (!PortEnvironment::available()) GTEST_SKIP() << "interfaces need root";
  Veth veth("mwgl", "mwglp", 3000);
  PortConfig config = veth.port(PortKind::kAfPacket);
  EXPECT_TRUE(Port::open(config, {200, 1, -1, false}));
  config.guard = "the other";
  const auto port = Port::open(config, {201, 1, -1, false});
  ASSERT_FALSE(port);
  EXPECT_NE(port.error().message.find("must take every frame that interface mwgl takes; nearest valid: mtu = 3000"), std::string::npos)
      << port.error().message;
}

}  // namespace
}  // namespace mediaward::drivers
