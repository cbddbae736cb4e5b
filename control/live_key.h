// SPDX-License-Identifier: Apache-2.0
// The form of a live swarm's key: one octet of DNSSEC algorithm and the public key as a DNSKEY record has it (RFC 7574 §7.4; RFC 3110 §2,
// RFC 6605 §4). Lengths only, so that a mistake is told at once and by name; whether point or modulus are any good is seen by the data
// plane, which verifies with them. Any thread.
#pragma once

#include <cstdint>
#include <span>

#include "crypto/error.h"

namespace mediaward::control {

[[nodiscard]] Result<void> check_live_key(std::span<const std::uint8_t> key);

}  // namespace mediaward::control
