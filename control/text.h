// SPDX-License-Identifier: Apache-2.0
// Text that came from elsewhere, made fit for messages and terminals. Any thread.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace mediaward::control {

// Valid UTF-8 without control characters: each offending byte becomes '?'.
[[nodiscard]] std::string clean_text(std::string_view text);

// Text of a NUL-padded field, also when the other side forgot the NUL.
template <std::size_t N>
[[nodiscard]] std::string field_text(const char (&field)[N]) {
  return clean_text(std::string_view(field, ::strnlen(field, N)));
}

}  // namespace mediaward::control
