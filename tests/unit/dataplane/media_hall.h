// SPDX-License-Identifier: Apache-2.0
// A conference with everything optional, for behaviour tests of the packet path: any mode, any suites, MKIs, several keys, SRTCP, any
// number of workers, any engine. Everything that goes in was made by libsrtp, everything that comes out is opened by it.
// How transactions and crashes are tested is room.h. Single thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "crypto/ipsec_mb_provider.h"
#include "tests/support/dataplane_fixture.h"
#include "tests/support/delaying_engine.h"

namespace mediaward::test {

using Octets = std::vector<std::uint8_t>;

// What the data plane computes with. Scenarios run over each: none may depend on when, or in which order of keys, jobs come back.
struct EngineKind {
  const char* name = "Openssl";
  bool multi_buffer = false;
  test_support::DelayingOptions delay{.polls = 0};  // 0: synchronous
};
inline void PrintTo(const EngineKind& kind, std::ostream* out) {
  *out << kind.name;
}

inline std::vector<EngineKind> engine_kinds() {
  return {{"Openssl"},
          {.name = "IpsecMb", .multi_buffer = true},
          {.name = "Late", .delay = {.polls = 3, .queue_jobs = 4096}},
          {.name = "Overtaking", .delay = {.polls = 1, .queue_jobs = 4096, .spread = 9, .seed = 7}}};
}
inline auto over_engines() {
  return ::testing::ValuesIn(engine_kinds());
}
inline std::string engine_name(const ::testing::TestParamInfo<EngineKind>& info) {
  return info.param.name;
}

// What makes the provider that EngineKind calls "Openssl". A program that runs these scenarios over something else puts its own here, before
// any test.
using ProviderMaker = std::unique_ptr<crypto::CryptoProvider> (*)();
inline ProviderMaker make_plain_provider = crypto::make_openssl_provider;

// Keeps what a delaying provider wraps.
class Engines {
 public:
  explicit Engines(const EngineKind& kind) : inner_(make(kind)), kind_(kind) {}
  [[nodiscard]] std::unique_ptr<crypto::CryptoProvider> take() {
    return kind_.delay.polls == 0 ? std::move(inner_) : test_support::make_delaying_provider(*inner_, kind_.delay);
  }

 private:
  static std::unique_ptr<crypto::CryptoProvider> make(const EngineKind& kind) {
    if (!kind.multi_buffer) return make_plain_provider();
    for (std::size_t i = crypto::kIsaLevels.size(); i-- > 0;)  // the widest that this machine has
      if (auto provider = crypto::make_ipsec_mb_provider(crypto::kIsaLevels[i])) return std::move(*provider);
    return crypto::make_openssl_provider();
  }
  std::unique_ptr<crypto::CryptoProvider> inner_;
  EngineKind kind_;
};

// --- packets, byte by byte from the RFCs

inline Octets rtp_packet(std::uint32_t ssrc, std::uint16_t sequence, std::size_t payload_bytes = 40) {
  RtpPacket rtp{.payload_type = 96, .sequence = sequence, .timestamp = 160u * sequence, .ssrc = ssrc};
  for (std::size_t i = 0; i < payload_bytes; ++i) rtp.payload.push_back(static_cast<std::uint8_t>(sequence + 3 * i));
  return rtp.bytes();
}
inline std::vector<Octets> rtp_packets(std::uint32_t ssrc, unsigned first, unsigned count, std::size_t payload_bytes = 40) {
  std::vector<Octets> packets;
  for (unsigned i = 0; i < count; ++i) packets.push_back(rtp_packet(ssrc, static_cast<std::uint16_t>(first + i), payload_bytes));
  return packets;
}
inline void put32(Octets& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
inline std::uint32_t get32(const Octets& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}
inline std::uint16_t sequence_of(const Octets& rtp) {
  return static_cast<std::uint16_t>(rtp[2] << 8 | rtp[3]);
}
// RFC 3550 §6.4.2: one report block about `about`.
inline Octets receiver_report(std::uint32_t ssrc, std::uint32_t about, std::uint32_t highest = 0) {
  Octets p{0x81, 201, 0, 7};
  for (const std::uint32_t word : {ssrc, about, 0u, highest, 0u, 0u, 0u}) put32(p, word);
  return p;
}
// RFC 3550 §6.4.1 and §6.5: sender report without blocks, and a CNAME of `cname_bytes`.
inline Octets sender_report(std::uint32_t ssrc, std::uint32_t packets = 0, std::size_t cname_bytes = 5) {
  Octets p{0x80, 200, 0, 6};
  for (const std::uint32_t word : {ssrc, 0x83aa7e80u, 0u, 1600u, packets, packets * 40}) put32(p, word);
  Octets sdes{0x81, 202, 0, 0};
  put32(sdes, ssrc);
  sdes.push_back(1);
  sdes.push_back(static_cast<std::uint8_t>(cname_bytes));
  sdes.insert(sdes.end(), cname_bytes, 'c');
  do sdes.push_back(0);
  while (sdes.size() % 4 != 0);
  set16(sdes, 2, static_cast<unsigned>(sdes.size() / 4 - 1));
  p.insert(p.end(), sdes.begin(), sdes.end());
  return p;
}
inline bool looks_like_rtcp(const Octets& p) {
  return p.size() > 1 && p[1] >= 192 && p[1] <= 223;
}

inline Octets mki_of(std::size_t bytes, unsigned number) {
  Octets mki(bytes);
  for (std::size_t i = 0; i < bytes; ++i) mki[i] = static_cast<std::uint8_t>(17 * number + i + 1);
  return mki;
}

// A participant and his two ends of libsrtp: what he says goes through `up`, what he hears through `down`.
struct Party {
  Participant p;
  SrtpPeer up, down;
  [[nodiscard]] std::uint32_t ssrc() const { return p.ssrcs.at(0); }
};

struct HallOptions {
  EngineKind engine{};
  ConferenceOptions conference{};
  Dataplane::Options plane{.io = {.buffers = 2048},
                           .limits = {.legs = 256, .slots = 4096, .neighbours = 64, .jobs_per_worker = 2048, .handoff_ring = 256}};
  // Relay: what the participants share among themselves.
  crypto::Suite relay_suite = crypto::Suite::kAesCm128HmacSha1_80;
  SrtpMasterKey relay_key{};
  SrtpPeerOptions up{}, down{std::nullopt, false, false, 16384};
};

// What libsrtp opened of what came out for one participant.
struct Heard {
  std::vector<Octets> rtp, rtcp;
};

class Hall {
 public:
  explicit Hall(const std::vector<Participant>& people, HallOptions options = {})
      : options_(std::move(options)), engines_(options_.engine) {
    plane_ = std::make_unique<Dataplane>(engines_.take(), options_.plane);
    for (const Participant& p : people) add(p);
  }
  [[nodiscard]] Dataplane& plane() { return *plane_; }
  [[nodiscard]] Party& operator[](std::size_t i) { return *parties_.at(i); }
  [[nodiscard]] std::size_t size() const { return parties_.size(); }
  Party& add(const Participant& p) {
    parties_.push_back(std::make_unique<Party>(Party{p, up_of(p), down_of(p)}));
    return *parties_.back();
  }
  // Somebody else in his place.
  void replace(std::size_t i, const Participant& p) { parties_.at(i) = std::make_unique<Party>(Party{p, up_of(p), down_of(p)}); }

  void open() {
    std::vector<Participant> all;
    for (const auto& party : parties_) all.push_back(party->p);
    change(Dataplane::conference_of(1, all, options_.conference));
  }
  void change(const std::vector<dataplane::Operation>& operations) {
    const auto done = plane_->apply(operations);
    ASSERT_TRUE(done) << done.error().field << ": " << done.error().message;
    plane_->resolve_neighbours();
  }
  void change_leg(std::size_t i) { change({Dataplane::leg(1, parties_[i]->p)}); }

  // Sealed by libsrtp and laid before the data plane, which does not run yet.
  void say(std::size_t from, const std::vector<Octets>& rtp, unsigned key = 0) {
    for (const Octets& packet : rtp) plane_->send_rtp(parties_[from]->p, parties_[from]->up.protect(packet, key));
  }
  void report(std::size_t from, const Octets& rtcp, unsigned key = 0) {
    plane_->send_rtcp(parties_[from]->p, parties_[from]->up.protect_rtcp(rtcp, key));
  }
  void run() { plane_->run(100000); }

  // What came out for `to`, as it is on the wire.
  [[nodiscard]] std::vector<Octets> wire(std::size_t to) { return plane_->received_by(parties_[to]->p); }
  [[nodiscard]] Heard heard(std::size_t to) {
    Heard heard;
    for (Octets& packet : wire(to)) take(to, std::move(packet), heard);
    if ((parties_[to]->p.flags & abi::kLegRtcpMux) == 0)
      for (Octets& packet : plane_->rtcp_received_by(parties_[to]->p)) take(to, std::move(packet), heard);
    return heard;
  }
  // Everybody but the source gets exactly this, in this order.
  void expect_all_hear(std::size_t from, const std::vector<Octets>& rtp) {
    for (std::size_t to = 0; to < parties_.size(); ++to) {
      const auto got = heard(to).rtp;
      if (to == from)
        EXPECT_TRUE(got.empty()) << parties_[to]->p.id << " hears himself";
      else
        expect_same(got, rtp, parties_[to]->p.id);
    }
  }
  void talk(std::size_t from, const std::vector<Octets>& rtp) {
    say(from, rtp);
    run();
    expect_all_hear(from, rtp);
  }
  static void expect_same(const std::vector<Octets>& got, const std::vector<Octets>& wanted, const std::string& who) {
    ASSERT_EQ(got.size(), wanted.size()) << who;
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], wanted[i]) << who << ", packet " << i;
  }

  [[nodiscard]] std::uint64_t drops(dataplane::DropReason reason) const { return plane_->drops(reason); }
  [[nodiscard]] std::uint64_t count(dataplane::Counter counter) const { return plane_->count(counter); }
  // Every drop that is not 0, by name.
  [[nodiscard]] std::map<std::string, std::uint64_t> all_drops() const {
    std::map<std::string, std::uint64_t> all;
    for (std::size_t i = 0; i < dataplane::kDropReasonCount; ++i)
      if (const auto n = drops(static_cast<dataplane::DropReason>(i))) all[std::string(dataplane::kDropReasons[i].name)] = n;
    return all;
  }
  [[nodiscard]] std::vector<dataplane::WorkerEvent> events(dataplane::WorkerEvent::Kind kind) {
    std::vector<dataplane::WorkerEvent> found;
    for (std::size_t w = 0; w < plane_->core().worker_count(); ++w)
      plane_->core().worker(w).events().consume([&](const dataplane::WorkerEvent& e) {
        if (e.kind == kind) found.push_back(e);
      });
    return found;
  }

  // At rest nothing is held, nothing in flight, nothing lost, and every buffer is back but those the egress keeps at hand.
  void expect_clean() {
    run();
    EXPECT_EQ(plane_->leaked(), 0u);
    for (std::size_t w = 0; w < plane_->core().worker_count(); ++w) {
      const auto& block = plane_->core().stats().block(w);
      EXPECT_EQ(block.in_flight, 0u);
      EXPECT_EQ(block.held, 0u);
      EXPECT_EQ(plane_->io(w).pending(), 0u);
      EXPECT_LE(plane_->io(w).buffers_out(), 64u) << "worker " << w;
    }
  }

 private:
  [[nodiscard]] SrtpPeer up_of(const Participant& p) const {
    if (options_.conference.mode == abi::ForwardingMode::kRelay)
      return {options_.relay_suite, {options_.relay_key}, SrtpPeer::Direction::kSend, options_.up};
    std::vector<SrtpMasterKey> keys{{p.receive_key, p.receive_mki}};
    if (!p.receive_mki.empty()) keys.insert(keys.end(), p.more_receive_keys.begin(), p.more_receive_keys.end());
    return {p.receive_suite, std::move(keys), SrtpPeer::Direction::kSend, options_.up};
  }
  [[nodiscard]] SrtpPeer down_of(const Participant& p) const {
    const auto receive = SrtpPeer::Direction::kReceive;
    const ConferenceOptions& c = options_.conference;
    if (c.mode == abi::ForwardingMode::kRelay) return {options_.relay_suite, {options_.relay_key}, receive, options_.down};
    if (c.mode == abi::ForwardingMode::kGroupKey) return {c.group_suite, {c.group_keys.at(0)}, receive, options_.down};
    return {p.send_suite, {{p.send_key, p.send_mki}}, receive, options_.down};
  }
  void take(std::size_t to, Octets packet, Heard& heard) {
    Party& party = *parties_[to];
    const bool rtcp = looks_like_rtcp(packet);
    auto opened = rtcp ? party.down.unprotect_rtcp(std::move(packet)) : party.down.unprotect(std::move(packet));
    EXPECT_TRUE(opened.has_value()) << party.p.id << " cannot open " << (rtcp ? "SRTCP" : "SRTP") << ", libsrtp's status "
                                    << party.down.last_error();
    if (opened) (rtcp ? heard.rtcp : heard.rtp).push_back(std::move(*opened));
  }

  HallOptions options_;
  Engines engines_;
  std::unique_ptr<Dataplane> plane_;
  std::vector<std::unique_ptr<Party>> parties_;
};

// A test with one hall, which must be clean when it is over.
template <typename Base>
class WithHall : public Base {
 protected:
  Hall& hall(const std::vector<Participant>& people, HallOptions options = {}) {
    hall_ = std::make_unique<Hall>(people, std::move(options));
    hall_->open();
    return *hall_;
  }
  void TearDown() override {
    if (hall_ != nullptr) hall_->expect_clean();
  }
  std::unique_ptr<Hall> hall_;
};

// The same over every engine.
class EveryEngine : public WithHall<::testing::TestWithParam<EngineKind>> {
 protected:
  [[nodiscard]] static HallOptions options(ConferenceOptions conference = {}) {
    HallOptions options;
    options.engine = GetParam();
    options.conference = std::move(conference);
    return options;
  }
};

}  // namespace mediaward::test
