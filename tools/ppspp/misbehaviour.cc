// SPDX-License-Identifier: Apache-2.0
// See misbehaviour.h. Any thread.
#include "tools/ppspp/misbehaviour.h"

#include <array>
#include <string>

namespace mediaward::tools::ppspp {
namespace {

// name, seeder, leecher, honest, live
constexpr std::array<AttackInfo, kAttacks> kInfos = {{
    {"none", true, true, true, false},
    {"tamper", true, false, false, false},
    {"tamper-hash", true, false, false, false},
    {"black-hole", true, false, false, false},
    {"silent-hole", true, false, false, false},
    {"hash-flood", true, false, false, false},
    {"truncation", true, false, false, false},
    {"zero-hashes", true, false, false, false},
    {"unaligned-hashes", true, false, false, false},
    {"long-paths", true, false, false, false},
    {"unrequested-data", true, false, false, false},
    {"wrong-length", true, false, false, false},
    {"over-claim", true, false, false, false},
    {"under-claim", true, false, false, false},
    {"stale-munro", true, false, false, true},
    {"bad-signature", true, false, false, true},
    {"forged-delay", false, true, false, false},
    {"false-ack", false, true, false, false},
    {"channel-guessing", true, true, false, false},
    {"keep-alive-storm", true, true, false, false},
    {"have-storm", true, true, false, false},
    {"handshake-flood", true, true, false, false},
    {"spoofed-ports", true, true, false, false},
    {"no-integrity", true, true, false, false},
    {"other-hash", true, true, false, false},
    {"unknown-message", true, true, false, false},
    {"slow", true, false, true, false},
    {"choking", true, false, true, false},
}};

// "blackhole" is as good as "black-hole".
bool same_name(std::string_view a, std::string_view b) {
  std::string x(a), y(b);
  std::erase(x, '-');
  std::erase(y, '-');
  return x == y;
}

}  // namespace

const AttackInfo& info(Attack attack) noexcept {
  return kInfos[static_cast<std::size_t>(attack)];
}

Result<std::vector<Attack>> parse_attacks(std::string_view list) {
  std::vector<Attack> attacks;
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), name.size() + 1));
    bool known = name == "all";
    for (std::size_t i = 1; i < kAttacks; ++i) {
      if (name != "all" && !same_name(name, kInfos[i].name)) continue;
      known = true;
      attacks.push_back(static_cast<Attack>(i));
    }
    if (known) continue;
    std::string names = "all";
    for (std::size_t i = 1; i < kAttacks; ++i) names += ", " + std::string(kInfos[i].name);
    return fail(ErrorCode::kInvalid, "\"" + std::string(name) + "\" is no attack: " + names);
  }
  return attacks;
}

}  // namespace mediaward::tools::ppspp
