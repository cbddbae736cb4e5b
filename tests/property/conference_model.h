// SPDX-License-Identifier: Apache-2.0
// A conference that changes at random, and what it must look like from outside: who hears whom, and that whatever anybody hears opens
// under a key of his, was really sent by its source, and comes once. Members are libsrtp. Single thread.
#pragma once

#include <algorithm>
#include <random>
#include <set>

#include "tests/unit/dataplane/media_hall.h"

namespace mediaward::test {

// What one participant hears: a session of libsrtp per source and key, since keys follow each other while packets are on their way. An
// index that is used twice under one key cannot be opened a second time.
class Ears {
 public:
  explicit Ears(crypto::Suite suite) : suite_(suite) {}
  void add_key(Octets key) { keys_.push_back(std::move(key)); }

  [[nodiscard]] std::optional<Octets> open(const Octets& packet) {
    too_late_ = false;
    const bool rtcp = looks_like_rtcp(packet);
    const std::uint32_t ssrc = get32(packet, rtcp ? 4 : 8);
    for (std::size_t k = keys_.size(); k-- > 0;)
      if (auto opened = open_under(k, packet, rtcp, ssrc)) return opened;
    return std::nullopt;
  }
  // What could not be opened last was authentic as far as its index goes, but below the 128 packets that libsrtp remembers of SRTCP.
  [[nodiscard]] bool too_late() const noexcept { return too_late_; }

 private:
  using Sessions = std::map<std::pair<std::uint32_t, std::size_t>, std::unique_ptr<SrtpPeer>>;

  std::optional<Octets> open_under(std::size_t k, const Octets& packet, bool rtcp, std::uint32_t ssrc) {
    Sessions& sessions = rtcp ? rtcp_ : rtp_;
    auto& session = sessions[{ssrc, k}];
    if (session != nullptr) {
      auto opened = rtcp ? session->unprotect_rtcp(packet) : session->unprotect(packet);
      too_late_ = too_late_ || (rtcp && session->last_error() == srtp_err_status_replay_old);
      return opened;
    }
    // Where an earlier session stood, or anew: a source that begins under keys that never sealed for it owes nothing to an earlier one.
    const std::uint32_t roc = rocs_[ssrc];
    for (const std::uint32_t candidate : {roc, roc + 1, 0u, 1u, 2u, 3u, 4u, 5u}) {
      auto fresh = std::make_unique<SrtpPeer>(suite_, std::vector{SrtpMasterKey{keys_[k], {}}}, SrtpPeer::Direction::kReceive,
                                              SrtpPeerOptions{ssrc, false, false, 16384});
      if (candidate != 0) fresh->set_roc(ssrc, candidate);
      auto opened = rtcp ? fresh->unprotect_rtcp(packet) : fresh->unprotect(packet);
      if (!opened) continue;
      session = std::move(fresh);
      return opened;
    }
    return std::nullopt;
  }

 public:
  // Sessions under later keys begin where earlier ones are. After every packet.
  void remember_rocs() {
    for (auto& [place, session] : rtp_)
      if (session != nullptr) rocs_[place.first] = std::max(rocs_[place.first], session->roc(place.first).value_or(0));
  }

 private:
  crypto::Suite suite_;
  std::vector<Octets> keys_;
  Sessions rtp_, rtcp_;
  bool too_late_ = false;
  std::map<std::uint32_t, std::uint32_t> rocs_;
};

struct Member {
  Participant p;
  std::unique_ptr<SrtpPeer> up;
  std::unique_ptr<Ears> ears;
  std::uint16_t sequence = 0;
  std::uint32_t sent = 0;
  std::optional<Octets> next_receive_key;  // announced, not used yet
  bool switched = false;                   // used; the old one not retired yet
  [[nodiscard]] bool has(std::uint32_t flag) const { return (p.flags & flag) != 0; }
};

// Media that say who sent them and which one they are.
inline Octets numbered_rtp(std::uint32_t ssrc, std::uint16_t sequence, std::uint32_t number, std::size_t bytes) {
  RtpPacket rtp{.payload_type = 96, .sequence = sequence, .timestamp = number, .ssrc = ssrc};
  put32(rtp.payload, ssrc);
  put32(rtp.payload, number);
  for (std::size_t i = 0; i < bytes; ++i) rtp.payload.push_back(static_cast<std::uint8_t>(number * 7 + i));
  return rtp.bytes();
}

class ConferenceModel {
 public:
  ConferenceModel(std::uint64_t seed, abi::ForwardingMode mode) : random_(seed), mode_(mode), engines_(engine()) {
    Dataplane::Options options;
    options.workers = 1 + pick(3);
    options.burst = static_cast<std::uint16_t>(1 + pick(48));
    options.io = {.buffers = 4096};
    options.io.capabilities.tx_chains = pick(2) == 0;
    options.limits.jobs_per_worker = 2048;
    options.limits.neighbours = 256;
    conference_.mode = mode;
    conference_.spread = mode == abi::ForwardingMode::kPerParticipantKeys && pick(2) == 0;
    mux_ = pick(2) == 0;
    suite_ = any_suite();
    if (mode == abi::ForwardingMode::kGroupKey) {
      conference_.group_suite = suite_;
      conference_.group_keys = {{new_key(suite_), {}}};
    }
    if (mode == abi::ForwardingMode::kRelay) relay_key_ = new_key(suite_);
    plane_ = std::make_unique<Dataplane>(engines_.take(), options);
    submit({Dataplane::conference(1, conference_)});
    for (int i = 0; i < 3; ++i) join();
  }
  [[nodiscard]] Dataplane& plane() { return *plane_; }
  [[nodiscard]] std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }

  // --- changes. Workers hear of them whenever they run next.

  void join() {
    if (members_.size() == 10) return;
    Member m;
    const auto number = static_cast<unsigned>(++joined_);
    m.p = make_participant(number % 100, any_suite(), pick(3) == 0);
    m.p.local_port = static_cast<std::uint16_t>(20000 + 2 * number);
    m.p.leg_id = 5000 + number;
    m.p.send_suite = mode_ == abi::ForwardingMode::kPerParticipantKeys ? any_suite() : crypto::Suite::kNone;
    if (mode_ == abi::ForwardingMode::kRelay) m.p.receive_suite = suite_;
    m.p.receive_key = mode_ == abi::ForwardingMode::kRelay ? relay_key_ : new_key(m.p.receive_suite);
    if (mode_ == abi::ForwardingMode::kPerParticipantKeys) m.p.send_key = new_key(m.p.send_suite);
    if (mux_ == (pick(8) != 0))
      m.p.flags |= abi::kLegRtcpMux;
    else
      m.p.flags &= ~std::uint32_t{abi::kLegRtcpMux};
    // Sometimes somebody comes back under the SSRC of somebody who went: beyond everything that was sent under it.
    std::uint32_t roc = 0;
    if (!free_ssrcs_.empty() && pick(2) == 0) {
      const auto free = std::next(free_ssrcs_.begin(), static_cast<std::ptrdiff_t>(pick(free_ssrcs_.size())));
      m.p.ssrcs = {free->first};
      roc = free->second;
      inherited_.insert(free->first);
      free_ssrcs_.erase(free);
    } else {
      m.p.ssrcs = {0x20000000u + number};
    }
    const std::uint32_t ssrc = m.p.ssrcs[0];
    m.sequence = static_cast<std::uint16_t>(pick(3) == 0 ? 65500 : pick(60000));
    m.sent = sent_[ssrc];
    m.up = std::make_unique<SrtpPeer>(m.p.receive_suite, std::vector{SrtpMasterKey{m.p.receive_key, {}}}, SrtpPeer::Direction::kSend,
                                      SrtpPeerOptions{.ssrc = ssrc});
    if (roc != 0) m.up->set_roc(ssrc, roc);
    m.ears = std::make_unique<Ears>(mode_ == abi::ForwardingMode::kPerParticipantKeys ? m.p.send_suite : suite_);
    if (mode_ == abi::ForwardingMode::kPerParticipantKeys) m.ears->add_key(m.p.send_key);
    for (const auto& key : group_history()) m.ears->add_key(key);
    submit({Dataplane::leg(1, m.p), Dataplane::stream(Dataplane::stream_id(m.p.leg_id, ssrc), m.p.leg_id, ssrc, roc)});
    members_.push_back(std::move(m));
  }
  void leave() {
    if (members_.size() < 3) return;
    const std::size_t i = pick(members_.size());
    const Member& m = members_[i];
    const std::uint32_t ssrc = m.p.ssrcs[0];
    sent_[ssrc] = m.sent;
    free_ssrcs_[ssrc] = m.up->roc(ssrc).value_or(0) + 2;
    submit({Dataplane::remove(abi::MessageType::kLegRemove, m.p.leg_id)});
    std::erase_if(deaf_, [&](const auto& pair) { return pair.first == m.p.leg_id || pair.second == m.p.leg_id; });
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  void change_flags() {
    Member& m = members_[pick(members_.size())];
    constexpr std::array kFlags{abi::kLegMuted, abi::kLegMuted, abi::kLegMayReceiveFrom, abi::kLegMaySendTo};
    m.p.flags ^= kFlags.at(pick(kFlags.size()));
    if (pick(3) == 0) m.p.rtcp_policy = m.p.rtcp_policy == abi::RtcpPolicy::kDrop ? abi::RtcpPolicy::kForward : abi::RtcpPolicy::kDrop;
    submit({Dataplane::leg(1, m.p)});
  }
  void relate() {
    const Member &a = members_[pick(members_.size())], &b = members_[pick(members_.size())];
    if (&a == &b) return;
    const auto relation = static_cast<abi::TopologyRelation>(1 + pick(3));
    submit({Dataplane::topology(1, a.p, b.p, relation)});
    deaf_.erase({a.p.leg_id, b.p.leg_id});
    deaf_.erase({b.p.leg_id, a.p.leg_id});
    if (relation != abi::TopologyRelation::kBoth) deaf_.insert({a.p.leg_id, b.p.leg_id});  // a does not hear b
    if (relation == abi::TopologyRelation::kIsolate) deaf_.insert({b.p.leg_id, a.p.leg_id});
  }
  // A participant's own key: announced beside the old one, then used, then the old one goes.
  void rekey_receive() {
    if (mode_ == abi::ForwardingMode::kRelay) return;
    Member& m = members_[pick(members_.size())];
    if (!m.next_receive_key) {
      m.next_receive_key = new_key(m.p.receive_suite);
      m.p.more_receive_keys = {{*m.next_receive_key, {}}};
    } else if (!m.switched) {
      m.up->rekey({{*m.next_receive_key, {}}});
      m.switched = true;
      return;
    } else {
      settle();  // nothing under the old one is on its way
      m.p.receive_key = *m.next_receive_key;
      m.p.more_receive_keys.clear();
      m.next_receive_key.reset();
      m.switched = false;
    }
    submit({Dataplane::leg(1, m.p)});
  }
  void rekey_send() {
    if (mode_ == abi::ForwardingMode::kRelay) return;
    if (mode_ == abi::ForwardingMode::kGroupKey) {
      retired_group_keys_.push_back(conference_.group_keys[0].key);
      conference_.group_keys[0].key = new_key(suite_);
      for (Member& m : members_) m.ears->add_key(conference_.group_keys[0].key);
      return submit({Dataplane::conference(1, conference_)});
    }
    Member& m = members_[pick(members_.size())];
    m.p.send_key = new_key(m.p.send_suite);
    m.ears->add_key(m.p.send_key);
    submit({Dataplane::leg(1, m.p)});
  }

  // --- traffic

  void talk(Member& m, std::size_t packets) {
    for (; packets != 0; --packets) {
      plane_->send_rtp(m.p, remember(m.up->protect(numbered_rtp(m.p.ssrcs[0], m.sequence++, ++m.sent, pick(300)))),
                       pick(plane_->core().worker_count()));
    }
  }
  void report(Member& m) {
    plane_->send_rtcp(m.p, remember(m.up->protect_rtcp(sender_report(m.p.ssrcs[0], ++reports_))), pick(plane_->core().worker_count()));
  }
  void chatter() {
    for (Member& m : members_) {
      talk(m, pick(6));
      if (pick(3) == 0) report(m);
    }
  }
  void loops(std::size_t count) {
    for (; count != 0; --count) {
      (void)plane_->run_once();
      ASSERT_EQ(plane_->leaked(), 0u);
    }
  }
  // Until nothing moves any more; everything that came out is looked at.
  void settle() {
    plane_->resolve_neighbours();
    plane_->run(100000);
    plane_->core().collect();
    listen();
  }

  // Everything that anybody heard since the last time.
  void listen() {
    media_.clear();
    control_.clear();
    for (Member& m : members_) {
      auto packets = plane_->received_by(m.p);
      if (!m.has(abi::kLegRtcpMux))
        for (auto& packet : plane_->rtcp_received_by(m.p)) packets.push_back(std::move(packet));
      for (const Octets& packet : packets) look_at(m, packet);
    }
  }
  // Once everything is at rest, each says one thing and each hears of it what policy allows, neither more nor less.
  void expect_policy() {
    settle();
    for (Member& m : members_) {
      talk(m, 1);
      if (m.p.rtcp_policy == abi::RtcpPolicy::kForward) report(m);
    }
    settle();
    for (const Member& to : members_) {
      std::set<std::uint32_t> media, control;
      for (const Member& from : members_) {
        if (&from == &to) continue;
        const bool forth = may_flow(from, to) && hears(to, from), back = may_flow(to, from) && hears(from, to);
        if (forth && !from.has(abi::kLegMuted)) media.insert(from.p.ssrcs[0]);
        if ((forth || back) && forwards(from) && forwards(to)) control.insert(from.p.ssrcs[0]);
      }
      EXPECT_EQ(media_[to.p.leg_id], media) << to.p.leg_id;
      EXPECT_EQ(control_[to.p.leg_id], control) << to.p.leg_id;
    }
  }

 private:
  EngineKind engine() { return engine_kinds().at(pick(engine_kinds().size())); }
  crypto::Suite any_suite() { return crypto::kSuites.at(pick(crypto::kSuites.size())).id; }
  Octets new_key(crypto::Suite suite) { return test_key(suite, 1000 + ++keys_); }
  std::vector<Octets> group_history() const {
    std::vector<Octets> keys = retired_group_keys_;
    if (mode_ == abi::ForwardingMode::kGroupKey) keys.push_back(conference_.group_keys[0].key);
    if (mode_ == abi::ForwardingMode::kRelay) keys.push_back(relay_key_);
    return keys;
  }
  void submit(const std::vector<dataplane::Operation>& operations) {
    const auto done = plane_->core().submit(operations, {});
    ASSERT_TRUE(done) << done.error().field << ": " << done.error().message;
    plane_->resolve_neighbours();
  }
  const Octets& remember(Octets packet) {
    if (mode_ == abi::ForwardingMode::kRelay) return *on_the_wire_.insert(std::move(packet)).first;
    return last_ = std::move(packet);
  }
  static bool may_flow(const Member& from, const Member& to) { return from.has(abi::kLegMayReceiveFrom) && to.has(abi::kLegMaySendTo); }
  bool hears(const Member& listener, const Member& speaker) const { return !deaf_.contains({listener.p.leg_id, speaker.p.leg_id}); }
  static bool forwards(const Member& m) { return m.p.rtcp_policy == abi::RtcpPolicy::kForward; }

  void look_at(Member& m, const Octets& packet) {
    const bool rtcp = looks_like_rtcp(packet);
    const std::uint32_t ssrc = get32(packet, rtcp ? 4 : 8);
    EXPECT_NE(ssrc, m.p.ssrcs[0]) << "nobody hears himself";
    if (mode_ == abi::ForwardingMode::kRelay) {
      EXPECT_TRUE(on_the_wire_.contains(packet)) << "not as it was sent";
    } else {
      const auto opened = m.ears->open(packet);
      // Another worker's successor begins above a gap, and may overtake the last reports of who had the SSRC before.
      if (!opened && m.ears->too_late() && inherited_.contains(ssrc)) return;
      ASSERT_TRUE(opened.has_value()) << m.p.leg_id << " cannot open what " << std::hex << ssrc << " sent";
      m.ears->remember_rocs();
      if (!rtcp) {
        ASSERT_GE(opened->size(), 20u);
        const std::uint32_t number = get32(*opened, 16);
        EXPECT_EQ(get32(*opened, 12), ssrc) << "somebody else's media";
        EXPECT_TRUE(delivered_.insert({m.p.leg_id, std::uint64_t{ssrc} << 32 | number}).second) << "twice";
        EXPECT_EQ(*opened, numbered_rtp(ssrc, sequence_of(*opened), number, opened->size() - 20));
      }
    }
    (rtcp ? control_ : media_)[m.p.leg_id].insert(ssrc);
  }

  std::mt19937_64 random_;
  const abi::ForwardingMode mode_;
  Engines engines_;
  std::unique_ptr<Dataplane> plane_;
  ConferenceOptions conference_;
  bool mux_ = true;
  crypto::Suite suite_{};
  Octets relay_key_, last_;
  std::vector<Octets> retired_group_keys_;
  std::vector<Member> members_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> deaf_;    // the first does not hear the second
  std::map<std::uint32_t, std::uint32_t> free_ssrcs_, sent_;  // → a ROC beyond all that was used; → packets so far
  std::set<std::uint32_t> inherited_;                         // SSRCs that came back with somebody else
  std::set<Octets> on_the_wire_;                              // relay: everything that was sent
  std::set<std::pair<std::uint64_t, std::uint64_t>> delivered_;
  std::map<std::uint64_t, std::set<std::uint32_t>> media_, control_;  // by listener: whose, since the last time
  std::size_t joined_ = 0;
  unsigned keys_ = 0;
  std::uint32_t reports_ = 0;
};

}  // namespace mediaward::test
