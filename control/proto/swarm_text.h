// SPDX-License-Identifier: Apache-2.0
// The text that a content provider signs for a swarm's metadata; MetadataSignature of peer.proto says what it looks like. The daemon
// verifies it, `mediawardctl swarm text` prints it: one function, so that they agree. It judges nothing. Any thread.
#pragma once

#include <string>

#include "mediaward/v1/peer.pb.h"

namespace mediaward::control {

[[nodiscard]] std::string metadata_text(const v1::Swarm& swarm);

}  // namespace mediaward::control
