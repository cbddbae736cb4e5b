// SPDX-License-Identifier: Apache-2.0
// How much may be under way to one peer: LEDBAT (RFC 6817), which RFC 7574 §8 makes mandatory for PPSPP over UDP, and the estimate of the
// round trip (RFC 6298) that its timeout needs. The delay samples come with every ACK, from a clock that is not ours: only differences
// between samples mean anything, and they are taken mod 2^64. What is lost at the end of a flight, where no later ACK tells of it, is found
// out by probes (RFC 8985 §7, RFC 9002 §6.2): without them every such loss costs a timeout of a second at least (RFC 6298 §2.4).
// Knows neither packets nor chunks, keeps no list of what is under way, reads no clock: ticks come with every call, and never go back.
// The worker that owns the channel, per datagram.
#pragma once

#include <array>
#include <cstdint>

namespace mediaward::dataplane::ppspp {

class Ledbat {
 public:
  static constexpr std::int64_t kTargetUs = 100'000;      // RFC 6817 §2.5: at most 100 ms; RFC 7574 §8.15
  static constexpr double kGain = 1.0;                    // RFC 6817 §2.5: at most 1
  static constexpr unsigned kAllowedIncrease = 1;         // RFC 6817 §2.5, in MSS
  static constexpr unsigned kBaseHistory = 10;            // RFC 6817 §2.5, in minutes
  static constexpr unsigned kCurrentFilter = 4;           // RFC 6817 §2.5: at least 4; the filter is their minimum
  static constexpr unsigned kInitCwnd = 2, kMinCwnd = 2;  // RFC 6817 §2.5, in MSS
  static constexpr unsigned kFirstRtoSeconds = 1;         // RFC 6298 §2.1; RFC 6817 §2.4.2: CTO begins at 1 s
  static constexpr unsigned kMinRtoSeconds = 1;           // RFC 6298 §2.4
  static constexpr unsigned kMaxRtoSeconds = 60;          // RFC 6298 §2.5
  static constexpr unsigned kMaxAckDelayMs = 25;          // RFC 9002 §6.2.1: what a receiver may take for an ACK

  // mss_bytes: of a datagram that carries one chunk.
  Ledbat(std::uint32_t mss_bytes, std::uint64_t ticks_per_second) noexcept;

  // Whether so many bytes more may be sent now. One datagram always may when nothing is under way, however small the window, or as a probe.
  [[nodiscard]] bool may_send(std::uint64_t bytes) const noexcept {
    return in_flight_ == 0 || probe_ || static_cast<double>(in_flight_ + bytes) <= cwnd_;
  }
  void sent(std::uint64_t bytes, std::uint64_t now) noexcept;
  // bytes: of chunks that this ACK is the first to acknowledge; 0 for a repeated ACK, whose sample counts all the same.
  void acked(std::uint64_t delay_us, std::uint64_t bytes, std::uint64_t now) noexcept;
  // Given up as lost; sending it again is a sent() of its own. The window halves at most once per round trip (RFC 6817 §2.4.2).
  void lost(std::uint64_t bytes, std::uint64_t now) noexcept;
  // Under way no longer, and not by loss: the peer sent CHOKE, CANCEL or closed.
  void withdrawn(std::uint64_t bytes) noexcept { in_flight_ -= bytes < in_flight_ ? bytes : in_flight_; }

  // One measured round trip. Not of what was sent twice (RFC 6298 §3).
  void rtt_sample(std::uint64_t ticks) noexcept;
  // Something is under way and no ACK came for a whole RTO: on_timeout() is due. What is then given up goes to lost().
  [[nodiscard]] bool timed_out(std::uint64_t now) const noexcept { return in_flight_ != 0 && now - progress_ >= rto_; }
  void on_timeout(std::uint64_t now) noexcept;
  // The same for a probe timeout, which comes before: one datagram may go beyond the window, whose ACK shows what became of the others. The
  // wait doubles until something is acknowledged.
  [[nodiscard]] bool probe_is_due(std::uint64_t now) const noexcept {
    return in_flight_ != 0 && !probe_ && srtt_ != 0 && now - last_sent_ >= probe_wait() << probes_ && now - progress_ >= probe_wait() << probes_;
  }
  void allow_probe() noexcept { probe_ = true; }
  [[nodiscard]] bool probes() const noexcept { return probe_; }  // what is sent next is a probe
  // What was sent so many ticks before something that is acknowledged now, and is not itself, is lost (RFC 9002 §6.1.2).
  [[nodiscard]] std::uint64_t reordering_ticks() const noexcept { return round_trip() * 9 / 8 + hz_ / 1000; }

  [[nodiscard]] std::uint64_t cwnd_bytes() const noexcept { return static_cast<std::uint64_t>(cwnd_); }
  [[nodiscard]] std::uint64_t in_flight_bytes() const noexcept { return in_flight_; }
  [[nodiscard]] std::uint64_t rtt_ticks() const noexcept { return srtt_; }  // smoothed; 0 before the first sample
  [[nodiscard]] std::uint64_t rto_ticks() const noexcept { return rto_; }
  [[nodiscard]] std::int64_t queuing_delay_us() const noexcept;                      // 0 before the first sample
  [[nodiscard]] std::uint32_t clamped_samples() const noexcept { return clamped_; }  // delays that the round trip rules out

 private:
  [[nodiscard]] std::int64_t base() const noexcept;
  [[nodiscard]] std::int64_t plausible(std::int64_t delay) noexcept;
  [[nodiscard]] std::uint64_t round_trip() const noexcept { return srtt_ != 0 ? srtt_ : rto_; }
  [[nodiscard]] std::uint64_t probe_wait() const noexcept { return srtt_ + 4 * rttvar_ + kMaxAckDelayMs * hz_ / 1000; }
  void roll_base(std::uint64_t now) noexcept;
  void add_sample(std::int64_t delay) noexcept;
  void grow(std::uint64_t bytes) noexcept;
  void next_round(std::uint64_t now) noexcept;

  static constexpr std::int64_t kNoDelay = INT64_MAX;

  std::uint64_t hz_;
  double mss_;
  double cwnd_;
  std::uint64_t in_flight_ = 0;
  std::uint64_t srtt_ = 0, rttvar_ = 0;  // RFC 6298
  std::uint64_t rto_;
  std::uint64_t progress_ = 0;  // when the last ACK came, or the first datagram after a pause went
  std::uint64_t last_sent_ = 0;
  std::uint64_t halved_ = 0;
  bool has_halved_ = false, has_origin_ = false;
  bool probe_ = false;         // may go
  std::uint8_t probes_ = 0;    // that went since something was acknowledged
  std::uint8_t base_at_ = 0, current_at_ = 0;  // newest entries of the two histories
  std::uint32_t clamped_ = 0;
  std::uint64_t origin_ = 0;  // delays are kept relative to the first one
  std::uint64_t minute_ = 0;  // when the newest entry of the base history began
  std::uint64_t last_sample_ = 0;
  std::uint64_t round_ = 0;                 // when the present round trip began
  std::uint64_t peak_ = 0, last_peak_ = 0;  // most that was in flight in it and in the one before
  std::array<std::int64_t, kBaseHistory> bases_;
  std::array<std::int64_t, kCurrentFilter> current_;
};
static_assert(sizeof(Ledbat) <= 256);

}  // namespace mediaward::dataplane::ppspp
