// SPDX-License-Identifier: Apache-2.0
// Content through the appliance: a seeder, the network peer, a leecher; every byte is checked by the leecher's own plain tree. Over clean
// wires and bad ones, with one worker and with several.
#include "tests/content/content_case.h"

namespace mediaward::test {
namespace {

using pp::wire::Addressing;
using pp::wire::MerkleFunction;

struct Case {
  std::size_t bytes;
  MerkleFunction hash = MerkleFunction::kSha256;
  Addressing addressing = Addressing::kChunk32;
  bool v6 = false;
  WireFaults faults = {};
  std::uint16_t burst = 32;
  std::size_t workers = 1;
  bool libswift_seeder = false, libswift_leecher = false;
  std::uint32_t chunk_bytes = 1024;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.bytes << " bytes, " << pp::hash_name(c.hash) << ", addressing " << static_cast<int>(c.addressing)
             << (c.v6 ? ", IPv6" : ", IPv4") << ", loss " << c.faults.loss << ", burst " << c.burst << ", workers " << c.workers
             << (c.libswift_seeder ? ", libswift seeder" : "") << (c.libswift_leecher ? ", libswift leecher" : "");
}

class Transfer : public testing::TestWithParam<Case> {};

TEST_P(Transfer, Rfc7574_5_IsByteIdentical) {
  const Case& c = GetParam();
  const ContentPtr content = content_of(c.bytes, c.hash, c.addressing, c.chunk_bytes);
  Dataplane::Options options = ContentStand::defaults();
  options.burst = c.burst;
  options.workers = c.workers;
  options.peer_limits.cache_bytes = c.workers * (4u << 20);
  ContentStand stand(options);
  stand.faults = c.faults;
  pp::PeerSettings seed = seeder_of(content), leech = leecher_of(content);
  if (c.libswift_seeder) seed.profile = pp::wire::Profile::kLibswift;
  if (c.libswift_leecher) leech.profile = pp::wire::Profile::kLibswift;
  seed.max_payload = leech.max_payload = c.v6 ? 1452 : 1472;
  auto& seeder = stand.add_peer(1, seed, c.v6);
  auto& leecher = stand.add_peer(2, leech, c.v6);
  const auto with = [](std::uint32_t flags, bool libswift) { return flags | (libswift ? std::uint32_t{abi::kAdmitLibswift} : 0); };
  ASSERT_TRUE(
      stand.open(content->metadata(), {{1, with(kProvider, c.libswift_seeder), c.v6}, {2, with(kReceiver, c.libswift_leecher), c.v6}}));
  leecher.connect(stand.dp.now(), stand.appliance(c.v6));
  EXPECT_TRUE(stand.run_ms(300'000, [&] { return leecher.complete(); }));
  expect_identical(leecher, content);
  expect_no_findings(seeder);
  expect_all_honest(stand);
  const std::uint64_t chunks = content->metadata().chunks();
  EXPECT_EQ(stand.dp.count(Counter::kPpsppChunksVerified), chunks);
  EXPECT_EQ(stand.swarm_info().chunks_held, chunks);
  EXPECT_EQ(stand.dp.count(Counter::kPpsppBytesVerified), c.bytes);
  if (c.faults.loss == 0 && c.faults.delay == 0 && c.workers == 1) {  // several workers put datagrams out of order
    // One leaf per chunk and every interior node once, the verified root included; what is beyond the end is not hashed.
    EXPECT_LE(stand.dp.count(Counter::kPpsppHashCalls), 2 * chunks + 16);
    EXPECT_EQ(stand.dp.count(Counter::kPpsppChunksServed), chunks);
    EXPECT_EQ(stand.dp.count(Counter::kPpsppTimedOut), 0u);
  }
}

constexpr auto kHashes = {MerkleFunction::kSha1, MerkleFunction::kSha224, MerkleFunction::kSha256, MerkleFunction::kSha384,
                          MerkleFunction::kSha512};
constexpr auto kAddressings = {Addressing::kBin32, Addressing::kChunk32, Addressing::kBin64, Addressing::kChunk64};

std::vector<Case> all_forms() {
  std::vector<Case> cases;
  for (const MerkleFunction hash : kHashes)
    for (const Addressing addressing : kAddressings) cases.push_back({7 * 1024 - 6, hash, addressing, (cases.size() & 1) != 0});
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Forms, Transfer, testing::ValuesIn(all_forms()));

INSTANTIATE_TEST_SUITE_P(Sizes, Transfer,
                         testing::Values(Case{1}, Case{1024}, Case{1025}, Case{64 * 1024},
                                         Case{63 * 1024, MerkleFunction::kSha256, Addressing::kChunk32, true}, Case{1'000'000},
                                         Case{1'000'000, MerkleFunction::kSha1, Addressing::kBin32, true},
                                         Case{1'000'000, MerkleFunction::kSha512, Addressing::kChunk64},
                                         Case{1'023'983, MerkleFunction::kSha384, Addressing::kBin64},
                                         Case{20'000, MerkleFunction::kSha256, Addressing::kChunk32, false, {}, 32, 1, false, false, 64}));

INSTANTIATE_TEST_SUITE_P(
    BadWires, Transfer,
    testing::Values(Case{200'000, MerkleFunction::kSha256, Addressing::kChunk32, false, {.loss = 0.01, .duplicate = 0.02, .delay = 0.05}},
                    Case{200'000, MerkleFunction::kSha256, Addressing::kChunk32, false, {.loss = 0.1, .duplicate = 0.05, .delay = 0.1}},
                    Case{200'000, MerkleFunction::kSha1, Addressing::kBin32, true, {.loss = 0.1, .duplicate = 0.05, .delay = 0.1}},
                    Case{1'000'000, MerkleFunction::kSha512, Addressing::kChunk64, false, {.loss = 0.02, .delay = 0.2}},
                    Case{1'000'000, MerkleFunction::kSha256, Addressing::kChunk32, false, {.duplicate = 0.3, .delay = 0.3}}));

INSTANTIATE_TEST_SUITE_P(Bursts, Transfer,
                         testing::Values(Case{300'000, MerkleFunction::kSha256, Addressing::kChunk32, false, {}, 1},
                                         Case{300'000, MerkleFunction::kSha256, Addressing::kChunk32, false, {}, 64}));

INSTANTIATE_TEST_SUITE_P(
    Workers, Transfer,
    testing::Values(Case{300'000, MerkleFunction::kSha256, Addressing::kChunk32, false, {}, 32, 3},
                    Case{300'000, MerkleFunction::kSha1, Addressing::kBin32, true, {.loss = 0.05, .delay = 0.1}, 32, 3}));

INSTANTIATE_TEST_SUITE_P(Libswift, Transfer,
                         testing::Values(Case{150'000, MerkleFunction::kSha1, Addressing::kChunk32, false, {}, 32, 1, true, false},
                                         Case{150'000, MerkleFunction::kSha1, Addressing::kBin32, false, {}, 32, 1, true, false},
                                         Case{150'000, MerkleFunction::kSha1, Addressing::kChunk32, false, {}, 32, 1, false, true},
                                         Case{
                                             150'000, MerkleFunction::kSha1, Addressing::kBin32, false, {.loss = 0.1}, 32, 1, true, true}));

}  // namespace
}  // namespace mediaward::test
