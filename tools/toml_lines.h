// SPDX-License-Identifier: Apache-2.0
// Lines of a TOML text to be written, each only when it says something. Any thread; control path.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace mediaward::tools {

[[nodiscard]] inline std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    char escape[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

class TomlLines {
 public:
  void text(const char* key, const std::string& value) { out += std::string(key) + " = " + quoted(value) + "\n"; }
  void text_if(const char* key, const std::string& value) {
    if (!value.empty()) text(key, value);
  }
  void number_if(const char* key, std::uint64_t value) {
    if (value != 0) out += std::string(key) + " = " + std::to_string(value) + "\n";
  }
  void flag_if(const char* key, bool value, bool otherwise) {
    if (value != otherwise) out += std::string(key) + (value ? " = true\n" : " = false\n");
  }
  std::string out;
};

}  // namespace mediaward::tools
