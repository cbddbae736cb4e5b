// SPDX-License-Identifier: Apache-2.0
// Judges by what was counted (conduct_counters.h) whether a peer takes part honestly: requirement by requirement of 3GPP's study, with the
// numbers that prove it, for the AS. A peer may stay silent by right (REQUEST need not be answered, CHOKE, congestion, a crash), hence no
// rule looks at one miss, and none at a time in which the peer was not heard.
// Says what should be done and does nothing: refusing or slowing down is the caller's. Reads no clock, keeps no addresses.
// Main thread, about once a second per peer.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/ppspp/conduct_counters.h"
#include "dataplane/ppspp/conduct_record.h"
#include "dataplane/ppspp/conduct_report.h"

namespace mediaward::dataplane::ppspp {

enum class Verdict : std::uint8_t {
  kTampering,                                                    // chunks that do not belong to the content
  kBlackHole,                                                    // announces, is alive, answers nothing
  kSuspect,                                                      // answers few of the chunks it announces
  kOverClaim,                                                    // announces what it does not give
  kUnderClaim,                                                   // has what it does not announce
  kFalseReport,                                                  // its report to the AS contradicts what was counted
  kHashFlood,                                                    // hashes without data
};                                                               // kVerdicts of them
enum class Action : std::uint8_t { kObserve, kThrottle, kBan };  // in order of severity
enum class Grade : std::uint8_t { kGood, kFair, kPoor };

[[nodiscard]] std::string_view to_string(Verdict verdict) noexcept;
[[nodiscard]] std::string_view to_string(Action action) noexcept;
[[nodiscard]] std::string_view to_string(Grade grade) noexcept;

// RFC 7574 §3.12: gone, not malicious.
inline constexpr std::uint32_t kDeadSilenceSeconds = 180;
inline constexpr std::uint32_t kDeadDatagrams = 3;

// All thresholds; the AS may set each. Where a default is not from elsewhere it is ours, and chosen so that a peer behind a path that
// loses every tenth datagram in both directions stays below half of it.
struct ConductPolicy {
  template <typename T>
  using PerVerdict = std::array<T, kVerdicts>;  // in the order of Verdict

  // Black hole: at least so many REQUESTs for announced chunks without one good chunk, and the first of them unanswered for
  // max(patience_rtts * RTT + patience_slack, patience_least) while the peer was heard. Who has delivered before may be backing off, and
  // has patience_known at least: timeouts of 1, 2, 4 s and so on (RFC 6817 §2.4.2) reach 60 s (RFC 6298 §2.5).
  std::uint32_t black_hole_requests = 16;
  std::uint32_t patience_rtts = 4;
  std::uint32_t patience_slack_ms = 2'000;
  std::uint32_t patience_least_ms = 10'000;
  std::uint32_t patience_known_ms = 60'000;

  // Suspect and over-claim, over windows of at least so many requested chunks that came to an end, and so long: a back-off of one minute
  // is no fault here either.
  std::uint32_t window_requests = 64;
  std::uint32_t window_least_ms = 60'000;
  double suspect_below = 0.25;    // answered share
  double over_claim_above = 0.5;  // share that was neither answered nor excused
  std::uint32_t window_audits = 32;

  std::uint32_t tamper_chunks = 2;  // RFC 7574 §12.6.3 (DATA.1); libtorrent bans a sole source at one, parole at more

  // Under-claim (RFC 7574 §12.6.2, HAVE.2): of the chunks it acknowledged, at least this share never announced, for so long; or of the
  // chunks it asked for, at least that share announced as its own.
  double under_claim_above = 0.25;
  double asks_claimed_above = 0.5;
  std::uint32_t under_claim_chunks = 64;
  std::uint32_t under_claim_grace_ms = 30'000;

  // Reports of its own (RFC 7846 STREAM_STATS): this much off, relative and absolute, in so many reports running.
  double report_tolerance = 0.10;  // PeerBanHelper's default
  std::uint64_t report_least_bytes = 1 << 20;
  std::uint32_t report_repeats = 2;

  // INTEGRITY per DATA: up to 32 uncles and 32 peaks are legal for a first chunk (RFC 7574 §5.3, §5.6); seen are 1 to 2.4.
  double hash_flood_above = 64;
  std::uint32_t hash_flood_messages = 256;

  std::uint32_t half_life_s = 600;  // of what lowers the score, and of a bad chunk
  std::uint32_t audit_interval_s = 60;
  std::uint32_t audit_chunks = 4;

  PerVerdict<Action> action = {Action::kBan,     Action::kBan,     Action::kThrottle, Action::kObserve,
                               Action::kObserve, Action::kObserve, Action::kThrottle};
  std::uint32_t ban_s = 600;  // and after so long without new evidence a verdict that did not ban is void
  std::uint64_t throttle_bytes_per_s = 64 * 1024;

  // Score: 100 less what these take away; each bad chunk takes bad_chunk_points at once.
  PerVerdict<double> points = {80, 70, 45, 35, 25, 40, 45};
  double bad_chunk_points = 15;
  double good_from = 80, fair_from = 40;
};

// One verdict, told once: again only after it cleared, or after a ban ended.
struct Finding {
  std::uint64_t peer = 0;
  Verdict verdict{};
  Action action{};
  // What was measured, of how many, and the bound that it broke:
  //   kTampering    bad chunks, of chunks verified or bad; least number
  //   kBlackHole    chunks answered (0), of REQUESTs; least number
  //   kSuspect      chunks answered, of those that ended; least share
  //   kOverClaim    chunks not answered, of those that ended; greatest share
  //   kUnderClaim   chunks not announced, of those acknowledged (or announced, of those asked for); greatest share
  //   kFalseReport  bytes reported, of bytes counted; tolerance
  //   kHashFlood    INTEGRITY, of DATA; greatest ratio
  std::uint64_t measured = 0, of = 0;
  double limit = 0;
  std::uint64_t over_ms = 0;  // how long this had been so
  PeerConduct counts;         // all that was counted by then
};
[[nodiscard]] std::string describe(const Finding& finding);  // one sentence without the peer's name

struct Assessment {
  std::uint8_t score = 100;  // 0 to 100
  Grade grade = Grade::kGood;
  Action action = Action::kObserve;      // severest of what holds now
  bool dead = false;                     // RFC 7574 §3.12
  bool ban_ended = false;                // by this call
  std::uint64_t banned_until_ticks = 0;  // 0: not banned
};

class ConductJudge {
 public:
  ConductJudge(const ConductPolicy& policy, std::uint64_t ticks_per_second) noexcept : policy_(policy), hz_(ticks_per_second) {}

  // In force from the next call on; what was told stays told.
  void set_policy(const ConductPolicy& policy) noexcept { policy_ = policy; }
  [[nodiscard]] const ConductPolicy& policy() const noexcept { return policy_; }

  // peer: any number the caller knows a (swarm, peer) by; the first call begins its record. Appends what is new to `findings`.
  Assessment assess(std::uint64_t peer, const PeerConduct& counts, std::uint64_t now_ticks, std::vector<Finding>& findings);
  void report_check(std::uint64_t peer, const PeerReport& report, const PeerConduct& counts, std::uint64_t now_ticks,
                    std::vector<Finding>& findings);

  // How many announced chunks are to be asked for at random now; 0 most of the time. Calling it says that they will be.
  [[nodiscard]] std::uint32_t audits_due(std::uint64_t peer, const PeerConduct& counts, std::uint64_t now_ticks);

  // An operator's or the AS's word: nothing of what was counted before counts any more.
  void unban(std::uint64_t peer);
  void forget(std::uint64_t peer) { peers_.erase(peer); }
  [[nodiscard]] std::size_t peers() const noexcept { return peers_.size(); }

 private:
  ConductPolicy policy_;
  std::uint64_t hz_;
  std::unordered_map<std::uint64_t, ConductRecord> peers_;
};

}  // namespace mediaward::dataplane::ppspp
