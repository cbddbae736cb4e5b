// SPDX-License-Identifier: Apache-2.0
// Text forms that the conference file uses: base64 and hex of bytes, "address:port", "address/bits". Strict both ways: what is
// written is what would be read. Knows nothing of TOML. Any thread; control path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/conference_file.h"

namespace mediaward::tools {

[[nodiscard]] bool is_v6(std::string_view address);

// Each leaves `out` unusable and returns false when the text is not of the form.
[[nodiscard]] bool parse_endpoint(std::string_view text, ConferenceFile::Endpoint& out);  // "192.0.2.1:20000", "[2001:db8::1]:20000"
[[nodiscard]] bool parse_prefix(std::string_view text, ConferenceFile::Prefix& out);      // "192.0.2.0/24", "2001:db8::/32"
[[nodiscard]] bool decode_base64(std::string_view text, std::vector<std::uint8_t>& out);  // RFC 4648 §4, padding required
[[nodiscard]] bool decode_hex(std::string_view text, std::vector<std::uint8_t>& out);

[[nodiscard]] std::string to_text(const ConferenceFile::Endpoint& endpoint);
[[nodiscard]] std::string to_text(const ConferenceFile::Prefix& prefix);
[[nodiscard]] std::string encode_base64(const std::vector<std::uint8_t>& bytes);
[[nodiscard]] std::string encode_hex(const std::vector<std::uint8_t>& bytes);

}  // namespace mediaward::tools
