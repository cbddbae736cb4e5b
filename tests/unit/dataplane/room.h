// SPDX-License-Identifier: Apache-2.0
// A conference for tests of the core: participants with libsrtp at both ends, and a picture of what the core holds, to be compared
// before and after. Single thread.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <ostream>
#include <vector>

#include "tests/support/dataplane_fixture.h"
#include "tests/support/delaying_engine.h"

namespace mediaward::test {

// What a refused transaction must leave as it was.
struct Holdings {
  std::size_t legs, slots, key_bytes, neighbours, neighbour_budget, retired;
  std::map<std::string, std::uint64_t> counters;
  bool operator==(const Holdings&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Holdings& h) {
  return out << h.legs << " legs, " << h.slots << " slots, " << h.key_bytes << " key bytes, " << h.neighbours << " neighbours of " << h.neighbour_budget
             << " taken, " << h.retired << " retired, " << h.counters.size() << " counters";
}

inline Holdings holdings(Dataplane& plane, bool with_counters = true) {
  dataplane::Core& core = plane.core();
  return {core.legs(),
          core.state().in_use(),
          core.keys().used_bytes(),
          core.neighbours(0).entries().size(),
          core.neighbour_budget().in_use(),
          core.retired(),
          with_counters ? plane.counters() : std::map<std::string, std::uint64_t>{}};
}

// Lets everything that was removed drain and be freed.
inline void drain(Dataplane& plane) {
  for (int i = 0; i < 6; ++i) {
    plane.run();
    plane.core().collect();
  }
}

// One participant's libsrtp: what it sends, what it hears.
class Phone {
 public:
  explicit Phone(Participant p) : p_(std::move(p)) {}

  [[nodiscard]] const Participant& p() const { return p_; }
  [[nodiscard]] Participant& p() { return p_; }

  [[nodiscard]] std::vector<std::uint8_t> seal(std::uint16_t sequence, std::uint32_t ssrc = 0) {
    return sender(ssrc == 0 ? p_.ssrcs[0] : ssrc).protect(rtp(sequence, ssrc).bytes());
  }
  [[nodiscard]] RtpPacket rtp(std::uint16_t sequence, std::uint32_t ssrc = 0) const {
    RtpPacket packet{.payload_type = 96, .sequence = sequence, .timestamp = 160u * sequence, .ssrc = ssrc == 0 ? p_.ssrcs[0] : ssrc};
    packet.payload.assign(33, static_cast<std::uint8_t>(sequence));
    return packet;
  }
  // Keys change as RFC 3711 wants it: the roll-over counters go on, here by telling libsrtp.
  void rekey(std::vector<std::uint8_t> receive_key, std::vector<std::uint8_t> send_key, std::uint32_t roc) {
    p_.receive_key = std::move(receive_key);
    p_.send_key = std::move(send_key);
    senders_.clear();
    receivers_.clear();
    roc_ = roc;
  }
  // How many of these packets open, each to an RTP packet of `from` in order of `sequences`.
  void expect(const std::vector<std::vector<std::uint8_t>>& packets, const Phone& from, const std::vector<std::uint16_t>& sequences,
              std::uint32_t ssrc = 0) {
    ASSERT_EQ(packets.size(), sequences.size()) << p_.id << " hears " << from.p().id;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const auto plain = receiver(ssrc == 0 ? from.p().ssrcs[0] : ssrc).unprotect(packets[i]);
      ASSERT_TRUE(plain.has_value()) << p_.id << " hears " << from.p().id << ", packet " << i;
      EXPECT_EQ(*plain, from.rtp(sequences[i], ssrc).bytes());
    }
  }
  // What libsrtp makes of a packet that went to this participant.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> open(const std::vector<std::uint8_t>& packet, std::uint32_t ssrc) { return receiver(ssrc).unprotect(packet); }
  void forget(std::uint32_t ssrc) { receivers_.erase(ssrc); }  // a new receive context for this SSRC

 private:
  SrtpPeer& sender(std::uint32_t ssrc) { return session(senders_, p_.receive_suite, p_.receive_key, SrtpPeer::Direction::kSend, ssrc); }
  SrtpPeer& receiver(std::uint32_t ssrc) { return session(receivers_, p_.send_suite, p_.send_key, SrtpPeer::Direction::kReceive, ssrc); }
  using Sessions = std::map<std::uint32_t, std::unique_ptr<SrtpPeer>>;
  SrtpPeer& session(Sessions& sessions, crypto::Suite suite, const std::vector<std::uint8_t>& key, SrtpPeer::Direction direction, std::uint32_t ssrc) {
    auto& found = sessions[ssrc];
    if (found == nullptr) {
      found = std::make_unique<SrtpPeer>(suite, key, direction, ssrc);
      if (roc_ != 0) found->set_roc(ssrc, roc_);
    }
    return *found;
  }
  Participant p_;
  std::uint32_t roc_ = 0;
  Sessions senders_, receivers_;
};

// A conference of n on a data plane.
class Room {
 public:
  // delay: loops that the engine's completions are late; a loop polls twice.
  explicit Room(unsigned n, Dataplane::Options options = {}, unsigned delay = 0) : inner_(crypto::make_openssl_provider()) {
    auto provider = delay == 0 ? crypto::make_openssl_provider() : test_support::make_delaying_provider(*inner_, {.polls = 2 * delay + 1, .queue_jobs = 4096});
    plane_ = std::make_unique<Dataplane>(std::move(provider), options);
    for (unsigned i = 1; i <= n; ++i)
      phones_.push_back(std::make_unique<Phone>(make_participant(i, i % 2 == 0 ? crypto::Suite::kAeadAes128Gcm : crypto::Suite::kAesCm128HmacSha1_80)));
  }
  [[nodiscard]] Dataplane& plane() { return *plane_; }
  [[nodiscard]] Phone& operator[](std::size_t i) { return *phones_[i]; }
  [[nodiscard]] std::size_t size() const { return phones_.size(); }

  [[nodiscard]] std::vector<dataplane::Operation> everything() {
    std::vector<Participant> all;
    for (const auto& phone : phones_) all.push_back(phone->p());
    return Dataplane::conference_of(1, all);
  }
  void open() {
    const auto done = plane_->apply(everything());
    ASSERT_TRUE(done) << done.error().field << ": " << done.error().message;
    plane_->resolve_neighbours();
  }
  // One packet per sequence number, each its own burst, from phone `from`; everybody else must hear them all.
  void talk(std::size_t from, const std::vector<std::uint16_t>& sequences) {
    for (const std::uint16_t sequence : sequences) {
      plane_->send_rtp(phones_[from]->p(), phones_[from]->seal(sequence));
      plane_->run();
    }
    for (std::size_t to = 0; to < phones_.size(); ++to)
      if (to != from) phones_[to]->expect(plane_->received_by(phones_[to]->p()), *phones_[from], sequences);
  }

 private:
  std::unique_ptr<crypto::CryptoProvider> inner_;
  std::unique_ptr<Dataplane> plane_;
  std::vector<std::unique_ptr<Phone>> phones_;
};

}  // namespace mediaward::test
