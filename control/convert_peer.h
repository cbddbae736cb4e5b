// SPDX-License-Identifier: Apache-2.0
// The operations of peer.proto into the controller's values; part of convert.cc. Any thread.
#pragma once

#include <string>

#include "control/convert.h"

namespace mediaward::control {

[[nodiscard]] ApiResult<SwarmRequest> convert_swarm(const v1::Swarm& in);
// Without a swarm of their own they are of `swarm_id`.
[[nodiscard]] ApiResult<Admission> convert_admission(const v1::Admission& in, const std::string& swarm_id = "");
[[nodiscard]] ApiResult<SwarmContent> convert_content(const v1::SwarmContent& in, const std::string& swarm_id = "");
[[nodiscard]] ApiResult<ReplaceSwarm> convert_replace_swarm(const v1::ReplaceSwarm& in);
[[nodiscard]] ApiResult<RemoveSwarm> convert_remove_swarm(const v1::RemoveSwarm& in);
[[nodiscard]] ApiResult<RemoveAdmission> convert_remove_admission(const v1::RemoveAdmission& in);

[[nodiscard]] ApiResult<PeerName> convert_peer_name(const std::string& swarm_id, const std::string& address, std::uint32_t udp_port);
[[nodiscard]] ApiResult<PeerOrder> convert_peer_action(const v1::PeerActionRequest& in);

}  // namespace mediaward::control
