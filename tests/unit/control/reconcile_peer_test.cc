// SPDX-License-Identifier: Apache-2.0
// Differences and whole states of swarms as protocol messages.
#include <gtest/gtest.h>

#include <functional>

#include "control/reconcile.h"
#include "control/store.h"
#include "tests/unit/control/peer_fixture.h"
#include "tests/unit/control/state_fixture.h"

namespace mediaward::control::test {
namespace {

Snapshot after(const Snapshot& from, const std::vector<Operation>& operations) {
  auto next = apply_operations(from, operations, StateLimits());
  EXPECT_TRUE(next.has_value()) << next.error().error.message;
  return next ? next->state : from;
}

bool is_removal(abi::MessageType type) {
  return type == abi::MessageType::kSwarmRemove || type == abi::MessageType::kAdmissionRemove ||
         type == abi::MessageType::kConferenceRemove || type == abi::MessageType::kLegRemove;
}

std::vector<std::string> words(const Plan& plan) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < plan.messages.size(); ++i)
    out.push_back((is_removal(load_raw<abi::MessageHeader>(plan.messages[i].bytes().data()).type) ? "- " : "+ ") + plan.objects[i].text());
  return out;
}

const Snapshot kEmpty = std::make_shared<DesiredState>();

std::vector<Operation> movie_of_two() {
  return {make_swarm(), make_admission("movie", "alice", 7), make_admission("movie", "bob", 8), leaf_hashes()};
}

TEST(ReconcilePeer, SwarmsThenAdmissionsThenContentBehindTheConferences) {
  auto operations = movie_of_two();
  operations.push_back(make_live_swarm());
  operations.push_back(make_admission("news", "carol", 9));
  operations.push_back(make_conference("c"));
  const Snapshot state = after(kEmpty, operations);
  const std::vector<std::string> expected{"+ conference c",        "+ swarm movie",          "+ swarm news",   "+ admission movie alice",
                                          "+ admission movie bob", "+ admission news carol", "+ content movie"};
  for (const Plan& plan : {plan_difference(*kEmpty, *state), plan_everything(*kEmpty, *state, true)}) {
    EXPECT_EQ(words(plan), expected);
    ASSERT_EQ(plan.contents.size(), 1u) << "of the last message";
    EXPECT_EQ(plan.contents[0]->swarm_id, "movie");
  }
  EXPECT_TRUE(plan_difference(*state, *state).messages.empty());
}

TEST(ReconcilePeer, OneAdmissionIsOneMessage) {
  const Snapshot before = after(kEmpty, movie_of_two());
  Admission changed = make_admission("movie", "bob", 8);
  changed.rank = 3;
  EXPECT_EQ(words(plan_difference(*before, *after(before, {changed}))), std::vector<std::string>{"+ admission movie bob"});
  EXPECT_EQ(words(plan_difference(*before, *after(before, {RemoveAdmission{"movie", "bob"}, make_admission("movie", "carol", 8)}))),
            (std::vector<std::string>{"- admission movie bob", "+ admission movie carol"}));
}

TEST(ReconcilePeer, ASwarmTakesItsAdmissionsWithIt) {
  const Snapshot before = after(kEmpty, movie_of_two());
  EXPECT_EQ(words(plan_difference(*before, *after(before, {RemoveSwarm{"movie", "ops", "why"}}))),
            std::vector<std::string>{"- swarm movie"});
}

TEST(ReconcilePeer, OtherKeyReplacesTheSwarmWithEverythingInIt) {
  const Snapshot before = after(kEmpty, movie_of_two());
  const Snapshot now =
      after(before, {RemoveSwarm{"movie", "ops", "new cut"}, make_other_swarm("movie", 1), make_admission("movie", "alice", 7)});
  const std::vector<std::string> anew{"- swarm movie", "+ swarm movie", "+ admission movie alice"};
  EXPECT_EQ(words(plan_difference(*before, *now)), anew);
  EXPECT_EQ(words(plan_everything(*before, *now, false)), anew);
  EXPECT_EQ(words(plan_everything(*before, *now, true)), anew) << "what is fixed cannot be named otherwise";
  const Snapshot gone = after(before, {RemoveSwarm{"movie", "ops", "why"}});
  EXPECT_TRUE(plan_everything(*before, *gone, true).messages.empty()) << "the sweep removes it";
  EXPECT_EQ(words(plan_everything(*before, *gone, false)), std::vector<std::string>{"- swarm movie"});
}

TEST(ReconcilePeer, PoliciesOfASwarmAreOneUpsert) {
  const Snapshot before = after(kEmpty, movie_of_two());
  SwarmRequest changed = make_swarm();
  changed.swarm.send_bytes_per_s = 5;
  changed.swarm.fetch = abi::FetchPolicy::kEverything;
  changed.swarm.expires_unix_ns = ~std::uint64_t{0};
  changed.swarm.conduct.ban_s = 60;
  EXPECT_EQ(words(plan_difference(*before, *after(before, {changed}))), std::vector<std::string>{"+ swarm movie"});
}

TEST(ReconcilePeer, WhatASwarmIsMadeWithReplacesIt) {
  const Snapshot before = after(kEmpty, movie_of_two());
  const std::vector<std::string> anew{"- swarm movie", "+ swarm movie", "+ admission movie alice", "+ admission movie bob",
                                      "+ content movie"};
  for (const auto& change : std::vector<std::function<void(Swarm&)>>{[](Swarm& swarm) { swarm.cache_quota_bytes = 1; },
                                                                     [](Swarm& swarm) { swarm.stored_level = 4; },
                                                                     [](Swarm& swarm) { swarm.guard_drops = true; }}) {
    SwarmRequest changed = make_swarm();
    change(changed.swarm);
    EXPECT_EQ(words(plan_difference(*before, *after(before, {changed}))), anew);
  }
  const Snapshot live = after(kEmpty, {make_live_swarm()});
  SwarmRequest changed = make_live_swarm();
  changed.swarm.discard_window = 4096;
  EXPECT_EQ(words(plan_difference(*live, *after(live, {changed}))), (std::vector<std::string>{"- swarm news", "+ swarm news"}));
}

TEST(ReconcilePeer, ContentIsGivenOnceAndTakenBackWithTheSwarm) {
  const Snapshot leaves = after(kEmpty, movie_of_two());
  EXPECT_EQ(words(plan_everything(*leaves, *leaves, true)),
            (std::vector<std::string>{"+ swarm movie", "+ admission movie alice", "+ admission movie bob"}))
      << "what the data plane has is not copied again";
  const Snapshot whole = after(leaves, {whole_content()});
  EXPECT_EQ(words(plan_difference(*leaves, *whole)), std::vector<std::string>{"+ content movie"});
  EXPECT_TRUE(plan_difference(*whole, *after(whole, {make_file_content("movie", "elsewhere.bin")})).messages.empty())
      << "the root says that it is the same";
  const Snapshot none = after(whole, {ReplaceSwarm{make_swarm(), {make_admission("movie", "alice", 7)}, std::nullopt}});
  EXPECT_EQ(words(plan_difference(*whole, *none)), (std::vector<std::string>{"- swarm movie", "+ swarm movie", "+ admission movie alice"}));
  EXPECT_EQ(words(plan_difference(*whole, *leaves)), (std::vector<std::string>{"- swarm movie", "+ swarm movie", "+ admission movie alice",
                                                                               "+ admission movie bob", "+ content movie"}));
}

TEST(ReconcilePeer, ContentCanBeLeftOut) {
  auto operations = movie_of_two();
  operations.push_back(make_other_swarm("other", 1));
  operations.push_back(make_content("other", abi::ContentKind::kContent, std::string(kCaptureBytes, 'x')));
  Plan plan = plan_difference(*kEmpty, *after(kEmpty, operations));
  ASSERT_EQ(plan.contents.size(), 2u);
  plan.leave_out_content(0);
  ASSERT_EQ(plan.contents.size(), 1u);
  EXPECT_EQ(plan.contents[0]->swarm_id, "other");
  EXPECT_EQ(plan.objects.back().text(), "content other");
  EXPECT_EQ(plan.messages.size(), plan.objects.size());
  EXPECT_EQ(load_raw<abi::SwarmContent>(plan.messages.back().bytes().data()).swarm_id, object_handle(ObjectKind::kSwarm, "other"));
}

TEST(ReconcilePeer, SwarmMessageCarriesEveryField) {
  SwarmRequest request = make_swarm();
  Swarm& swarm = request.swarm;
  swarm.addressing = 4;
  swarm.fetch = abi::FetchPolicy::kEverything;
  swarm.stored_level = 4;
  swarm.expires_unix_ns = ~std::uint64_t{0};
  swarm.cache_quota_bytes = 1000;
  swarm.send_bytes_per_s = 2000;
  swarm.guard_drops = true;
  swarm.conduct.ban_s = 60;
  swarm.conduct.actions[1] = abi::ConductAction::kBan;
  const auto m = load_raw<abi::Swarm>(plan_difference(*kEmpty, *after(kEmpty, {request})).messages[0].bytes().data());
  EXPECT_EQ(m.header.type, abi::MessageType::kSwarm);
  EXPECT_EQ(m.header.bytes, sizeof m);
  EXPECT_EQ(m.swarm_id, object_handle(ObjectKind::kSwarm, "movie"));
  EXPECT_EQ(m.kind, abi::SwarmKind::kStatic);
  EXPECT_EQ(m.hash, 2);
  EXPECT_EQ(m.addressing, 4);
  EXPECT_EQ(m.source, abi::SwarmSource::kPeers);
  EXPECT_EQ(m.fetch, abi::FetchPolicy::kEverything);
  EXPECT_EQ(m.stored_level, 4);
  EXPECT_EQ(m.chunk_bytes, 1024u);
  EXPECT_EQ(m.flags, std::uint32_t{abi::kSwarmGuardDrops});
  EXPECT_EQ(m.content_bytes, kCaptureBytes);
  EXPECT_EQ(m.expires_ns, ~std::uint64_t{0});
  EXPECT_EQ(m.cache_quota_bytes, 1000u);
  EXPECT_EQ(m.send_bytes_per_s, 2000u);
  EXPECT_EQ(m.key_bytes, 32);
  EXPECT_EQ(m.key[0], 0x03);
  EXPECT_EQ(m.key[31], 0xec);
  EXPECT_EQ(m.conduct.ban_s, 60u);
  EXPECT_EQ(m.conduct.actions[1], abi::ConductAction::kBan);
}

TEST(ReconcilePeer, LiveSwarmMessageCarriesItsMunros) {
  SwarmRequest request = make_live_swarm();
  request.swarm.signature_form = abi::SignatureForm::kLibswift;
  request.swarm.munro_max_age_ms = 5000;
  request.swarm.discard_window = 4096;
  request.swarm.guard_only = true;
  request.swarm.fetch = abi::FetchPolicy::kNothing;
  const auto m = load_raw<abi::Swarm>(plan_difference(*kEmpty, *after(kEmpty, {request})).messages[0].bytes().data());
  EXPECT_EQ(m.kind, abi::SwarmKind::kLive);
  EXPECT_EQ(m.signature_form, abi::SignatureForm::kLibswift);
  EXPECT_EQ(m.munro_level, 5);
  EXPECT_EQ(m.munro_max_age_ms, 5000u);
  EXPECT_EQ(m.discard_window, 4096u);
  EXPECT_EQ(m.content_bytes, 0u);
  EXPECT_EQ(m.key_bytes, 65);
  EXPECT_EQ(m.key[0], 13);
  EXPECT_EQ(m.flags, std::uint32_t{abi::kSwarmGuardOnly});
}

TEST(ReconcilePeer, AdmissionMessageCarriesEveryField) {
  Admission one = make_admission("movie", "alice", 7);
  one.receive = false;
  one.connect = one.libswift = true;
  one.rank = 9;
  one.has_local = true;
  one.local_address = {192, 0, 2, 1};
  one.max_peers = 3;
  one.expires_unix_ns = ~std::uint64_t{0};
  one.send_bytes_per_s = 777;
  const auto m = load_raw<abi::Admission>(plan_difference(*kEmpty, *after(kEmpty, {make_swarm(), one})).messages[1].bytes().data());
  EXPECT_EQ(m.header.type, abi::MessageType::kAdmission);
  EXPECT_EQ(m.admission_id, object_handle(ObjectKind::kAdmission, "movie alice"));
  EXPECT_EQ(m.swarm_id, object_handle(ObjectKind::kSwarm, "movie"));
  EXPECT_STREQ(m.port_name, "media0");
  EXPECT_EQ(m.family, abi::Family::kIpv4);
  EXPECT_EQ(m.prefix_bits, 32);
  EXPECT_EQ(m.rank, 9);
  EXPECT_EQ(m.udp_port, 6778);
  EXPECT_EQ(m.address[3], 7);
  EXPECT_EQ(m.local_address[3], 1);
  EXPECT_EQ(m.flags, std::uint32_t{abi::kAdmitProvide | abi::kAdmitConnect | abi::kAdmitLibswift});
  EXPECT_EQ(m.max_peers, 3u);
  EXPECT_EQ(m.expires_ns, ~std::uint64_t{0});
  EXPECT_EQ(m.send_bytes_per_s, 777u);
}

TEST(ReconcilePeer, ContentMessageSaysHowManyBytes) {
  const Plan leaves = plan_difference(*kEmpty, *after(kEmpty, {make_swarm(), leaf_hashes()}));
  const auto m = load_raw<abi::SwarmContent>(leaves.messages[1].bytes().data());
  EXPECT_EQ(m.kind, abi::ContentKind::kLeafHashes);
  EXPECT_EQ(m.bytes, 7u * 32);
  const Plan whole = plan_difference(*kEmpty, *after(kEmpty, {make_swarm(), whole_content()}));
  EXPECT_EQ(load_raw<abi::SwarmContent>(whole.messages[1].bytes().data()).bytes, kCaptureBytes);
}

TEST(ReconcilePeer, PeerCommandIsAPlanOfItsOwn) {
  abi::PeerCommand command{};
  command.swarm_id = 5;
  command.kind = abi::PeerCommandKind::kBan;
  command.a = 60;
  const Plan plan = plan_peer_command(command);
  ASSERT_EQ(plan.messages.size(), 1u);
  const auto m = load_raw<abi::PeerCommand>(plan.messages[0].bytes().data());
  EXPECT_EQ(m.header.type, abi::MessageType::kPeerCommand);
  EXPECT_EQ(m.header.bytes, sizeof m);
  EXPECT_EQ(m.a, 60u);
}

}  // namespace
}  // namespace mediaward::control::test
