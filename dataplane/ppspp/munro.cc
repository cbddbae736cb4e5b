// SPDX-License-Identifier: Apache-2.0
// See munro.h. The worker's own thread.
#include "dataplane/ppspp/munro.h"

#include <cstring>

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint64_t kNtpEpochSeconds = 2'208'988'800;  // RFC 5905 §6: 1900 to 1970
constexpr std::uint64_t kClockSlackUs = 5'000'000;         // the injector's clock may be ahead of ours

// RFC 7574 §6.1.2.2 has NTP time; libswift sends microseconds since 1970.
std::uint64_t unix_us(std::uint64_t time, abi::SignatureForm form) noexcept {
  if (form == abi::SignatureForm::kLibswift) return time;
  const std::uint64_t seconds = time >> 32, fraction_us = (time & 0xffffffffu) * 1'000'000u >> 32;
  return (seconds - kNtpEpochSeconds) * 1'000'000u + fraction_us;
}

}  // namespace

MunroVerdict judge_munro(const Swarm& swarm, const Message& m, crypto::PendingHashes& pending, std::uint64_t now_us, SignatureRequest& r) noexcept {
  const auto node = crypto::from_range(m.range.first, m.range.last);
  if (!node || node->level != swarm.munro_level) return MunroVerdict::kRefused;
  if (swarm.tree->verified(*node) != nullptr) return MunroVerdict::kKnown;
  const std::uint64_t then = unix_us(m.timestamp, swarm.signature_form);
  const bool old = swarm.munro_max_age_us != kAnyAge && (then + swarm.munro_max_age_us < now_us || then > now_us + kClockSlackUs);
  const std::byte* digest = pending.find(*node);
  if (old || digest == nullptr || m.body.size() > r.signature.size()) return MunroVerdict::kRefused;
  r.swarm_slot = swarm.slot;
  r.swarm_generation = swarm.generation;
  r.hash_bytes = swarm.framing.hash_bytes;
  r.range_bytes = static_cast<std::uint8_t>(swarm.framing.range_bytes());
  r.signature_bytes = static_cast<std::uint16_t>(m.body.size());
  r.form = swarm.signature_form == abi::SignatureForm::kLibswift ? crypto::MunroForm::kLibswift : crypto::MunroForm::kRfc7574;
  r.munro = node->index;
  r.ntp_time = m.timestamp;
  (void)store_range(swarm.framing.addressing, m.range, r.range.data());
  std::memcpy(r.digest.data(), digest, r.hash_bytes);
  std::memcpy(r.signature.data(), m.body.data(), m.body.size());
  return MunroVerdict::kAsk;
}

}  // namespace mediaward::dataplane::ppspp
