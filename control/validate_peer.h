// SPDX-License-Identifier: Apache-2.0
// The rules that a swarm, an admission and a swarm's content keep by themselves. Rules between objects are in draft_peer_rules.cc.
// No lock, no I/O; any thread.
#pragma once

#include <string>

#include "control/model.h"
#include "control/provider_keys.h"

namespace mediaward::control {

// What the operator allows: [peer] of the daemon's configuration.
struct SwarmPolicy {
  bool allow_sha1 = true;
  bool require_metadata_signature = false;
  std::shared_ptr<const ProviderKeys> provider_keys = std::make_shared<ProviderKeys>();
};

inline constexpr std::size_t kMostInlineBytes = std::size_t{1} << 20;

// metadata_text: what the content provider signs (control/proto/swarm_text.h). now_unix_ns: what is past is refused.
[[nodiscard]] ApiResult<void> validate(const Swarm& swarm, const std::string& metadata_text, const SwarmPolicy& policy,
                                       std::uint64_t now_unix_ns);
[[nodiscard]] ApiResult<void> validate(const Admission& admission, std::uint64_t now_unix_ns);
[[nodiscard]] ApiResult<void> validate(const SwarmContent& content, const Swarm& swarm);

// Of a take-down or a ban: `least` to `most` bytes of UTF-8 without control characters.
[[nodiscard]] bool is_good_text(std::string_view text, std::size_t least, std::size_t most);
// Below the content directory and not out of it: no "..", no empty part, not absolute.
[[nodiscard]] bool is_good_file(std::string_view path) noexcept;

}  // namespace mediaward::control
