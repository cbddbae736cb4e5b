// SPDX-License-Identifier: Apache-2.0
// From the controller's values to ours: thresholds of conduct, times, and what follows from a preloaded content. Main thread.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "crypto/hash.h"
#include "dataplane/abi/peer.h"
#include "dataplane/ppspp/conduct.h"

namespace mediaward::dataplane::ppspp {

// 0 anywhere: the default.
[[nodiscard]] ConductPolicy policy_of(const abi::ConductPolicy& m);

[[nodiscard]] constexpr abi::ConductVerdict to_abi(Verdict v) noexcept { return static_cast<abi::ConductVerdict>(static_cast<std::uint8_t>(v) + 1); }
[[nodiscard]] constexpr abi::ConductAction to_abi(Action a) noexcept { return static_cast<abi::ConductAction>(static_cast<std::uint8_t>(a) + 1); }

// When on the workers' clock, which stands at now_tsc, it will be (or was) this time of day; 0: never.
[[nodiscard]] std::uint64_t expiry_tsc(std::uint64_t realtime_ns, std::uint64_t tsc_hz, std::uint64_t now_tsc);
[[nodiscard]] std::uint64_t realtime_of(std::uint64_t tsc, std::uint64_t tsc_hz, std::uint64_t now_tsc);  // ns; 0 for 0

// Digests of all chunks, one behind the other.
[[nodiscard]] Result<std::vector<std::byte>> leaves_of(ConstBytes content, std::uint32_t chunk_bytes, crypto::HashId hash, crypto::Hasher& hasher);

}  // namespace mediaward::dataplane::ppspp
