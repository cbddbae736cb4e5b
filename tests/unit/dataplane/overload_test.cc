// SPDX-License-Identifier: Apache-2.0
// What happens when something is full, fails or is down: every packet is counted under its reason, nothing leaks, and the path works
// again as soon as the cause is gone.
#include <gtest/gtest.h>

#include "tests/support/dataplane_fixture.h"
#include "tests/support/delaying_engine.h"

namespace mediaward::test {
namespace {

using dataplane::DropReason;
using Direction = SrtpPeer::Direction;

constexpr unsigned kBurst = 32;

// Two participants, and a sender that libsrtp keeps going.
class Call {
 public:
  explicit Call(Dataplane& plane) : plane_(plane), people_{make_participant(1), make_participant(2)}, sender_(people_[0].receive_suite, people_[0].receive_key, Direction::kSend) {
    EXPECT_TRUE(plane_.apply(Dataplane::conference_of(1, people_)));
    plane_.resolve_neighbours();
  }

  void send(unsigned packets) {
    for (unsigned i = 0; i < packets; ++i) {
      RtpPacket rtp;
      rtp.sequence = sequence_++;
      rtp.ssrc = people_[0].ssrcs[0];
      rtp.payload.assign(160, 0x55);
      plane_.send_rtp(people_[0], sender_.protect(rtp.bytes()));
    }
  }
  std::size_t arrived() { return plane_.received_by(people_[1]).size(); }
  void expect_works_again() {
    send(kBurst);
    plane_.run();
    EXPECT_EQ(arrived(), kBurst);
    EXPECT_EQ(plane_.leaked(), 0u);
  }
  [[nodiscard]] const Participant& sender() const { return people_[0]; }

 private:
  Dataplane& plane_;
  std::vector<Participant> people_;
  SrtpPeer sender_;
  std::uint16_t sequence_ = 100;
};

// Says that the device failed while `broken`; otherwise the engine behind it.
class BreakableProvider final : public crypto::CryptoProvider {
 public:
  explicit BreakableProvider(const bool& broken) : inner_(crypto::make_openssl_provider()), broken_(broken) {}
  std::string_view name() const noexcept override { return "breakable"; }
  std::string_view isa() const noexcept override { return "-"; }
  std::string version() const override { return inner_->version(); }
  std::size_t key_context_bytes(crypto::Suite suite) const noexcept override { return inner_->key_context_bytes(suite); }
  bool key_contexts_shared() const noexcept override { return inner_->key_contexts_shared(); }
  Result<void> expand(crypto::Suite suite, const crypto::SessionKeys& keys, crypto::KeyContext* context) override {
    return inner_->expand(suite, keys, context);
  }
  void wipe(crypto::Suite suite, crypto::KeyContext* context) noexcept override { inner_->wipe(suite, context); }
  std::unique_ptr<crypto::Engine> make_engine() override { return std::make_unique<BreakableEngine>(inner_->make_engine(), broken_); }

 private:
  class BreakableEngine final : public crypto::Engine {
   public:
    BreakableEngine(std::unique_ptr<crypto::Engine> inner, const bool& broken) : inner_(std::move(inner)), broken_(broken) {}
    std::size_t submit(std::span<crypto::Job* const> jobs) noexcept override { return inner_->submit(jobs); }
    std::size_t poll(std::span<crypto::Job*> done) noexcept override {
      const std::size_t n = inner_->poll(done);
      for (std::size_t i = 0; broken_ && i < n; ++i) done[i]->status = crypto::JobStatus::kEngineError;
      return n;
    }
    std::size_t in_flight() const noexcept override { return inner_->in_flight(); }

   private:
    std::unique_ptr<crypto::Engine> inner_;
    const bool& broken_;
  };
  std::unique_ptr<crypto::CryptoProvider> inner_;
  const bool& broken_;
};

TEST(Overload, EngineQueueFullDropsTheRest) {
  const auto inner = crypto::make_openssl_provider();
  Dataplane plane(test_support::make_delaying_provider(*inner, {.polls = 3, .queue_jobs = 8}));
  Call call(plane);
  call.send(kBurst);
  plane.run();
  EXPECT_EQ(plane.drops(DropReason::kEngineFull), kBurst - 8);
  EXPECT_EQ(call.arrived(), 8u);
  EXPECT_EQ(plane.leaked(), 0u);
  call.send(8);
  plane.run();
  EXPECT_EQ(call.arrived(), 8u);
}

TEST(Overload, EngineErrorsNeverLetAPacketOut) {
  bool broken = true;
  Dataplane plane(std::make_unique<BreakableProvider>(broken));
  Call call(plane);
  call.send(kBurst);
  plane.run();
  EXPECT_EQ(plane.drops(DropReason::kEngineError), kBurst);
  EXPECT_EQ(call.arrived(), 0u);
  EXPECT_EQ(plane.leaked(), 0u);
  broken = false;
  call.expect_works_again();
}

TEST(Overload, HandoffRingFull) {
  Dataplane::Options options;
  options.workers = 2;
  options.limits.handoff_ring = 16;
  Dataplane plane(crypto::make_openssl_provider(), options);
  Call call(plane);
  const std::size_t owner = dataplane::bucket_of(call.sender().local_port) % 2;
  ASSERT_EQ(owner, 1u) << "traffic enters at worker 0";
  call.send(kBurst);
  plane.core().worker(0).run_once(plane.now());  // the owner does not take anything over yet
  EXPECT_EQ(plane.drops(DropReason::kHandoffFull), kBurst - 16);
  plane.run();
  EXPECT_EQ(call.arrived(), 16u);
  EXPECT_EQ(plane.leaked(), 0u);
  call.send(16);
  plane.run();
  EXPECT_EQ(call.arrived(), 16u);
}

TEST(Overload, TransmitQueueFull) {
  Dataplane plane(crypto::make_openssl_provider());
  Call call(plane);
  plane.io().set_tx_room(5);
  call.send(kBurst);
  plane.run();
  EXPECT_EQ(plane.drops(DropReason::kTxFull), kBurst - 5);
  EXPECT_EQ(call.arrived(), 5u);
  plane.io().set_tx_room(~std::size_t{0});
  call.expect_works_again();
}

TEST(Overload, LinkDown) {
  Dataplane plane(crypto::make_openssl_provider());
  Call call(plane);
  plane.core().set_link(0, false);
  call.send(kBurst);
  plane.run();
  EXPECT_EQ(plane.drops(DropReason::kLinkDown), kBurst);
  EXPECT_EQ(call.arrived(), 0u);
  plane.core().set_link(0, true);
  call.expect_works_again();
}

}  // namespace
}  // namespace mediaward::test
