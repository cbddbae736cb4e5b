// SPDX-License-Identifier: Apache-2.0
// Seeds of fuzz_peer.cc: conversations as peers lead them (peer_script.h). Deterministic; part of make_fuzz_corpus.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mediaward::test {

[[nodiscard]] std::map<std::string, std::vector<std::uint8_t>> peer_corpus();  // by name of the file

}  // namespace mediaward::test
