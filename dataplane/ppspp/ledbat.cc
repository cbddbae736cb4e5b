// SPDX-License-Identifier: Apache-2.0
// The window of RFC 6817 §2.4.2, with what a poll-mode sender and a peer that may lie make necessary: see ledbat.h.
// The worker that owns the channel.
#include "dataplane/ppspp/ledbat.h"

#include <algorithm>

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::int64_t kUsPerSecond = 1'000'000;
constexpr std::uint8_t kMostProbes = 10;  // by then their wait is beyond any timeout

}  // namespace

Ledbat::Ledbat(std::uint32_t mss_bytes, std::uint64_t ticks_per_second) noexcept
    : hz_(ticks_per_second), mss_(mss_bytes), cwnd_(kInitCwnd * mss_), rto_(kFirstRtoSeconds * ticks_per_second) {
  bases_.fill(kNoDelay);
  current_.fill(kNoDelay);
}

void Ledbat::sent(std::uint64_t bytes, std::uint64_t now) noexcept {
  next_round(now);
  if (in_flight_ == 0) {
    // RFC 5681 §4.1: what the path took before a pause says little about what it takes now.
    if (now - last_sent_ > rto_) cwnd_ = std::min(cwnd_, kInitCwnd * mss_);
    progress_ = now;
  } else if (probe_ && probes_ < kMostProbes) {
    ++probes_;
  }
  probe_ = false;
  in_flight_ += bytes;
  peak_ = std::max(peak_, in_flight_);
  last_sent_ = now;
}

void Ledbat::acked(std::uint64_t delay_us, std::uint64_t bytes, std::uint64_t now) noexcept {
  if (!has_origin_) {
    has_origin_ = true;
    origin_ = delay_us;
    minute_ = now;
  }
  roll_base(now);
  if (now - last_sample_ > rto_) current_.fill(kNoDelay);  // of before a pause
  last_sample_ = now;
  add_sample(plausible(static_cast<std::int64_t>(delay_us - origin_)));
  next_round(now);
  grow(bytes);
  if (bytes != 0) {
    progress_ = now;
    probes_ = 0;
    probe_ = false;
  }
  withdrawn(bytes);
}

// RFC 6817 §2.4.2. Its flightsize is of a sender that sends between any two ACKs; here ACKs come in bursts, each of which would find less
// in flight than the window allowed. Hence the most that was in flight in this round trip and the last one.
void Ledbat::grow(std::uint64_t bytes) noexcept {
  const double off_target = static_cast<double>(kTargetUs - queuing_delay_us()) / static_cast<double>(kTargetUs);
  cwnd_ += kGain * off_target * static_cast<double>(bytes) * mss_ / cwnd_;
  cwnd_ = std::min(cwnd_, static_cast<double>(std::max(peak_, last_peak_)) + kAllowedIncrease * mss_);
  cwnd_ = std::max(cwnd_, kMinCwnd * mss_);
}

void Ledbat::lost(std::uint64_t bytes, std::uint64_t now) noexcept {
  if (!has_halved_ || now - halved_ >= round_trip()) {
    cwnd_ = std::min(cwnd_, std::max(cwnd_ / 2, kMinCwnd * mss_));
    halved_ = now;
    has_halved_ = true;
  }
  withdrawn(bytes);
}

// RFC 6817 §2.4.2: severe congestion, or a round trip that is another one now.
void Ledbat::on_timeout(std::uint64_t now) noexcept {
  cwnd_ = mss_;
  rto_ = std::min(2 * rto_, kMaxRtoSeconds * hz_);
  progress_ = now;
  halved_ = now;
  has_halved_ = true;
}

// RFC 6298 §2.2, §2.3. What a timeout doubled stays so until a sample comes (§5.5, §5.7): where the round trip is longer than the RTO,
// nothing but a longer RTO ever leads to one.
void Ledbat::rtt_sample(std::uint64_t ticks) noexcept {
  const std::uint64_t rtt = std::max<std::uint64_t>(ticks, 1);
  if (srtt_ == 0) {
    srtt_ = rtt;
    rttvar_ = rtt / 2;
  } else {
    const std::uint64_t off = rtt > srtt_ ? rtt - srtt_ : srtt_ - rtt;
    rttvar_ = (3 * rttvar_ + off) / 4;
    srtt_ = std::max<std::uint64_t>((7 * srtt_ + rtt) / 8, 1);
  }
  rto_ = std::clamp(srtt_ + 4 * rttvar_, kMinRtoSeconds * hz_, kMaxRtoSeconds * hz_);
}

std::int64_t Ledbat::queuing_delay_us() const noexcept {
  const std::int64_t delay = *std::min_element(current_.begin(), current_.end());
  return delay == kNoDelay ? 0 : std::max<std::int64_t>(delay - base(), 0);
}

std::int64_t Ledbat::base() const noexcept {
  return *std::min_element(bases_.begin(), bases_.end());
}

// RFC 6817 §2.4.2: a minimum for each minute, of which the oldest goes. After a pause longer than the history nothing of it is left, and
// the next sample is the new base.
void Ledbat::roll_base(std::uint64_t now) noexcept {
  const std::uint64_t minutes = (now - minute_) / (60 * hz_);
  minute_ += minutes * 60 * hz_;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(minutes, kBaseHistory); ++i) {
    base_at_ = static_cast<std::uint8_t>((base_at_ + 1) % kBaseHistory);
    bases_[base_at_] = kNoDelay;
  }
}

void Ledbat::add_sample(std::int64_t delay) noexcept {
  bases_[base_at_] = std::min(bases_[base_at_], delay);
  current_at_ = static_cast<std::uint8_t>((current_at_ + 1) % kCurrentFilter);
  current_[current_at_] = delay;
}

// RFC 7574 §12.6.4 (ACK.2). A delay in one direction is at least nothing and at most the round trip, whatever the clocks show: two samples
// differ by no more than a round trip. What does is forged, or a clock was set; it counts as the most that is possible, so that an honest
// peer's clock is followed within some samples and a liar gains one round trip each.
std::int64_t Ledbat::plausible(std::int64_t delay) noexcept {
  if (base() == kNoDelay) return delay;
  const std::uint64_t ticks = srtt_ != 0 ? srtt_ + 4 * rttvar_ : kMaxRtoSeconds * hz_;
  const auto limit = static_cast<std::int64_t>(static_cast<double>(ticks) / static_cast<double>(hz_) * kUsPerSecond) + 1;
  const auto off = static_cast<std::int64_t>(static_cast<std::uint64_t>(delay) - static_cast<std::uint64_t>(base()));
  if (off >= -limit && off <= limit) return delay;
  ++clamped_;
  return base() + std::clamp(off, -limit, limit);
}

void Ledbat::next_round(std::uint64_t now) noexcept {
  if (now - round_ < round_trip()) return;
  last_peak_ = now - round_ < 2 * round_trip() ? peak_ : in_flight_;
  peak_ = in_flight_;
  round_ = now;
}

}  // namespace mediaward::dataplane::ppspp
