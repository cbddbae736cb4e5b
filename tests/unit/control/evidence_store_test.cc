// SPDX-License-Identifier: Apache-2.0
// Evidence is kept until it is acknowledged, and a noisy peer loses his own first; the audit list keeps the last.
#include "control/evidence_store.h"

#include <gtest/gtest.h>

#include "control/audit.h"

namespace mediaward::control::test {
namespace {

Evidence against(std::uint8_t last, std::uint16_t udp_port = 6778, const std::string& swarm = "movie") {
  Evidence one;
  one.swarm_id = swarm;
  one.peer.address[0] = 192;
  one.peer.address[3] = last;
  one.peer.udp_port = udp_port;
  return one;
}

std::vector<std::uint64_t> sequences(const EvidenceStore::Page& page) {
  std::vector<std::uint64_t> out;
  for (const auto& one : page.evidence) out.push_back(one.sequence);
  return out;
}

using Numbers = std::vector<std::uint64_t>;

TEST(EvidenceStore, PagesBySequenceAndFilters) {
  EvidenceStore store(100);
  for (std::uint8_t i = 1; i <= 5; ++i) store.add(against(i % 2, 6778, i > 3 ? "other" : "movie"));
  const auto first = store.page({}, 0, 2);
  EXPECT_EQ(sequences(first), (Numbers{1, 2}));
  EXPECT_EQ(first.next, 3u);
  const auto last = store.page({}, 3, 3);
  EXPECT_EQ(sequences(last), (Numbers{3, 4, 5}));
  EXPECT_EQ(last.next, 0u) << "that was all";
  EXPECT_EQ(sequences(store.page({.swarm_id = "other"}, 0, 10)), (Numbers{4, 5}));
  EvidenceFilter peer;
  peer.has_address = true;
  peer.address = {192, 0, 0, 1};
  EXPECT_EQ(sequences(store.page(peer, 0, 10)), (Numbers{1, 3, 5}));
}

TEST(EvidenceStore, AcknowledgedIsForgotten) {
  EvidenceStore store(100);
  for (std::uint8_t i = 1; i <= 5; ++i) store.add(against(i));
  EXPECT_EQ(store.acknowledge(3), 3u);
  EXPECT_EQ(store.acknowledge(3), 0u);
  EXPECT_EQ(sequences(store.page({}, 0, 10)), (Numbers{4, 5}));
  const auto counts = store.counts();
  EXPECT_EQ(counts.kept, 2u);
  EXPECT_EQ(counts.lost, 0u);
  EXPECT_EQ(counts.last, 5u);
  EXPECT_EQ(store.add(against(9)), 6u) << "numbers go on";
}

TEST(EvidenceStore, ANoisyPeerPushesOutHisOwn) {
  EvidenceStore store(10);
  store.add(against(1));
  store.add(against(2));
  for (std::uint16_t i = 0; i < 1000; ++i) store.add(against(66, i));
  EXPECT_EQ(store.counts().kept, 10u);
  EXPECT_EQ(store.counts().lost, 992u);
  const auto page = store.page({}, 0, 100);
  EXPECT_EQ(page.evidence[0].sequence, 1u) << "the others' is still there";
  EXPECT_EQ(page.evidence[1].sequence, 2u);
  EXPECT_EQ(page.evidence[2].sequence, 995u) << "of the noisy one the oldest went";
}

TEST(EvidenceStore, OfEquallyFrequentPeersTheOldestGoes) {
  EvidenceStore store(4);
  for (const std::uint8_t peer : {std::uint8_t{7}, std::uint8_t{5}, std::uint8_t{9}, std::uint8_t{1}, std::uint8_t{3}})
    store.add(against(peer));
  EXPECT_EQ(sequences(store.page({}, 0, 10)), (Numbers{2, 3, 4, 5}));
}

TEST(EvidenceStore, InIpv6APeerIsHis64BitPrefix) {
  EvidenceStore store(10);
  store.add(against(1));
  for (std::uint8_t i = 0; i < 100; ++i) {
    Evidence one;
    one.family = abi::Family::kIpv6;
    one.peer.address[0] = 0x20;
    one.peer.address[15] = i;  // another interface identifier each time
    store.add(one);
  }
  EXPECT_EQ(store.page({}, 0, 1).evidence[0].sequence, 1u);
}

TEST(AuditList, KeepsTheLastOnes) {
  AuditList list(3);
  for (int i = 1; i <= 5; ++i) list.add({.object = "swarm " + std::to_string(i)});
  const auto page = list.page(0, 2);
  ASSERT_EQ(page.entries.size(), 2u);
  EXPECT_EQ(page.entries[0].object, "swarm 3");
  EXPECT_EQ(page.entries[0].sequence, 3u);
  EXPECT_EQ(page.next, 5u);
  EXPECT_EQ(page.lost, 2u);
  EXPECT_EQ(list.page(5, 2).next, 0u);
}

}  // namespace
}  // namespace mediaward::control::test
