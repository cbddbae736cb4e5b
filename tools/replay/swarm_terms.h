// SPDX-License-Identifier: Apache-2.0
// A swarm file's swarm as the data plane is told of it, for a replay that has no daemon. One thread.
#pragma once

#include "dataplane/abi/peer.h"
#include "tools/swarm_file.h"

namespace mediaward::tools::replay {

// The defaults of the file's fields are those of the daemon (peer.proto).
[[nodiscard]] Result<abi::Swarm> swarm_terms(const SwarmFile& file);

}  // namespace mediaward::tools::replay
