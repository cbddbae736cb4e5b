// SPDX-License-Identifier: Apache-2.0
// See packet_ports.h. Main thread.
#include "packet_ports.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

namespace mediaward::drivers::test {
namespace {

std::optional<Eal> running_eal;
std::string temporary_folder;

// Ones' complement sum of big-endian words (RFC 1071 §1), not folded.
std::uint64_t sum_words(const std::byte* data, std::size_t bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes; i += 2) sum += load_be16(data + i);
  return bytes % 2 != 0 ? sum + (std::to_integer<std::uint64_t>(data[bytes - 1]) << 8) : sum;
}

std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// RFC 768: addresses, protocol and UDP length.
std::uint64_t pseudo_header(const std::byte* frame) {
  return sum_words(frame + 26, 8) + 17 + load_be16(frame + 38);
}

}  // namespace

bool PortEnvironment::available() {
  return running_eal.has_value();
}
Eal& PortEnvironment::eal() {
  return *running_eal;
}
const std::string& PortEnvironment::folder() {
  return temporary_folder;
}

void PortEnvironment::SetUp() {
  if (geteuid() != 0) return;
  char directory[] = "/tmp/mediaward-ports-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  temporary_folder = directory;
  ASSERT_EQ(unshare(CLONE_NEWNET), 0) << "no network namespace of our own";
  cpu_set_t cpus;
  ASSERT_EQ(sched_getaffinity(0, sizeof cpus, &cpus), 0);
  std::vector<std::uint32_t> allowed;
  for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &cpus)) allowed.push_back(cpu);
  EalSettings settings;
  settings.main_cpus = {allowed.front()};
  settings.worker_cpus = {allowed.back()};  // at the same time as the main thread, where there are two
  settings.virtio_user = true;
  settings.file_prefix = make_file_prefix(temporary_folder);
  auto eal = Eal::start(settings);
  ASSERT_TRUE(eal) << eal.error().message;
  running_eal.emplace(std::move(*eal));
}

void PortEnvironment::TearDown() {
  running_eal.reset();
  std::filesystem::remove_all(temporary_folder);
}

PortConfig port_config(std::string name, PortKind kind) {
  PortConfig config;
  config.name = std::move(name);
  config.kind = kind;
  return config;
}

std::unique_ptr<Port> open_port(const PortConfig& config) {
  static std::uint16_t index = 0;
  auto port = Port::open(config, {index++, 1, -1, false});
  EXPECT_TRUE(port) << port.error().message;
  if (!port) return nullptr;
  auto started = (*port)->start();
  EXPECT_TRUE(started) << started.error().message;
  return started ? std::move(*port) : nullptr;
}

PortPair open_pair(bool guest_offloads, std::uint16_t mtu, std::string_view guard) {
  static int pairs = 0;
  const std::string number = std::to_string(pairs++);
  PortConfig far = port_config("far" + number, PortKind::kVhostUser), near = port_config("near" + number, PortKind::kVirtioUser);
  far.path = near.path = PortEnvironment::folder() + "/pair" + number + ".sock";
  far.server = true;
  near.offloads = guest_offloads;
  far.mtu = near.mtu = mtu;
  if (guard == "far") far.guard = "the other";
  if (guard == "near") near.guard = "the other";
  PortPair pair;
  pair.far = open_port(far);
  if (pair.far != nullptr) pair.near = open_port(near);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (pair.near != nullptr && !(pair.near->link().up && pair.far->link().up)) {
    if (std::chrono::steady_clock::now() > deadline) ADD_FAILURE() << "the two sides did not find each other", pair.near.reset();
    usleep(1000);
  }
  return pair;
}

Veth::Veth(std::string name, std::string peer, std::uint16_t mtu) : name_(std::move(name)) {
  const std::string bytes = " mtu " + std::to_string(mtu);
  const std::string text = "ip link add " + name_ + bytes + " type veth peer name " + peer + bytes + " && ip link set " + name_ +
                           " up && ip link set " + peer + " up";
  EXPECT_EQ(std::system(text.c_str()), 0);
}

Veth::~Veth() {
  EXPECT_EQ(std::system(("ip link del " + name_).c_str()), 0);
}

PortConfig Veth::port(PortKind kind) const {
  PortConfig config = port_config(name_, kind);
  config.interface = name_;
  return config;
}

PacketSocket::PacketSocket(const std::string& interface) : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_IP))) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << interface;
}

PacketSocket::~PacketSocket() {
  close(fd_);
}

bool PacketSocket::send(std::span<const std::byte> frame) const {
  return ::send(fd_, frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
}

Frames PacketSocket::receive(std::size_t count) {
  Frames out;
  std::byte buffer[16384];
  for (int empty = 0; out.size() < count && empty < 1000;) {
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) out.emplace_back(buffer, buffer + n);
    empty = n > 0 ? 0 : empty + 1;
    if (n <= 0) usleep(100);
  }
  return out;
}

std::vector<std::byte> bytes_of(const Packet& head) {
  std::vector<std::byte> out;
  for (const Packet* packet = &head; packet != nullptr; packet = packet->next)
    out.insert(out.end(), packet->data, packet->data + packet->bytes);
  return out;
}

void write_headers(Packet& packet, std::uint16_t number, std::size_t payload_bytes, bool checksum) {
  static constexpr std::array<unsigned char, kHeaderBytes> kHeader{2,    0, 0,   0, 0, 2, 2,    0,    0,    0,    0, 1, 8,   0,
                                                                   0x45, 0, 0,   0, 0, 0, 0,    0,    64,   17,   0, 0, 192, 0,
                                                                   2,    1, 192, 0, 2, 2, 0x4e, 0x20, 0x4e, 0x20, 0, 0, 0,   0};
  std::memcpy(packet.data, kHeader.data(), kHeaderBytes);
  store_be16(packet.data + 16, static_cast<std::uint16_t>(28 + payload_bytes));
  store_be16(packet.data + 24, static_cast<std::uint16_t>(~fold(sum_words(packet.data + 14, 20))));
  store_be16(packet.data + 34, number);
  store_be16(packet.data + 38, static_cast<std::uint16_t>(8 + payload_bytes));
  if (checksum) store_be16(packet.data + 40, fold(pseudo_header(packet.data)));
  packet.bytes = kHeaderBytes;
  packet.l2_bytes = 14;
  packet.l3_bytes = 20;
  packet.flags = checksum ? dataplane::kTxUdpChecksum : 0;
}

bool udp_checksum_good(const std::vector<std::byte>& frame) {
  if (frame.size() < kHeaderBytes || load_be16(frame.data() + 40) == 0) return false;
  return fold(pseudo_header(frame.data()) + sum_words(frame.data() + 34, frame.size() - 34)) == 0xffff;
}

}  // namespace mediaward::drivers::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::AddGlobalTestEnvironment(new mediaward::drivers::test::PortEnvironment);
  return RUN_ALL_TESTS();
}
