// SPDX-License-Identifier: Apache-2.0
// What can be said of a SIGNED_INTEGRITY (RFC 7574 §6.1.2.2) before its signature is looked at, by a peer and by a guard alike. The
// worker's own thread.
#pragma once

#include <cstdint>

#include "crypto/merkle_pending.h"
#include "dataplane/ppspp/signature_checker.h"
#include "dataplane/ppspp/tables.h"
#include "dataplane/wire/ppspp_message.h"

namespace mediaward::dataplane::ppspp {

enum class MunroVerdict : std::uint8_t {
  kKnown,    // verified already
  kRefused,  // no munro, its hash did not come before it, or its time is not now
  kAsk,      // `request` is complete but for whom it concerns
};

// pending: hashes of the channel that sent it. now_us: CLOCK_REALTIME.
[[nodiscard]] MunroVerdict judge_munro(const Swarm& swarm, const Message& m, crypto::PendingHashes& pending, std::uint64_t now_us,
                                       SignatureRequest& request) noexcept;

}  // namespace mediaward::dataplane::ppspp
