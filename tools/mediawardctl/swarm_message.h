// SPDX-License-Identifier: Apache-2.0
// A swarm file as messages of the control API. One thread.
#pragma once

#include <string>

#include "mediaward/v1/mediaward.pb.h"
#include "tools/swarm_file.h"

namespace mediaward::tools {

void fill(v1::Swarm& out, const SwarmFile& in);
// Everything but the bytes of an inline_file: whoever calls reads it.
void fill(v1::ReplaceSwarm& out, const SwarmFile& in);

}  // namespace mediaward::tools
