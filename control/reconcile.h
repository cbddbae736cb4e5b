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
  std::vector<std::shared_ptr<const SwarmContent>> contents{};  // of the last messages: each goes with a descriptor beside it

  void leave_out_content(std::size_t index);  // of contents, with its message
};

// Removals first (streams, legs, conferences, admissions, swarms), then what is new or changed, conference before leg before stream, then
// topology, then swarms, admissions and content. A relation that is no longer wanted is named as BOTH. A leg whose conference, port, local
// endpoint, family, replay window or suite changed is removed and named again with all its streams and topology; so is a conference whose
// mode, spreading or group suite changed, and a swarm whose key or sizes changed or whose content is no longer wanted, with everything in
// it.
[[nodiscard]] Plan plan_difference(const DesiredState& carried, const DesiredState& desired);

// Everything, each conference followed by its legs, each leg by its streams, then the topology, swarms, admissions and content. `carried`
// is what the data plane is known to have; content that it has is not named again. sweep: what is not named is removed by the data plane,
// and what is named otherwise it makes anew with the indexes it had; only streams of another SSRC and swarms of another key are removed
// first. Without: removals go first as above.
[[nodiscard]] Plan plan_everything(const DesiredState& carried, const DesiredState& desired, bool sweep);

// Transactions of their own: no part of the desired state.
[[nodiscard]] Plan plan_bucket_move(std::uint32_t bucket, std::uint32_t worker);
[[nodiscard]] Plan plan_peer_command(abi::PeerCommand command);  // its header is filled in

}  // namespace mediaward::control
