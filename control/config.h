// SPDX-License-Identifier: Apache-2.0
// Settings of mediaward-controld: defaults that work without a file, a TOML file that changes them, and their text form.
// Any thread; control path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/controller.h"
#include "control/log.h"
#include "crypto/error.h"

namespace mediaward::control {

inline constexpr const char* kDefaultConfigPath = "/etc/mediaward/controld.toml";
inline constexpr const char* kDefaultListenPath = "/run/mediaward/controld.sock";

// A content provider's public key: one of the two is not empty.
struct ProviderKeySetting {
  std::string id, path, public_key;
};

struct Settings {
  std::string config_path;                  // the file they were read from; empty: none
  std::string listen = kDefaultListenPath;  // unix socket of the API
  std::string group;                        // owner group of the socket; empty: the group of the process
  std::uint32_t mode = 0660;                // of the socket
  std::uint32_t max_watchers = 32;
  std::uint32_t max_threads = 64;  // of the gRPC server
  ControllerOptions controller;    // with the keys themselves
  std::vector<ProviderKeySetting> provider_keys;
  LogLevel log_level = LogLevel::kInfo;
};

// Errors: one line per problem, "file:line:column: key: what (did you mean `x`?)".
[[nodiscard]] Result<Settings> parse_settings(std::string_view text, std::string_view file_name);
[[nodiscard]] Result<Settings> read_settings(const std::string& path);

// Every setting with its unit and meaning; parses back to the same settings.
[[nodiscard]] std::string to_toml(const Settings& settings);

}  // namespace mediaward::control
