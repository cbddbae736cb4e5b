// SPDX-License-Identifier: Apache-2.0
// Any payload to media ports of a running data plane, as a stranger would send it and as a participant whose client is broken would:
// the same bytes sealed by libsrtp. Nothing may crash, leak or come out unsealed.
// Input: participant, form (0: as it is, 1: sealed as RTP, 2: sealed as RTCP), then the payload.
#include <array>

#include "tests/fuzz/exact_buffer.h"
#include "tests/support/dataplane_fixture.h"

namespace {

using namespace mediaward;
using namespace mediaward::test;
using Bytes8 = std::vector<std::uint8_t>;

constexpr std::size_t kMaxPayload = 1400;

// A conference with every suite, one with a group key, one relay; RTCP multiplexed and not.
class World {
 public:
  World() : plane_(crypto::make_openssl_provider()) {
    unsigned number = 1;
    for (const auto& suite : crypto::kSuites) {
      Participant p = make_participant(number++, suite.id);
      if (number % 2 == 0) p.flags &= ~static_cast<std::uint32_t>(abi::kLegRtcpMux);
      if (number % 3 == 0) p.flags |= abi::kLegSrtcpPlain;
      people_[0].push_back(p);
    }
    for (unsigned i = 0; i < 2; ++i) people_[1].push_back(make_participant(number++, crypto::Suite::kAesCm128HmacSha1_80));
    for (unsigned i = 0; i < 2; ++i) people_[2].push_back(make_participant(number++, crypto::Suite::kAeadAes128Gcm));
    for (std::size_t i = 1; i < 3; ++i)
      for (auto& p : people_[i]) p.send_suite = crypto::Suite::kNone;
    const std::array<ConferenceOptions, 3> options{
        ConferenceOptions{},
        ConferenceOptions{.mode = abi::ForwardingMode::kGroupKey,
                          .group_suite = crypto::Suite::kAeadAes256Gcm,
                          .group_keys = {{test_key(crypto::Suite::kAeadAes256Gcm, 500), {}}}},
        ConferenceOptions{.mode = abi::ForwardingMode::kRelay, .group_keys = {}}};
    for (std::size_t i = 0; i < 3; ++i) {
      FUZZ_REQUIRE(plane_.apply(Dataplane::conference_of(1 + i, people_[i], options[i])).has_value());
      for (const auto& p : people_[i]) all_.push_back(&p);
    }
    plane_.resolve_neighbours();
  }

  void feed(std::uint8_t who, std::uint8_t form, Bytes8 payload) {
    const Participant& from = *all_[who % all_.size()];
    if (form % 3 != 0 && payload.size() >= 12) {
      SrtpPeer sender(from.receive_suite, from.receive_key, SrtpPeer::Direction::kSend);
      try {
        payload = form % 3 == 1 ? sender.protect(std::move(payload)) : sender.protect_rtcp(std::move(payload));
      } catch (const std::runtime_error&) {
        return;  // libsrtp would not send it
      }
    }
    form % 3 == 2 ? plane_.send_rtcp(from, payload) : plane_.send_rtp(from, payload);
    plane_.run();
    (void)plane_.take_frames();
    FUZZ_REQUIRE(plane_.leaked() == 0);
    FUZZ_REQUIRE(plane_.count(dataplane::Counter::kRxPackets) == ++sent_);
  }

 private:
  Dataplane plane_;
  std::array<std::vector<Participant>, 3> people_;
  std::vector<const Participant*> all_;
  std::uint64_t sent_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size < 2 || size > kMaxPayload) return 0;
  world.feed(data[0], data[1], Bytes8(data + 2, data + size));
  return 0;
}
