// SPDX-License-Identifier: Apache-2.0
// Times providers against each other on one stated burst: 32 packets of 160 bytes, a key each, hot, out of place.
// For choosing, not for publishing: a few milliseconds per provider. Main thread, at start.
#pragma once

#include <span>
#include <vector>

#include "crypto/engine.h"

namespace mediaward::crypto {

inline constexpr std::size_t kMeasuredPackets = 32;
inline constexpr std::size_t kMeasuredBytes = 160;

// ns per packet, mean of open and seal in both suites; the best of several interleaved rounds each, so that a disturbance
// hits no single candidate. One value per provider, 0 where a provider could not run.
[[nodiscard]] std::vector<double> measure_providers(std::span<CryptoProvider* const> providers);

}  // namespace mediaward::crypto
