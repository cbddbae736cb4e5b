// SPDX-License-Identifier: Apache-2.0
// A table for people: columns as wide as their widest cell, numbers to the right. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mediaward::tools {

class Table {
 public:
  // A heading that begins with '>' is that of a column of numbers.
  explicit Table(std::vector<std::string> headings);
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::string> headings_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

// 1234567 as "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t value);

// `text` in lines of at most `width` characters, each behind `indent`.
[[nodiscard]] std::string wrapped(const std::string& text, std::size_t width, const std::string& indent);

}  // namespace mediaward::tools
