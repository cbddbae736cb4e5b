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

// Removals first (streams, legs, conferences), then what is new or changed, conference before leg before stream. A leg whose
// conference, port, local endpoint, family or suite changed is removed and named again with all its streams.
[[nodiscard]] Plan plan_difference(const DesiredState& carried, const DesiredState& desired);

// Everything, each conference followed by its legs, each leg by its streams. `carried` is what the data plane is known to have:
// where a leg has to be replaced, its removal goes first. sweep: what is not named is to be removed.
[[nodiscard]] Plan plan_everything(const DesiredState& carried, const DesiredState& desired, bool sweep);

}  // namespace mediaward::control
