// SPDX-License-Identifier: Apache-2.0
// See policy.h. Main thread.
#include "dataplane/ppspp/policy.h"

#include <algorithm>
#include <chrono>

#include "crypto/merkle_shape.h"

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::size_t kLeavesAtOnce = 1024;

template <typename T, typename V>
void take(T& out, V value) {
  if (value != 0) out = static_cast<T>(value);
}
void take_permille(double& out, std::uint32_t value) {
  if (value != 0) out = value / 1000.0;
}

std::uint64_t realtime_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

}  // namespace

ConductPolicy policy_of(const abi::ConductPolicy& m) {
  ConductPolicy p;
  take(p.tamper_chunks, m.tamper_chunks);
  take(p.black_hole_requests, m.black_hole_requests);
  take(p.patience_least_ms, m.black_hole_ms);
  take(p.patience_known_ms, m.black_hole_known_ms);
  take(p.window_requests, m.suspect_requests);
  take(p.window_least_ms, m.suspect_ms);
  take_permille(p.suspect_below, m.suspect_permille);
  take_permille(p.over_claim_above, m.over_claim_permille);
  take_permille(p.under_claim_above, m.under_claim_permille);
  take_permille(p.report_tolerance, m.report_permille);
  take(p.report_least_bytes, m.report_bytes);
  take(p.hash_flood_above, m.hash_flood_ratio);
  take(p.half_life_s, m.half_life_s);
  p.audit_interval_s = m.audit_interval_s;
  take(p.audit_chunks, m.audit_chunks);
  take(p.throttle_bytes_per_s, m.throttle_bytes_per_s);
  take(p.ban_s, m.ban_s);
  for (std::size_t v = 0; v < kVerdicts; ++v) {
    const auto action = static_cast<std::uint8_t>(m.actions[v + 1]);
    if (action >= 1 && action <= 3) p.action[v] = static_cast<Action>(action - 1);
  }
  return p;
}

std::uint64_t expiry_tsc(std::uint64_t when_ns, std::uint64_t tsc_hz, std::uint64_t now_tsc) {
  if (when_ns == 0) return ~std::uint64_t{0};
  const std::uint64_t now_ns = realtime_ns();
  const bool past = when_ns <= now_ns;
  const std::uint64_t distance_ns = past ? now_ns - when_ns : when_ns - now_ns;
  const auto ticks = static_cast<unsigned __int128>(distance_ns) * tsc_hz / 1'000'000'000u;
  if (past) return ticks >= now_tsc ? 0 : now_tsc - static_cast<std::uint64_t>(ticks);
  return ticks >= ~std::uint64_t{0} - now_tsc ? ~std::uint64_t{0} : now_tsc + static_cast<std::uint64_t>(ticks);
}

std::uint64_t realtime_of(std::uint64_t tsc, std::uint64_t tsc_hz, std::uint64_t now_tsc) {
  if (tsc == 0) return 0;
  const std::uint64_t now_ns = realtime_ns(), distance = tsc > now_tsc ? tsc - now_tsc : now_tsc - tsc;
  const auto ns = static_cast<std::uint64_t>(static_cast<unsigned __int128>(distance) * 1'000'000'000u / tsc_hz);
  return tsc > now_tsc ? now_ns + ns : now_ns - std::min(ns, now_ns);
}

Result<std::vector<std::byte>> leaves_of(ConstBytes content, std::uint32_t chunk_bytes, crypto::HashId hash, crypto::Hasher& hasher) {
  const std::size_t digest = crypto::digest_bytes(hash);
  const std::uint64_t chunks = crypto::chunks_of(content.size(), chunk_bytes);
  std::vector<std::byte> out(chunks * digest);
  std::vector<crypto::HashMessage> messages;
  for (std::uint64_t c = 0; c < chunks;) {
    messages.clear();
    for (; c < chunks && messages.size() < kLeavesAtOnce; ++c)
      messages.push_back({content.data() + c * chunk_bytes, crypto::chunk_length(content.size(), chunk_bytes, c), out.data() + c * digest});
    if (!hasher.hash(hash, messages)) return fail(ErrorCode::kInternal, "the hash library failed");
  }
  return out;
}

}  // namespace mediaward::dataplane::ppspp
