// SPDX-License-Identifier: Apache-2.0
// Turns the difference between what the data plane carries and what is desired into protocol messages, and a whole state into the
// messages of a resynchronisation. Pure functions; the socket is dataplane_client.h. Any thread.
#pragma once

#include <vector>

#include "control/model.h"
#include "control/secret.h"

namespace mediaward::control {

// The messages between Begin and End, without them, each with the object it speaks of (for the error of a nack).
struct Plan {
  std::vector<SecretBuffer> messages;  // headers carry transaction_id 0; the client stamps it
  std::vector<ObjectName> objects;     // parallel to messages
  bool resync = false;
};

// Removals first (streams, legs, conferences), then what is new or changed, conference before leg before stream, and topology last:
// a relation that is no longer wanted is named as BOTH. A leg whose conference, port, local endpoint, family, replay window or suite
// changed is removed and named again with all its streams and topology; so is a conference whose mode, spreading or group suite changed,
// with everything in it.
[[nodiscard]] Plan plan_difference(const DesiredState& carried, const DesiredState& desired);

// Everything, each conference followed by its legs, each leg by its streams, and the topology at the end. `carried` is what the data plane
// is known to have. sweep: what is not named is removed by the data plane, and what is named otherwise it makes anew with the indexes it
// had; only streams of another SSRC are removed first. Without: removals go first as above.
[[nodiscard]] Plan plan_everything(const DesiredState& carried, const DesiredState& desired, bool sweep);

// A transaction of its own: no part of the desired state.
[[nodiscard]] Plan plan_bucket_move(std::uint32_t bucket, std::uint32_t worker);

}  // namespace mediaward::control
