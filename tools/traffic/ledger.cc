// SPDX-License-Identifier: Apache-2.0
// The receiver rules of RFC 3711 §3.3 over what this tool sent (see the header). The sending thread.
#include "tools/traffic/ledger.h"

#include <algorithm>
#include <array>

namespace mediaward::tools::traffic {

namespace {

constexpr std::array<std::string_view, kFates> kReasons{"", "srtp.replayed", "srtp.too_old", "srtp.auth_failed", "srtp.index_range"};
constexpr std::uint64_t kMaxIndex = (std::uint64_t{1} << 48) - 1;  // RFC 3711 §3.3.1

std::string_view silence_reason(const Participant& sender, const Stream& stream) noexcept {
  if (sender.muted) return "policy.muted";
  return stream.isolated ? "policy.isolated" : "srtp.no_receiver";
}

}  // namespace

std::string_view drop_reason(Fate fate) noexcept {
  return kReasons[static_cast<std::size_t>(fate)];
}

Ledger::Ledger(const Model& model, std::uint64_t rounds, bool keep_order)
    : model_(model), rounds_(rounds), words_((rounds + 63) / 64), streams_(model.streams().size()), forwarded_(words_ * streams_.size()) {
  if (keep_order) places_.resize(rounds * streams_.size());
}

// RFC 3711 §3.3.1: of the three candidates the one nearest to the highest index so far; before the first packet, the ROC at the start.
std::uint64_t Ledger::estimate(const State& state, std::uint64_t index) const noexcept {
  const std::uint64_t same_roc = (state.highest & ~std::uint64_t{0xffff}) | (index & 0xffff);
  if (state.forwarded == 0) return same_roc;
  const std::uint64_t seq = index & 0xffff, last = state.highest & 0xffff;
  if (last < 32768 && seq > last + 32768) return same_roc - 65536;
  if (last >= 32768 && last - 32768 > seq) return same_roc + 65536;
  return same_roc;
}

Fate Ledger::judge(std::uint32_t stream, std::uint64_t index, std::uint64_t estimate) const noexcept {
  const State& state = streams_[stream];
  const Stream& s = model_.streams()[stream];
  const Participant& sender = model_.sender_of(s);
  if (!sender.authenticated) return Fate::kForwarded;
  if (estimate > kMaxIndex) return Fate::kIndexRange;
  if (state.forwarded != 0 && estimate <= state.highest) {
    if (state.highest - estimate >= sender.replay_window) return Fate::kTooOld;
    const std::uint64_t distance = estimate - s.first_index;
    if (estimate >= s.first_index && distance % s.step == 0 && forwarded(stream, distance / s.step)) return Fate::kReplayed;
  }
  return estimate == index ? Fate::kForwarded : Fate::kAuthFailed;
}

Fate Ledger::predict(std::uint32_t stream, std::uint64_t round) const noexcept {
  State state = streams_[stream];
  const Stream& s = model_.streams()[stream];
  if (state.forwarded == 0) state.highest = s.first_index;
  const std::uint64_t index = s.index_of(round);
  return judge(stream, index, estimate(state, index));
}

Fate Ledger::offer(std::uint32_t stream, std::uint64_t round) noexcept {
  const Fate fate = predict(stream, round);
  ++offered_;
  ++fates_[static_cast<std::size_t>(fate)];
  if (fate == Fate::kForwarded) enter(stream, round);
  return fate;
}

void Ledger::enter(std::uint32_t stream, std::uint64_t round) noexcept {
  State& state = streams_[stream];
  const Stream& s = model_.streams()[stream];
  const std::uint64_t index = s.index_of(round);
  state.highest = state.forwarded == 0 ? index : std::max(state.highest, index);
  forwarded_[stream * words_ + round / 64] |= std::uint64_t{1} << (round % 64);
  if (!places_.empty()) places_[stream * rounds_ + round] = static_cast<std::uint32_t>(state.forwarded);
  ++state.forwarded;
  expected_ += s.receivers;
}

std::map<std::string, std::uint64_t> Ledger::expected_drops() const {
  std::map<std::string, std::uint64_t> drops;
  for (std::size_t i = 1; i < kFates; ++i)
    if (fates_[i] != 0) drops[std::string(kReasons[i])] += fates_[i];
  for (std::size_t s = 0; s < streams_.size(); ++s) {
    const Stream& stream = model_.streams()[s];
    if (stream.receivers == 0 && streams_[s].forwarded != 0)
      drops[std::string(silence_reason(model_.sender_of(stream), stream))] += streams_[s].forwarded;
  }
  return drops;
}

}  // namespace mediaward::tools::traffic
