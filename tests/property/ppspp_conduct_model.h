// SPDX-License-Identifier: Apache-2.0
// A fetching appliance and one peer with a lossy path between them, as events in simulated time: REQUESTs in a pipeline, repeats, ACKs,
// sending under LEDBAT, CHOKE, keep-alives, reports to the AS. The appliance counts as conduct_counters.h says; what the peer is like is a
// setting. Messages are calls here: no bytes, no hashes. For property tests of conduct.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "dataplane/ppspp/conduct.h"
#include "dataplane/ppspp/ledbat.h"

namespace mediaward::test {

using namespace dataplane::ppspp;

enum class Manner { kHonest, kChokes, kCrashes, kBlackHole, kTampers, kDropsMost, kClaimsTooMuch };

struct ConductModelSettings {
  unsigned seed = 1;
  Manner manner = Manner::kHonest;
  double loss = 0.1;  // of every datagram, in both directions
  std::uint64_t one_way_us = 20'000;
  std::uint64_t jitter_us = 5'000;
  std::uint64_t bytes_per_s = 200'000;  // the peer's uplink
  std::uint64_t chunks = 3000;
  std::size_t pipeline = 64;
  unsigned tries = 3;                // REQUESTs for a chunk before it is given up
  double share = 1;                  // kTampers: of chunks that are bad; kDropsMost, kClaimsTooMuch: of chunks that are answered
  bool answers_with_hashes = false;  // kBlackHole: INTEGRITY at every REQUEST (captures/11); else keep-alives only
  std::uint64_t keep_alive_us = 10'000'000;
  std::uint64_t turns_bad_us = 0;  // honest until then
  std::uint64_t seconds = 90;
};

class ConductModel {
 public:
  static constexpr std::uint64_t kHz = 1'000'000;
  static constexpr std::uint64_t kPeer = 5;
  static constexpr std::uint32_t kChunk = 1024, kDatagram = 1120;

  explicit ConductModel(const ConductModelSettings& s, const ConductPolicy& policy = {}) : s_(s), random_(s.seed), judge_(policy, kHz) {
    announce();
    every(s_.keep_alive_us, [this] { keep_alive(); });
    every(50'000, [this] { peer_timer(); });
    every(50'000, [this] { our_timer(); });
    every(kHz, [this] { look(); });
    every(30 * kHz, [this] { report(); });
    if (s_.manner == Manner::kChokes) every(15 * kHz, [this] { toggle_choke(); });
  }
  void run() {
    const std::uint64_t end = now_ + s_.seconds * kHz;
    while (!events_.empty() && events_.top().at <= end && !stop_) {
      const Event e = events_.top();
      events_.pop();
      now_ = e.at;
      e.run();
    }
  }
  // Ends at the first finding of this kind.
  void run_until(Verdict verdict) {
    until_ = verdict;
    run();
  }

  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  [[nodiscard]] const Finding* found(Verdict v) const {
    const auto at = std::find_if(findings_.begin(), findings_.end(), [v](const Finding& f) { return f.verdict == v; });
    return at == findings_.end() ? nullptr : &*at;
  }
  [[nodiscard]] const PeerConduct& counts() const { return c_; }
  [[nodiscard]] const Assessment& last() const { return assessment_; }
  [[nodiscard]] unsigned worst_score() const { return worst_score_; }
  [[nodiscard]] std::uint64_t now() const { return now_; }
  // When the first chunk was asked for after the last good one.
  [[nodiscard]] std::uint64_t unanswered_since() const { return unanswered_since_; }
  [[nodiscard]] std::uint64_t sent_by_peer() const { return uploaded_; }
  [[nodiscard]] std::uint64_t congestion_timeouts() const { return timeouts_; }

 private:
  struct Event {
    std::uint64_t at, order;
    std::function<void()> run;
    bool operator<(const Event& other) const { return at != other.at ? at > other.at : order > other.order; }
  };
  struct Asked {
    std::uint64_t at = 0;
    unsigned tries = 0;
    bool audit = false;
  };
  struct Sent {
    std::uint64_t at = 0;
    unsigned tries = 0;
    unsigned passed = 0;   // by ACKs of what was sent later
    bool waiting = false;  // in wanted_ once more: given up as lost, and not sent again yet
  };

  void at(std::uint64_t when, std::function<void()> f) { events_.push({when, order_++, std::move(f)}); }
  void every(std::uint64_t period, std::function<void()> f) {
    at(now_ + period, [this, period, f] {
      f();
      every(period, f);
    });
  }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  std::uint64_t delay() { return s_.one_way_us + random_() % (s_.jitter_us + 1); }
  void to_peer(std::function<void()> f) {
    ++c_.datagrams_unanswered;
    if (!chance(s_.loss)) at(now_ + delay(), std::move(f));
  }
  void to_us(std::uint64_t sent_at, std::function<void()> f) {
    if (crashed() || chance(s_.loss)) return;
    at(sent_at + delay(), [this, f = std::move(f)] {
      c_.last_heard_ticks = now_;
      c_.datagrams_unanswered = 0;
      f();
    });
  }
  [[nodiscard]] bool bad_now() const { return now_ - kBegin >= s_.turns_bad_us; }
  [[nodiscard]] bool crashed() const { return s_.manner == Manner::kCrashes && now_ - kBegin > 20 * kHz; }

  // --- the peer ---
  void announce() {  // HAVE for everything, again and again: one may be lost
    to_us(now_, [this] {
      claimed_ = true;
      c_.claimed_chunks = s_.chunks;
      ask();
    });
    at(now_ + 5 * kHz, [this] { announce(); });
  }
  void keep_alive() {
    to_us(now_, [this] { ++c_.keep_alives; });
    if (s_.manner == Manner::kChokes) tell_choke();
  }
  void toggle_choke() {
    choking_ = !choking_;
    if (choking_) {
      wanted_.clear();
      std::erase_if(unacked_, [](const auto& u) { return u.second.waiting; });
    }
    tell_choke();
  }
  void tell_choke() {
    const bool choking = choking_;
    to_us(now_, [this, choking] { on_choke(choking); });
  }
  void on_request(const std::vector<std::uint64_t>& chunks) {
    if (crashed()) return;
    if (choking_) return tell_choke();  // the one before may be lost
    if (s_.manner == Manner::kBlackHole && bad_now()) {
      if (s_.answers_with_hashes) to_us(now_, [this] { c_.integrity_messages += 3; });
      return;
    }
    for (const std::uint64_t chunk : chunks) {
      if (bad_now() && !answers(chunk)) continue;
      const auto sent = unacked_.find(chunk);
      if (sent != unacked_.end()) {  // asked for again: it was lost, unless it may be on its way
        if (!sent->second.waiting && now_ > sent->second.at + std::max(ledbat_.rtt_ticks(), kHz / 10)) resend(chunk, sent->second);
        continue;
      }
      if (std::find(wanted_.begin(), wanted_.end(), chunk) == wanted_.end()) wanted_.push_back(chunk);
    }
    pump();
  }
  bool answers(std::uint64_t chunk) {
    if (s_.manner == Manner::kDropsMost) return chance(s_.share);
    if (s_.manner == Manner::kClaimsTooMuch) return chunk < static_cast<std::uint64_t>(s_.share * static_cast<double>(s_.chunks));
    return true;
  }
  void pump() {
    while (!wanted_.empty() && ledbat_.may_send(kDatagram)) {
      const std::uint64_t chunk = wanted_.front();
      wanted_.pop_front();
      ledbat_.sent(kDatagram, now_);
      Sent& sent = unacked_[chunk];
      sent = {now_, sent.tries + 1};
      uploaded_ += kChunk;
      uplink_free_ = std::max(uplink_free_, now_) + kDatagram * kHz / s_.bytes_per_s;
      const bool bad = s_.manner == Manner::kTampers && bad_now() && chance(s_.share);
      const auto hashes = static_cast<unsigned>(1 + random_() % 3);
      to_us(uplink_free_, [this, chunk, bad, hashes, began = now_] { on_data(chunk, bad, hashes, began); });
    }
  }
  void on_ack(std::uint64_t chunk, std::uint64_t delay_us) {
    const auto at = unacked_.find(chunk);
    const bool first = at != unacked_.end() && !at->second.waiting;
    if (first && at->second.tries == 1) ledbat_.rtt_sample(now_ - at->second.at);
    ledbat_.acked(delay_us, first ? kDatagram : 0, now_);
    if (at != unacked_.end()) {
      const Sent acked = at->second;
      unacked_.erase(at);
      std::erase(wanted_, chunk);
      for (auto& [other, sent] : unacked_)  // what was sent before and is passed by three is lost
        if (first && !sent.waiting && sent.at < acked.at && ++sent.passed == 3) resend(other, sent);
    }
    pump();
  }
  void peer_timer() {
    if (crashed()) return;
    const bool all = ledbat_.timed_out(now_);
    if (all) {
      ledbat_.on_timeout(now_);
      ++timeouts_;
    }
    for (auto i = unacked_.begin(); i != unacked_.end();) {
      if (i->second.waiting || (!all && now_ < i->second.at + ledbat_.rto_ticks())) {
        ++i;
        continue;
      }
      if (i->second.tries < 4) {
        resend(i->first, i->second);
        ++i;
      } else {
        ledbat_.lost(kDatagram, now_);
        i = unacked_.erase(i);
      }
    }
    pump();
  }
  void resend(std::uint64_t chunk, Sent& sent) {
    ledbat_.lost(kDatagram, now_);
    sent.waiting = true;
    wanted_.push_front(chunk);
  }

  // --- the appliance ---
  void send_request(std::vector<std::uint64_t> chunks) {
    if (!chunks.empty()) to_peer([this, chunks = std::move(chunks)] { on_request(chunks); });
  }
  void ask() {
    if (!claimed_ || c_.choked != 0 || assessment_.action == Action::kBan) return;
    const std::uint32_t audits = judge_.audits_due(kPeer, c_, now_);
    std::vector<std::uint64_t> chunks;
    for (std::uint32_t i = 0; i < audits; ++i) begin(random_() % s_.chunks, true, chunks);
    for (; asked_.size() < window_ && !soon_.empty(); soon_.pop_front()) begin(soon_.front(), false, chunks);
    for (; asked_.size() < window_ && next_ < s_.chunks; ++next_) {
      begin(next_, false, chunks);
      if (chunks.size() == 16) send_request(std::exchange(chunks, {}));
    }
    for (; asked_.size() < window_ && !again_.empty(); again_.pop_front()) begin(again_.front(), false, chunks);
    send_request(std::move(chunks));
    settle_oldest();
  }
  void begin(std::uint64_t chunk, bool audit, std::vector<std::uint64_t>& chunks) {
    if (held_.contains(chunk) || asked_.contains(chunk)) return;
    asked_[chunk] = {now_, 1, audit};
    ++(given_up_.contains(chunk) ? c_.repeated : c_.requested);
    if (audit) ++c_.audits_issued;
    if (unanswered_since_ == 0) unanswered_since_ = now_;
    chunks.push_back(chunk);
  }
  void settle_oldest() {
    c_.outstanding = asked_.size();
    c_.oldest_outstanding_ticks = 0;
    for (const auto& [chunk, a] : asked_)
      if (c_.oldest_outstanding_ticks == 0 || a.at < c_.oldest_outstanding_ticks) c_.oldest_outstanding_ticks = a.at;
  }
  void our_timer() {
    const std::uint64_t patience = std::min(std::max(kHz, 4 * c_.rtt_ticks) << backoff_, 60 * kHz);
    std::vector<std::uint64_t> chunks;
    bool missed = false;
    for (auto i = asked_.begin(); i != asked_.end();) {
      auto& [chunk, a] = *i;
      if (now_ - std::max(a.at, last_data_) < patience) {
        ++i;
        continue;
      }
      missed = true;
      if (a.tries < s_.tries) {
        a = {now_, a.tries + 1, a.audit};
        ++c_.repeated;
        chunks.push_back(chunk);
        ++i;
      } else {
        if (given_up_.insert(chunk).second) ++c_.timed_out;
        if (a.audit) ++c_.audits_missed;
        again_.push_back(chunk);
        i = asked_.erase(i);
      }
    }
    if (missed) {
      window_ = std::max<std::size_t>(4, window_ / 2);
      backoff_ = std::min(backoff_ + 1, 6u);  // RFC 6298 §5.5
    }
    send_request(std::move(chunks));
    ask();
  }
  void on_data(std::uint64_t chunk, bool bad, unsigned hashes, std::uint64_t began) {
    ++c_.data_messages;
    c_.integrity_messages += hashes;
    last_data_ = now_;
    if (held_.contains(chunk)) {
      ++c_.duplicate;
      c_.bytes_in_other += kChunk;
      return acknowledge(chunk, began);
    }
    const auto at = asked_.find(chunk);
    const bool late = given_up_.contains(chunk);
    if (at == asked_.end() && !late && !cancelled_.contains(chunk)) {
      ++c_.unrequested;
      c_.bytes_in_other += kChunk;
      return;
    }
    if (at != asked_.end() && at->second.tries == 1) {
      const std::uint64_t rtt = now_ - at->second.at;
      c_.rtt_ticks = c_.rtt_ticks == 0 ? rtt : c_.rtt_ticks - c_.rtt_ticks / 8 + rtt / 8;
      backoff_ = 0;
    }
    if (bad) {
      ++c_.bad;
      c_.bytes_in_other += kChunk;
      if (at != asked_.end()) asked_.erase(at);
      soon_.push_back(chunk);
      return ask();
    }
    if (late) ++c_.late;
    if (at != asked_.end() && at->second.audit) ++c_.audits_answered;
    window_ = std::min(window_ + 1, s_.pipeline);
    ++c_.delivered_ok;
    c_.bytes_in_ok += kChunk;
    unanswered_since_ = 0;
    held_.insert(chunk);
    given_up_.erase(chunk);
    if (at != asked_.end()) asked_.erase(at);
    acknowledge(chunk, began);
    ask();
  }
  void acknowledge(std::uint64_t chunk, std::uint64_t began) {
    to_peer([this, chunk, delay_us = now_ - began + 987'654'321] { on_ack(chunk, delay_us); });
  }
  void on_choke(bool choked) {
    if (choked && c_.choked == 0) {
      ++c_.chokes;
      c_.cancelled += asked_.size();
      for (const auto& [chunk, a] : asked_) {
        soon_.push_back(chunk);
        cancelled_.insert(chunk);  // it may be on its way: taken all the same, and acknowledged
      }
      asked_.clear();
    }
    c_.choked = choked ? 1 : 0;
    ask();
  }
  void look() {
    settle_oldest();
    assessment_ = judge_.assess(kPeer, c_, now_, findings_);
    worst_score_ = std::min<unsigned>(worst_score_, assessment_.score);
    stop_ = until_ && found(*until_) != nullptr;
  }
  void report() {  // as of some seconds ago, when it is compared
    if (crashed()) return;
    at(now_ + random_() % (5 * kHz), [this, uploaded = uploaded_] {
      PeerReport r;
      r.uploaded_bytes = uploaded;
      r.complete = true;
      judge_.report_check(kPeer, r, c_, now_, findings_);
    });
  }

  static constexpr std::uint64_t kBegin = 1000 * kHz;
  const ConductModelSettings s_;
  std::mt19937 random_;
  std::uint64_t now_ = kBegin, order_ = 0;
  std::priority_queue<Event> events_;
  bool stop_ = false;
  std::optional<Verdict> until_;

  Ledbat ledbat_{kDatagram, kHz};
  std::deque<std::uint64_t> wanted_;
  std::map<std::uint64_t, Sent> unacked_;
  std::uint64_t uplink_free_ = 0, uploaded_ = 0, timeouts_ = 0;
  bool choking_ = false;

  PeerConduct c_;
  ConductJudge judge_;
  std::vector<Finding> findings_;
  Assessment assessment_;
  unsigned worst_score_ = 100;
  bool claimed_ = false;
  std::size_t window_ = 16;
  unsigned backoff_ = 0;
  std::uint64_t next_ = 0, last_data_ = 0, unanswered_since_ = 0;
  std::map<std::uint64_t, Asked> asked_;
  std::set<std::uint64_t> held_, given_up_, cancelled_;
  std::deque<std::uint64_t> soon_, again_;  // to be asked for before all others, and behind them
};

}  // namespace mediaward::test
