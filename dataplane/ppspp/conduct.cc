// SPDX-License-Identifier: Apache-2.0
// The rules of conduct.h, each a function over what was counted between two looks.
// Main thread.
#include "dataplane/ppspp/conduct.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::size_t kWords = sizeof(PeerConduct) / sizeof(std::uint64_t);

// Words of a snapshot are of slightly different moments: a difference that must not be negative can be, by one or two.
constexpr std::uint64_t less(std::uint64_t a, std::uint64_t b) noexcept {
  return a > b ? a - b : 0;
}

// Counters only grow; when these did not, they are another channel's life, and differences say nothing.
bool went_back(const PeerConduct& before, const PeerConduct& now) noexcept {
  return now.requested < before.requested || now.delivered_ok < before.delivered_ok || now.timed_out < before.timed_out ||
         now.cancelled < before.cancelled || now.bad < before.bad || now.integrity_messages < before.integrity_messages ||
         now.data_messages < before.data_messages || now.acked_to_us_chunks < before.acked_to_us_chunks;
}

ConductRecord::Silence silence_from(const PeerConduct& counts) noexcept {
  return {.since = 0, .alive = 0, .asked = less(counts.requested + counts.repeated, counts.outstanding), .excused = counts.cancelled};
}

void begin(ConductRecord& record, const PeerConduct& counts, std::uint64_t now) noexcept {
  record.begun = true;
  record.looked = now;
  record.before = record.base = counts;
  record.silence = silence_from(counts);
  record.fresh = record.aged = record.window = {};
  record.fresh_since = record.window_since = record.flood_since = now;
  record.integrity = record.data = record.hidden_since = 0;
  record.reports = {};
  record.false_reports = 0;
  if (record.audited == 0) record.audited = now;  // the first audit comes after an interval
}

// One look at one peer.
class Look {
 public:
  Look(const ConductPolicy& policy, std::uint64_t hz, std::uint64_t peer, ConductRecord& record, const PeerConduct& counts,
       std::uint64_t now, std::vector<Finding>& findings) noexcept
      : policy_(policy), hz_(hz), peer_(peer), r_(record), counts_(counts), now_(now), findings_(findings) {}

  void judge() {
    // Who is not asked any more has no way to prove that it has become better.
    for (const Verdict v : {Verdict::kSuspect, Verdict::kOverClaim, Verdict::kHashFlood})
      if (now_ - r_.confirmed[static_cast<std::size_t>(v)] >= forget()) settle(v, false, 0, 0, 0, now_);
    tampering();
    silence();
    ends();
    under_claim();
    hash_flood();
    r_.before = counts_;
    r_.looked = now_;
  }
  void report(const PeerReport& report);

  void decay() noexcept {
    const double halvings = seconds(now_ - r_.penalty_as_of) / std::max(policy_.half_life_s, 1u);
    r_.penalty = std::min(r_.penalty * std::exp2(-halvings), 100.0);
    r_.penalty_as_of = now_;
    for (std::size_t i = 0; i < kVerdicts; ++i)
      if (r_.told[i]) r_.penalty = std::max(r_.penalty, policy_.points[i]);
  }
  // Says what holds or does not; told when it begins to hold.
  void settle(Verdict verdict, bool holds, std::uint64_t measured, std::uint64_t of, double limit, std::uint64_t since);

 private:
  [[nodiscard]] std::uint64_t ticks(std::uint64_t ms) const noexcept { return ms * hz_ / 1000; }
  [[nodiscard]] double seconds(std::uint64_t ticks) const noexcept { return static_cast<double>(ticks) / static_cast<double>(hz_); }
  [[nodiscard]] std::uint64_t patience() const noexcept {
    return std::max(policy_.patience_rtts * counts_.rtt_ticks + ticks(policy_.patience_slack_ms), ticks(policy_.patience_least_ms));
  }
  [[nodiscard]] std::uint64_t forget() const noexcept { return std::uint64_t{policy_.ban_s} * hz_; }
  // What of a word came since the last look.
  [[nodiscard]] std::uint64_t since(std::uint64_t PeerConduct::*word) const noexcept { return less(counts_.*word, r_.before.*word); }
  [[nodiscard]] std::uint64_t in_all(std::uint64_t PeerConduct::*word) const noexcept { return less(counts_.*word, r_.base.*word); }

  void tampering();
  void silence();
  void ends();
  void ripen() noexcept;
  void judge_ends();
  void under_claim();
  void hash_flood();

  const ConductPolicy& policy_;
  const std::uint64_t hz_;
  const std::uint64_t peer_;
  ConductRecord& r_;
  const PeerConduct& counts_;
  const std::uint64_t now_;
  std::vector<Finding>& findings_;
};

void Look::settle(Verdict verdict, bool holds, std::uint64_t measured, std::uint64_t of, double limit, std::uint64_t since) {
  const auto i = static_cast<std::size_t>(verdict);
  const bool tell = holds && !r_.told[i];
  r_.told[i] = holds;
  if (holds) r_.confirmed[i] = now_;
  if (!tell) return;
  const Action action = policy_.action[i];
  r_.penalty += policy_.points[i];
  if (action == Action::kBan) r_.banned_until = now_ + std::uint64_t{policy_.ban_s} * hz_;
  const auto over_ms = static_cast<std::uint64_t>(seconds(less(now_, since)) * 1000);
  findings_.push_back({peer_, verdict, action, measured, of, limit, over_ms, counts_});
}

// A bad chunk is its sender's doing: hashes of other peers are never mixed in. One can be a broken memory's, though; it is forgiven in
// time.
void Look::tampering() {
  const std::uint64_t bad = since(&PeerConduct::bad);
  const std::uint64_t half_life = std::max(policy_.half_life_s, 1u) * hz_;
  if (bad != 0) {
    if (r_.bad == 0) r_.bad_since = r_.looked;
    r_.bad += bad;
    r_.bad_halved = now_;
    r_.penalty += policy_.bad_chunk_points * static_cast<double>(bad);
  }
  for (; r_.bad != 0 && now_ - r_.bad_halved >= half_life; r_.bad_halved += half_life) r_.bad /= 2;
  settle(Verdict::kTampering, r_.bad != 0 && r_.bad >= policy_.tamper_chunks, r_.bad,
         in_all(&PeerConduct::delivered_ok) + in_all(&PeerConduct::bad), policy_.tamper_chunks, r_.bad_since);
}

// Black hole: what was asked for since the last good chunk. Time counts only while the peer is heard: a gap, however long, counts for half
// of the patience at most, so that neither a crash nor one datagram after an outage makes a verdict. It begins anew with a duplicate: who
// repeats what we have waits for our ACKs, and has nothing to spare for others by LEDBAT.
void Look::silence() {
  ConductRecord::Silence& s = r_.silence;
  const bool answered = since(&PeerConduct::delivered_ok) != 0;
  if (answered) settle(Verdict::kBlackHole, false, 0, 0, 0, now_);
  const std::uint64_t asked = less(counts_.requested + counts_.repeated, s.asked + less(counts_.cancelled, s.excused));
  if (since(&PeerConduct::requested) + since(&PeerConduct::repeated) != 0) s.asked_last = now_;
  const bool old = s.asked_last != 0 && now_ - s.asked_last >= forget();
  if (answered || asked == 0 || old) {
    if (old) settle(Verdict::kBlackHole, false, 0, 0, 0, now_);
    s = silence_from(counts_);
    return;
  }
  const std::uint64_t oldest = counts_.oldest_outstanding_ticks;
  if (s.since == 0) s.since = oldest > r_.looked && oldest < now_ ? oldest : now_;
  if (counts_.choked != 0 || since(&PeerConduct::chokes) != 0) return;
  if (since(&PeerConduct::duplicate) != 0) {
    s.alive = 0;
    s.since = now_;
    return;
  }
  const bool known = in_all(&PeerConduct::delivered_ok) != 0;
  const std::uint64_t period = std::max(patience(), known ? ticks(policy_.patience_known_ms) : 0);
  s.alive += std::min(less(counts_.last_heard_ticks, std::max(r_.before.last_heard_ticks, s.since)), period / 2);
  if (asked >= policy_.black_hole_requests && s.alive >= period)
    settle(Verdict::kBlackHole, true, 0, asked, policy_.black_hole_requests, s.since);
}

// Requests that ended since the last look. What came late takes a miss back, the oldest that is not judged yet.
void Look::ends() {
  std::uint64_t late = since(&PeerConduct::late);
  r_.fresh.answered += since(&PeerConduct::delivered_ok);
  r_.fresh.missed += since(&PeerConduct::timed_out);
  r_.fresh.audits_answered += since(&PeerConduct::audits_answered);
  r_.fresh.audits_missed += since(&PeerConduct::audits_missed);
  for (ConductRecord::Ends* ends : {&r_.window, &r_.aged, &r_.fresh}) {
    const std::uint64_t back = std::min(late, ends->missed);
    ends->missed -= back;
    late -= back;
  }
  const std::uint64_t period = 2 * patience();
  // It was away: what it missed then is no fault.
  if (less(counts_.last_heard_ticks, r_.before.last_heard_ticks) > period)
    r_.fresh.missed = r_.fresh.audits_missed = r_.aged.missed = r_.aged.audits_missed = 0;
  // CHOKE may have been lost or late: what it missed just before is no fault, unless it gives nothing between one and the next.
  if (since(&PeerConduct::chokes) != 0) {
    if (counts_.delivered_ok != r_.delivered_at_choke) r_.fresh.missed = r_.fresh.audits_missed = 0;
    r_.delivered_at_choke = counts_.delivered_ok;
  }
  if (now_ - r_.fresh_since >= period) ripen();
  judge_ends();
}

// What has waited once is judged, if the peer was heard since; else it waits on, and what came behind it with it.
void Look::ripen() noexcept {
  const auto add = [](ConductRecord::Ends& to, ConductRecord::Ends& from) {
    to.answered += from.answered;
    to.missed += from.missed;
    to.audits_answered += from.audits_answered;
    to.audits_missed += from.audits_missed;
    from = {};
  };
  if (counts_.last_heard_ticks >= r_.aged_until) add(r_.window, r_.aged);
  add(r_.aged, r_.fresh);
  r_.aged_until = r_.fresh_since = now_;
}

void Look::judge_ends() {
  ConductRecord::Ends& w = r_.window;
  const std::uint64_t audits = w.audits_answered + w.audits_missed;
  if (audits != 0 && audits >= policy_.window_audits) {
    r_.audits_missed = static_cast<double>(w.audits_missed) > policy_.over_claim_above * static_cast<double>(audits);
    settle(Verdict::kOverClaim, r_.audits_missed || r_.requests_missed, w.audits_missed, audits, policy_.over_claim_above, r_.window_since);
    w.audits_answered = w.audits_missed = 0;
  }
  const std::uint64_t ended = w.answered + w.missed;
  if (ended == 0 || ended < policy_.window_requests || now_ - r_.window_since < ticks(policy_.window_least_ms)) return;
  const double share = static_cast<double>(w.answered) / static_cast<double>(ended);
  settle(Verdict::kSuspect, share < policy_.suspect_below, w.answered, ended, policy_.suspect_below, r_.window_since);
  r_.requests_missed = 1 - share > policy_.over_claim_above;
  settle(Verdict::kOverClaim, r_.audits_missed || r_.requests_missed, w.missed, ended, policy_.over_claim_above, r_.window_since);
  w.answered = w.missed = 0;
  r_.window_since = now_;
}

void Look::under_claim() {
  const std::uint64_t acked = in_all(&PeerConduct::acked_to_us_chunks), hidden = in_all(&PeerConduct::acked_unclaimed);
  const std::uint64_t asked = in_all(&PeerConduct::requested_of_us), owned = in_all(&PeerConduct::requested_though_claimed);
  const auto much = [this](std::uint64_t part, std::uint64_t of, double share) {
    return of >= policy_.under_claim_chunks && static_cast<double>(part) > share * static_cast<double>(of);
  };
  const bool hides = much(hidden, acked, policy_.under_claim_above), asks = much(owned, asked, policy_.asks_claimed_above);
  if (!hides && !asks) {
    r_.hidden_since = 0;
    settle(Verdict::kUnderClaim, false, 0, 0, 0, now_);
    return;
  }
  if (r_.hidden_since == 0) r_.hidden_since = now_;
  if (now_ - r_.hidden_since < ticks(policy_.under_claim_grace_ms)) return;  // HAVE may be on its way
  if (hides) {
    settle(Verdict::kUnderClaim, true, hidden, acked, policy_.under_claim_above, r_.hidden_since);
  } else {
    settle(Verdict::kUnderClaim, true, owned, asked, policy_.asks_claimed_above, r_.hidden_since);
  }
}

void Look::hash_flood() {
  r_.integrity += since(&PeerConduct::integrity_messages);
  r_.data += since(&PeerConduct::data_messages);
  if (r_.integrity == 0 || r_.integrity < policy_.hash_flood_messages) return;
  const bool floods = static_cast<double>(r_.integrity) > policy_.hash_flood_above * static_cast<double>(r_.data);
  settle(Verdict::kHashFlood, floods, r_.integrity, r_.data, policy_.hash_flood_above, r_.flood_since);
  r_.integrity = r_.data = 0;
  r_.flood_since = now_;
}

void Look::report(const PeerReport& report) {
  const auto contradiction = r_.reports.compare(report, counts_, policy_.report_tolerance, policy_.report_least_bytes);
  if (!r_.reports.comparing()) {
    r_.reports_since = now_;
    return;
  }
  r_.false_reports = contradiction ? r_.false_reports + 1 : 0;
  if (!contradiction) {
    settle(Verdict::kFalseReport, false, 0, 0, 0, now_);
  } else if (r_.false_reports >= policy_.report_repeats) {
    settle(Verdict::kFalseReport, true, contradiction->said, contradiction->counted, policy_.report_tolerance, r_.reports_since);
  }
}

}  // namespace

Assessment ConductJudge::assess(std::uint64_t peer, const PeerConduct& counts, std::uint64_t now_ticks, std::vector<Finding>& findings) {
  ConductRecord& record = peers_[peer];
  Assessment result;
  result.ban_ended = record.banned_until != 0 && now_ticks >= record.banned_until;
  if (result.ban_ended) {
    record.banned_until = record.bad = 0;
    record.told = {};
  }
  if (!record.begun || result.ban_ended || went_back(record.before, counts)) begin(record, counts, now_ticks);
  Look look(policy_, hz_, peer, record, counts, now_ticks, findings);
  look.decay();
  if (record.banned_until == 0) look.judge();

  result.banned_until_ticks = record.banned_until;
  for (std::size_t i = 0; i < kVerdicts; ++i)
    if (record.told[i]) result.action = std::max(result.action, policy_.action[i]);
  if (record.banned_until != 0) result.action = Action::kBan;
  result.score = static_cast<std::uint8_t>(std::lround(100 - std::clamp(record.penalty, 0.0, 100.0)));
  result.grade = result.score >= policy_.good_from ? Grade::kGood : result.score >= policy_.fair_from ? Grade::kFair : Grade::kPoor;
  result.dead = counts.last_heard_ticks != 0 && counts.datagrams_unanswered >= kDeadDatagrams &&
                less(now_ticks, counts.last_heard_ticks) >= kDeadSilenceSeconds * hz_;
  return result;
}

void ConductJudge::report_check(std::uint64_t peer, const PeerReport& report, const PeerConduct& counts, std::uint64_t now_ticks,
                                std::vector<Finding>& findings) {
  ConductRecord& record = peers_[peer];
  if (!record.begun) begin(record, counts, now_ticks);
  if (record.banned_until == 0) Look(policy_, hz_, peer, record, counts, now_ticks, findings).report(report);
}

std::uint32_t ConductJudge::audits_due(std::uint64_t peer, const PeerConduct& counts, std::uint64_t now_ticks) {
  ConductRecord& record = peers_[peer];
  if (!record.begun) begin(record, counts, now_ticks);
  if (now_ticks - record.audited < policy_.audit_interval_s * hz_) return 0;
  if (counts.choked != 0 || record.banned_until != 0) return 0;
  record.audited = now_ticks;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(policy_.audit_chunks, counts.claimed_chunks));
}

void ConductJudge::unban(std::uint64_t peer) {
  const auto at = peers_.find(peer);
  if (at != peers_.end()) at->second = {};
}

PeerConduct PeerConduct::snapshot() const noexcept {
  std::array<std::uint64_t, kWords> words;
  const auto* from = reinterpret_cast<const std::uint64_t*>(this);  // nothing but words
  for (std::size_t i = 0; i < kWords; ++i) words[i] = read_relaxed(from[i]);
  return std::bit_cast<PeerConduct>(words);
}

}  // namespace mediaward::dataplane::ppspp
