// SPDX-License-Identifier: Apache-2.0
// Every row of drop_reasons.def must be produced by a test. Most come from packet cases, whose `counters` files are read here; what no
// capture can provoke (exhausted pools, full queues, failing engines) is provoked below. A row that nobody produces fails.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/content/provoke.h"
#include "tests/packet/packet_case.h"
#include "tests/support/crypto_cases.h"
#include "tests/unit/dataplane/room.h"

namespace mediaward::test {
namespace {

using dataplane::DropReason;

// Fails every job of one direction, as a broken device would.
class FailingProvider final : public crypto::CryptoProvider {
 public:
  explicit FailingProvider(bool fail_open) : inner_(crypto::make_openssl_provider()), fail_open_(fail_open) {}
  std::string_view name() const noexcept override { return "failing"; }
  std::string_view isa() const noexcept override { return "-"; }
  std::string version() const override { return inner_->version(); }
  std::unique_ptr<crypto::Engine> make_engine() override { return std::make_unique<FailingEngine>(inner_->make_engine(), fail_open_); }
  std::size_t key_context_bytes(crypto::Suite suite) const noexcept override { return inner_->key_context_bytes(suite); }
  bool key_contexts_shared() const noexcept override { return inner_->key_contexts_shared(); }
  Result<void> expand(crypto::Suite suite, const crypto::SessionKeys& keys, crypto::KeyContext* context) override { return inner_->expand(suite, keys, context); }
  void wipe(crypto::Suite suite, crypto::KeyContext* context) noexcept override { inner_->wipe(suite, context); }

 private:
  class FailingEngine final : public crypto::Engine {
   public:
    FailingEngine(std::unique_ptr<crypto::Engine> inner, bool fail_open) : inner_(std::move(inner)), fail_open_(fail_open) {}
    std::size_t submit(std::span<crypto::Job* const> jobs) noexcept override { return inner_->submit(jobs); }
    std::size_t poll(std::span<crypto::Job*> done) noexcept override {
      const std::size_t n = inner_->poll(done);
      for (crypto::Job* job : done.first(n))
        if (test_support::is_open(job->op) == fail_open_) job->status = crypto::JobStatus::kEngineError;
      return n;
    }
    std::size_t in_flight() const noexcept override { return inner_->in_flight(); }

   private:
    std::unique_ptr<crypto::Engine> inner_;
    bool fail_open_;
  };
  std::unique_ptr<crypto::CryptoProvider> inner_;
  bool fail_open_;
};

void offer(Room& room, std::uint16_t first, std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i)
    room.plane().send_rtp(room[0].p(), room[0].seal(static_cast<std::uint16_t>(first + i)));
}
// Nothing is lost without being counted, and the data plane goes on as before.
void recovers(Room& room, std::uint16_t next) {
  EXPECT_EQ(room.plane().leaked(), 0u);
  for (std::size_t to = 1; to < room.size(); ++to) (void)room.plane().received_by(room[to].p());
  room.talk(0, {next, static_cast<std::uint16_t>(next + 1)});
}

std::uint64_t pool_exhausted() {
  Dataplane::Options options;
  options.io.buffers = 6;
  Room room(5, options);
  room.open();
  offer(room, 1, 20);
  room.plane().run();
  const auto drops = room.plane().drops(DropReason::kPoolExhausted);
  EXPECT_EQ(room.plane().count(dataplane::Counter::kSrtpOpened) * 4, room.plane().count(dataplane::Counter::kSrtpSealed) + drops);
  EXPECT_EQ(room.plane().leaked(), 0u);
  return drops;
}

std::uint64_t job_pool_full() {
  Dataplane::Options options;
  options.limits.jobs_per_worker = 8;
  Room room(2, options);
  room.open();
  offer(room, 1, 30);
  room.plane().run();
  const auto drops = room.plane().drops(DropReason::kEngineFull);
  recovers(room, 100);
  return drops;
}

std::uint64_t device_queue_full() {
  auto inner = crypto::make_openssl_provider();
  Dataplane plane(test_support::make_delaying_provider(*inner, {.polls = 9, .queue_jobs = 5}));
  std::vector<Participant> all{make_participant(1), make_participant(2), make_participant(3)};
  EXPECT_TRUE(plane.apply(Dataplane::conference_of(1, all)));
  plane.resolve_neighbours();
  Phone phone(all[0]);
  for (std::uint16_t i = 0; i < 20; ++i) plane.send_rtp(all[0], phone.seal(i));
  plane.run();
  EXPECT_EQ(plane.leaked(), 0u);
  return plane.drops(DropReason::kEngineFull);
}

std::uint64_t engine_error() {
  std::uint64_t drops = 0;
  for (const bool fail_open : {true, false}) {
    Dataplane plane(std::make_unique<FailingProvider>(fail_open));
    std::vector<Participant> all{make_participant(1), make_participant(2)};
    EXPECT_TRUE(plane.apply(Dataplane::conference_of(1, all)));
    plane.resolve_neighbours();
    Phone phone(all[0]);
    for (std::uint16_t i = 0; i < 5; ++i) plane.send_rtp(all[0], phone.seal(i));
    plane.run();
    EXPECT_TRUE(plane.received_by(all[1]).empty());  // fail closed
    EXPECT_EQ(plane.leaked(), 0u);
    EXPECT_EQ(plane.drops(DropReason::kEngineError), 5u);
    drops += plane.drops(DropReason::kEngineError);
  }
  return drops;
}

std::uint64_t stale() {
  Room room(2, {}, 3);
  room.open();
  offer(room, 1, 5);
  (void)room.plane().run_once();
  EXPECT_TRUE(room.plane().core().submit(std::vector<dataplane::Operation>{Dataplane::remove(abi::MessageType::kLegRemove, room[0].p().leg_id)}, {}));
  drain(room.plane());
  EXPECT_EQ(room.plane().leaked(), 0u);
  return room.plane().drops(DropReason::kStale);
}

std::uint64_t handoff_full() {
  Dataplane::Options options;
  options.workers = 2;
  options.limits.handoff_ring = 4;
  Room room(3, options);
  room.open();
  const auto owner = room.plane().core().legs_of_worker(0) == 2 ? 1u : 0u;  // the worker with one leg owns the one in the middle
  for (std::uint16_t i = 0; i < 10; ++i)
    room.plane().io(1 - owner).inject(to_frame(udp_frame(room.plane().flow_from(room[1].p()), room[1].seal(i))));
  (void)room.plane().core().worker(1 - owner).run_once(room.plane().now());
  room.plane().run();
  EXPECT_EQ(room.plane().leaked(), 0u);
  return room.plane().drops(DropReason::kHandoffFull);
}

std::uint64_t tx_full() {
  Room room(3);
  room.open();
  offer(room, 1, 10);
  room.plane().io().set_tx_room(7);
  room.plane().run();
  const auto drops = room.plane().drops(DropReason::kTxFull);
  EXPECT_EQ(drops, 13u);
  room.plane().io().set_tx_room(~std::size_t{0});
  recovers(room, 100);
  return drops;
}

std::uint64_t link_down() {
  Room room(2);
  room.open();
  room.plane().core().set_link(0, false);
  offer(room, 1, 4);
  room.plane().run();
  EXPECT_TRUE(room.plane().received_by(room[1].p()).empty());
  const auto drops = room.plane().drops(DropReason::kLinkDown);
  room.plane().core().set_link(0, true);
  recovers(room, 100);
  return drops;
}

std::uint64_t index_reuse() {
  Room room(2);
  room.open();
  room.talk(0, {1, 2});
  auto& state = const_cast<dataplane::StateRegion&>(room.plane().core().state());
  for (std::uint32_t i = 0; i < state.capacity(); ++i) {
    const auto& id = state.identity(i);
    if (id.kind == abi::SlotKind::kSend && id.ssrc == room[0].p().ssrcs[0]) state.slot(i).srtp.mark(3);
  }
  offer(room, 3, 1);
  room.plane().run();
  const auto drops = room.plane().drops(DropReason::kSealIndexReuse);
  recovers(room, 10);
  return drops;
}

std::uint64_t share_full() {
  Dataplane::Options options;
  options.workers = 2;
  options.limits.handoff_ring = 4;
  Dataplane plane(crypto::make_openssl_provider(), options);
  std::vector<Participant> all;
  for (unsigned i = 1; i <= 5; ++i) all.push_back(make_participant(i));
  EXPECT_TRUE(plane.apply(Dataplane::conference_of(1, all, {.group_keys = {}, .spread = true})));
  plane.resolve_neighbours();
  Phone phone(all[0]);
  const std::size_t owner = dataplane::bucket_of(all[0].local_port) % 2;
  for (std::uint16_t i = 0; i < 10; ++i) plane.send_rtp(all[0], phone.seal(i), owner);
  (void)plane.core().worker(owner).run_once(plane.now());  // the other worker does not take anything meanwhile
  plane.run();
  EXPECT_EQ(plane.leaked(), 0u);
  return plane.drops(DropReason::kShareFull);
}

std::uint64_t not_bound() {
  Dataplane plane(crypto::make_openssl_provider());
  std::vector<Participant> all{make_participant(1), make_participant(2)};
  const Participant sender = all[0];
  all[0].ssrcs.clear();
  all[0].ssrc_policy = abi::SsrcPolicy::kFirstAuthenticated;
  all[0].places = 1;
  EXPECT_TRUE(plane.apply(Dataplane::conference_of(1, all)));
  plane.resolve_neighbours();
  Phone phone(sender);
  plane.send_rtp(all[0], phone.seal(1));
  plane.run();
  EXPECT_TRUE(plane.received_by(all[1]).empty());
  return plane.drops(DropReason::kSrtpNotBound);
}

std::uint64_t not_speaking() {
  Dataplane plane(crypto::make_openssl_provider());
  std::vector<Participant> all{make_participant(1), make_participant(2), make_participant(3)};
  for (auto& p : all) p.audio_level_id = 1;
  EXPECT_TRUE(plane.apply(Dataplane::conference_of(1, all, {.group_keys = {}, .loudest = 1})));
  plane.resolve_neighbours();
  const auto level = [](const Participant& from, std::uint16_t sequence, std::uint8_t dbov) {
    RtpPacket packet{.payload_type = 96, .sequence = sequence, .ssrc = from.ssrcs[0], .extension = std::vector<std::uint8_t>{0x10, dbov, 0, 0}, .payload = {1, 2, 3}};
    auto bytes = packet.bytes();
    bytes[12] = 0xbe, bytes[13] = 0xde;
    return bytes;
  };
  SrtpPeer loud(all[0].receive_suite, all[0].receive_key, SrtpPeer::Direction::kSend), quiet(all[1].receive_suite, all[1].receive_key, SrtpPeer::Direction::kSend);
  for (std::uint16_t i = 0; i < 20; ++i) {
    plane.send_rtp(all[0], loud.protect(level(all[0], i, 10)));
    plane.send_rtp(all[1], quiet.protect(level(all[1], i, 70)));
    plane.run();
    plane.advance_ms(20);
    plane.core().advance(plane.now());
  }
  return plane.drops(DropReason::kPolicyNotSpeaking);
}

struct Provoked {
  DropReason reason;
  std::uint64_t (*provoke)();
};
constexpr std::array kProvoked{
    Provoked{DropReason::kPoolExhausted, pool_exhausted}, Provoked{DropReason::kEngineFull, job_pool_full},
    Provoked{DropReason::kEngineFull, device_queue_full}, Provoked{DropReason::kEngineError, engine_error},
    Provoked{DropReason::kStale, stale},                  Provoked{DropReason::kHandoffFull, handoff_full},
    Provoked{DropReason::kTxFull, tx_full},               Provoked{DropReason::kLinkDown, link_down},
    Provoked{DropReason::kSealIndexReuse, index_reuse},   Provoked{DropReason::kShareFull, share_full},
    Provoked{DropReason::kSrtpNotBound, not_bound},       Provoked{DropReason::kPolicyNotSpeaking, not_speaking},
};

TEST(DropCoverage, WhatNoCaptureCanProvoke) {
  for (std::size_t i = 0; i < kProvoked.size(); ++i) EXPECT_GT(kProvoked[i].provoke(), 0u) << i << ": " << to_string(kProvoked[i].reason);
}

TEST(DropCoverage, EveryReasonIsProducedByATest) {
  std::set<std::string> produced;
  for (const auto& p : kProvoked) produced.emplace(to_string(p.reason));
  for (const auto& drop : content_drops()) produced.emplace(to_string(drop.reason));  // provoked by tests/content/drops_test.cc
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PACKET_CASES)) {
    if (!entry.is_directory()) continue;
    for (const auto& [name, value] : read_counters(entry.path().string() + "/counters")) produced.insert(name);
    ++cases;
  }
  EXPECT_GT(cases, 0u);
  for (const auto& reason : dataplane::kDropReasons) EXPECT_TRUE(produced.contains(std::string(reason.name))) << reason.name << " has no packet test";
}

// A case that is not run proves nothing.
TEST(DropCoverage, EveryFolderIsATest) {
  std::ifstream in(std::string(PACKET_CASES) + "/meson.build");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  for (const auto& entry : std::filesystem::directory_iterator(PACKET_CASES)) {
    if (!entry.is_directory()) continue;
    const std::string name = entry.path().filename().string();
    EXPECT_NE(text.find("'" + name + "'"), std::string::npos) << name << " is not in meson.build";
  }
}

}  // namespace
}  // namespace mediaward::test
