// SPDX-License-Identifier: Apache-2.0
// PPSPP messages in a form that tests can compare and print: "INTEGRITY 0-3", and bytes from hex with blanks. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "dataplane/wire/ppspp_message.h"

namespace mediaward::test {

inline std::vector<std::byte> bytes_of(std::string_view hex) {
  std::vector<std::byte> out;
  std::string digits;
  for (const char c : hex)
    if (c != ' ') digits += c;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) out.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  return out;
}

inline std::string hex_of(ConstBytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) (out += kDigits[std::to_integer<unsigned>(b) >> 4]) += kDigits[std::to_integer<unsigned>(b) & 15];
  return out;
}

inline bool has_range(dataplane::ppspp::MessageType type) {
  using enum dataplane::ppspp::MessageType;
  return type == kData || type == kAck || type == kHave || type == kIntegrity || type == kSignedIntegrity || type == kRequest ||
         type == kCancel;
}

inline std::string text_of(const dataplane::ppspp::Message& m) {
  std::string text{to_string(m.type)};
  if (has_range(m.type)) text += " " + std::to_string(m.range.first) + "-" + std::to_string(m.range.last);
  return text;
}

// Everything that can be read, and in `error` how it ended.
inline std::vector<dataplane::ppspp::Message> read_all(dataplane::ppspp::MessageReader reader, dataplane::ppspp::ParseError& error) {
  std::vector<dataplane::ppspp::Message> all;
  dataplane::ppspp::Message message;
  while (reader.next(message)) all.push_back(message);
  error = reader.error();
  return all;
}

}  // namespace mediaward::test

namespace mediaward::dataplane::ppspp {

// How gtest prints them.
inline void PrintTo(ParseError error, std::ostream* out) {
  *out << to_string(error);
}
inline void PrintTo(const ChunkRange& range, std::ostream* out) {
  *out << range.first << '-' << range.last;
}

}  // namespace mediaward::dataplane::ppspp
