// SPDX-License-Identifier: Apache-2.0
// DpdkPacketIo over a real pair: a vhost-user process and a virtio-user process on one socket in a temporary directory.
// The near side sends numbered frames, chains and checksum requests; the far side checks bytes and flags and sends each back.
// Both pools must be whole at the end. Needs root for EAL's runtime directory, no hugepages.
#include <gtest/gtest.h>
#include <rte_eal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "drivers/eal.h"
#include "drivers/ports.h"

namespace mediaward::drivers {
namespace {

using Clock = std::chrono::steady_clock;
using dataplane::Packet;

constexpr std::size_t kFrames = 20'000;
constexpr std::size_t kHeaderBytes = 14 + 20 + 8;

PortConfig pair_config(PortKind kind, const std::string& path) {
  PortConfig config;
  config.name = kind == PortKind::kVhostUser ? "far" : "near";
  config.kind = kind;
  config.path = path;
  config.server = kind == PortKind::kVhostUser;
  return config;
}

Result<Eal> start_eal(const std::string& path, std::uint32_t cpu) {
  EalSettings settings;
  settings.main_cpus = {cpu};
  settings.virtio_user = true;
  settings.file_prefix = make_file_prefix(path);
  return Eal::start(settings);
}

bool wait_for_link(const Port& port) {
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (!port.link().up && Clock::now() < deadline) usleep(1000);
  return port.link().up;
}

// An IPv4/UDP frame whose payload is its number, repeated. Odd frames ask for the UDP checksum.
void write_frame(Packet& packet, std::uint32_t number, bool checksum) {
  static constexpr std::array<unsigned char, kHeaderBytes> kHeader{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0,
                                                                   0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x4e, 0x20, 0x4e, 0x20, 0, 0, 0, 0};
  const std::size_t payload = 16 + number % 300 * 4;
  std::memcpy(packet.data, kHeader.data(), kHeaderBytes);
  store_be16(packet.data + 16, static_cast<std::uint16_t>(28 + payload));
  store_be16(packet.data + 38, static_cast<std::uint16_t>(8 + payload));
  for (std::size_t i = 0; i < payload; i += 4) store_be32(packet.data + kHeaderBytes + i, number);
  packet.bytes = static_cast<std::uint32_t>(kHeaderBytes + payload);
  packet.l2_bytes = 14;
  packet.l3_bytes = 20;
  packet.flags = checksum ? dataplane::kTxUdpChecksum : 0;
}

// Frame number, or an error text.
Result<std::uint32_t> check_frame(const Packet& packet) {
  const std::uint32_t number = load_be32(packet.data + kHeaderBytes);
  const std::size_t payload = 16 + number % 300 * 4;
  if (packet.next != nullptr || packet.bytes != kHeaderBytes + payload || packet.room < packet.bytes) return fail(ErrorCode::kInvalid, "length");
  for (std::size_t i = 0; i < payload; i += 4)
    if (load_be32(packet.data + kHeaderBytes + i) != number) return fail(ErrorCode::kInvalid, "payload");
  if (packet.flags & (dataplane::kRxL4ChecksumBad | dataplane::kRxIpChecksumBad)) return fail(ErrorCode::kInvalid, "flags");
  return number;
}

// Echoes until kFrames frames went back, in the child. Exit status: 0 good, else which step failed.
int run_far_side(const std::string& path) {
  auto eal = start_eal(path + "far", 0);
  if (!eal) return 10;
  auto port = Port::open(pair_config(PortKind::kVhostUser, path), {});
  if (!port || !(*port)->start()) return 11;
  if (!wait_for_link(**port)) return 12;
  auto io = (*port)->make_io(0);
  std::array<Packet*, 32> burst{};
  std::size_t echoed = 0, partial = 0;
  for (const auto deadline = Clock::now() + std::chrono::seconds(30); echoed < kFrames && Clock::now() < deadline;) {
    const std::size_t count = io->receive(burst);
    if (count == 0) sched_yield();
    for (std::size_t i = 0; i < count; ++i) {
      if (!check_frame(*burst[i])) return 13;
      partial += (burst[i]->flags & dataplane::kRxL4ChecksumGood) != 0;
      burst[i]->flags = 0;
    }
    for (std::size_t sent = 0; sent < count; sched_yield()) sent += io->transmit(std::span<Packet* const>(burst).subspan(sent, count - sent));
    echoed += count;
  }
  if (echoed != kFrames) return 14;
  if (partial != ((*port)->capabilities().tx_udp_checksum ? kFrames / 2 : 0)) return 15;
  while ((*port)->link().up) usleep(1000);  // the near side leaves first
  io.reset();
  return (*port)->pool().in_use() == 0 ? 0 : 16;
}

// Splits a frame into two linked packets at `cut`.
bool make_chain(DpdkPacketIo& io, Packet* head, std::uint32_t cut) {
  std::array<Packet*, 1> tail{};
  if (!io.allocate(tail)) return false;
  tail[0]->bytes = head->bytes - cut;
  std::memcpy(tail[0]->data, head->data + cut, tail[0]->bytes);
  head->bytes = cut;
  head->next = tail[0];
  return true;
}

std::size_t send_burst(DpdkPacketIo& io, std::uint32_t first, bool offload) {
  std::array<Packet*, 16> burst{};
  const std::size_t count = std::min<std::size_t>(burst.size(), kFrames - first);
  if (!io.allocate(std::span(burst).first(count))) return 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = static_cast<std::uint32_t>(first + i);
    write_frame(*burst[i], number, offload && number % 2 == 1);
    if (number % 5 == 0 && !make_chain(io, burst[i], kHeaderBytes + 8)) ADD_FAILURE() << "no packet for a chain";
  }
  const std::size_t sent = io.transmit(std::span<Packet* const>(burst).first(count));
  io.release(std::span<Packet* const>(burst).subspan(sent, count - sent));
  return sent;
}

TEST(PortPair, MovesFramesChainsAndChecksumRequestsBothWays) {
  if (geteuid() != 0) GTEST_SKIP() << "EAL's runtime directory needs root";
  char directory[] = "/tmp/mediaward-pair-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/pair.sock";
  const pid_t child = fork();
  if (child == 0) _exit(run_far_side(path));

  for (int i = 0; i < 5000 && access(path.c_str(), F_OK) != 0; ++i) usleep(1000);
  {
    auto eal = start_eal(path + "near", 0);
    ASSERT_TRUE(eal) << eal.error().message;
    auto port = Port::open(pair_config(PortKind::kVirtioUser, path), {});
    ASSERT_TRUE(port) << port.error().message;
    auto started = (*port)->start();
    ASSERT_TRUE(started) << started.error().message;
    ASSERT_TRUE(wait_for_link(**port));
    auto io = (*port)->make_io(0);
    const bool offload = (*port)->capabilities().tx_udp_checksum;
    std::size_t sent = 0, received = 0;
    std::array<Packet*, 32> burst{};
    for (const auto deadline = Clock::now() + std::chrono::seconds(30); received < kFrames && Clock::now() < deadline;) {
      // At most half a ring in flight: nothing may be lost.
      if (sent < kFrames && sent - received < 128) sent += send_burst(*io, static_cast<std::uint32_t>(sent), offload);
      const std::size_t count = io->receive(burst);
      for (std::size_t i = 0; i < count; ++i) {
        auto number = check_frame(*burst[i]);
        ASSERT_TRUE(number) << number.error().message;
        ASSERT_EQ(*number, received + i);
      }
      io->release(std::span<Packet* const>(burst).first(count));
      received += count;
      if (count == 0) sched_yield();
    }
    EXPECT_EQ(received, kFrames);
    EXPECT_EQ((*port)->statistics().rx_packets, kFrames);
    EXPECT_FALSE((*port)->extended_statistics().empty());
    EXPECT_STREQ((*port)->info().kind, "virtio-user");
    (*port)->stop();
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace mediaward::drivers

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
