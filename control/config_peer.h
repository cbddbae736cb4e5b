// SPDX-License-Identifier: Apache-2.0
// The [peer] part of controld.toml: content directory, what is kept of evidence, rules for swarms, keys of content providers.
// Any thread; control path.
#pragma once

#include <string>

#include "config/toml_reader.h"
#include "control/config.h"

namespace mediaward::control {

// Reads the files of keys, too: a key that cannot be used is an error at its place.
void read_peer(config::TomlTable peer, Settings& settings);
[[nodiscard]] std::string peer_toml(const Settings& settings);

[[nodiscard]] std::string quoted_toml(const std::string& text);

}  // namespace mediaward::control
