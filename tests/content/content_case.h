// SPDX-License-Identifier: Apache-2.0
// What tests of the network peer have in common: contents, peers of the tools, and what must hold of honest ones. Single thread.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/content_stand.h"

namespace mediaward::test {

namespace pp = tools::ppspp;
using dataplane::Counter;
using dataplane::DropReason;
using ContentPtr = std::shared_ptr<const pp::Content>;

inline constexpr std::uint32_t kProvider = abi::kAdmitProvide | abi::kAdmitConnect;
inline constexpr std::uint32_t kReceiver = abi::kAdmitReceive;

inline ContentPtr content_of(std::size_t bytes, pp::wire::MerkleFunction hash = pp::wire::MerkleFunction::kSha256,
                             pp::wire::Addressing addressing = pp::wire::Addressing::kChunk32, std::uint32_t chunk_bytes = 1024,
                             std::uint64_t seed = 7) {
  return std::make_shared<const pp::Content>(pp::random_bytes(bytes, seed), chunk_bytes, hash, addressing);
}
inline ContentPtr chunks_of(std::size_t chunks, std::uint64_t seed = 7) {
  return content_of(chunks * 1024 - 100, pp::wire::MerkleFunction::kSha256, pp::wire::Addressing::kChunk32, 1024, seed);
}

inline pp::PeerSettings seeder_of(const ContentPtr& content, pp::Misbehaviour misbehaviour = {}) {
  pp::PeerSettings s;
  s.name = misbehaviour.attack == pp::Attack::kNone ? "seeder" : std::string(pp::info(misbehaviour.attack).name);
  s.role = pp::Role::kSeeder;
  s.metadata = content->metadata();
  s.content = content;
  s.misbehaviour = misbehaviour;
  return s;
}
inline pp::PeerSettings leecher_of(const ContentPtr& content, pp::Misbehaviour misbehaviour = {}) {
  pp::PeerSettings s;
  s.name = "leecher";
  s.role = pp::Role::kLeecher;
  s.metadata = content->metadata();
  s.misbehaviour = misbehaviour;
  return s;
}

// As the controller sends it: in a sealed memfd.
inline dataplane::Operation preload(abi::ContentKind kind, std::span<const std::byte> bytes) {
  dataplane::ppspp::ContentOperation operation;
  operation.message.header = {abi::MessageType::kSwarmContent, 0, sizeof operation.message, 0};
  operation.message.swarm_id = ContentStand::kSwarm;
  operation.message.kind = kind;
  operation.message.bytes = bytes.size();
  const int fd = memfd_create("content", MFD_ALLOW_SEALING);
  EXPECT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), 0);
  auto mapped = dataplane::ppspp::MappedContent::map(fd, bytes.size());
  close(fd);
  EXPECT_TRUE(mapped) << mapped.error().message;
  operation.content = std::move(*mapped);
  return operation;
}

// The other side did nothing against the protocol.
inline void expect_no_findings(const pp::PpsppPeer& peer) {
  for (const std::string& finding : peer.findings()) ADD_FAILURE() << finding;
}
inline void expect_identical(const pp::PpsppPeer& leecher, const ContentPtr& content) {
  EXPECT_TRUE(leecher.identical_to(content->bytes()))
      << leecher.settings().name << " has " << leecher.chunks_held() << " of " << content->metadata().chunks();
  expect_no_findings(leecher);
}
inline void expect_sound(ContentStand& stand, std::size_t most_channels = 64) {
  EXPECT_EQ(stand.unsound(), "");
  EXPECT_LE(stand.channels(), most_channels);
  if (!testing::Test::HasFailure()) return;
  for (const auto& [name, n] : stand.dp.counters()) std::printf("%s %lu\n", name.c_str(), n);
  for (const auto& e : stand.events) std::printf("event %u: %s\n", static_cast<unsigned>(e.kind), e.text);
}
// Nobody did anything wrong, and nobody was blamed.
inline void expect_all_honest(ContentStand& stand) {
  EXPECT_EQ(stand.dp.drops(DropReason::kPpsppBadChunk), 0u);
  EXPECT_EQ(stand.dp.drops(DropReason::kPpsppBadHash), 0u);
  EXPECT_EQ(stand.told(abi::EventKind::kPeerVerdict), 0u);
  EXPECT_TRUE(stand.evidence.empty());
  expect_sound(stand);
}

}  // namespace mediaward::test
