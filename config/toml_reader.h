// SPDX-License-Identifier: Apache-2.0
// Reads a TOML text into typed settings. The caller asks for every key it knows; whatever it did not ask for is an unknown key and
// finish() names it with the nearest one that was asked for. Errors carry file, line, column and the dotted key; all of them are
// collected, so that one run shows everything that is wrong. toml++ stays behind this header (it is slow to compile).
// It knows no setting of its own. One thread at a time; control path.
//
//   auto document = TomlDocument::read_file("/etc/mediaward/controld.toml");   // Result
//   TomlTable root = document->root();
//   root.read("listen", settings.listen);                                       // absent: keeps its default
//   if (auto limits = root.table("limits")) limits->read("legs", settings.legs, 1, 65536);
//   for (TomlTable& port : root.tables("port")) { port.require("name"); port.read("name", name); ... }
//   if (auto good = document->finish(); !good) return tl::unexpected(good.error());
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "crypto/error.h"

namespace mediaward::config {

struct TomlState;  // the parsed text, the errors so far and the keys asked for

// One table of the document. Cheap to copy; keeps the document alive. An error leaves the output as it was.
class TomlTable {
 public:
  TomlTable(std::shared_ptr<TomlState> state, const void* node, std::string path);

  // Each returns true when the key is present and good, and makes the key a known one.
  bool read(std::string_view key, std::string& out);
  bool read(std::string_view key, bool& out);
  bool read(std::string_view key, double& out, double minimum, double maximum);
  template <std::integral T>
  requires(!std::same_as<T, bool>) bool read(std::string_view key, T& out, std::type_identity_t<T> minimum = std::numeric_limits<T>::min(),
                                             std::type_identity_t<T> maximum = std::numeric_limits<T>::max()) {
    std::int64_t value = 0;
    if (!read_integer(key, value, clamp(minimum), clamp(maximum))) return false;
    out = static_cast<T>(value);
    return true;
  }
  // A list; a single value is not taken for a list of one.
  bool read_list(std::string_view key, std::vector<std::string>& out);
  template <std::integral T>
  bool read_list(std::string_view key, std::vector<T>& out, std::type_identity_t<T> minimum = std::numeric_limits<T>::min(),
                 std::type_identity_t<T> maximum = std::numeric_limits<T>::max()) {
    std::vector<std::int64_t> values;
    if (!read_integers(key, values, clamp(minimum), clamp(maximum))) return false;
    out.clear();
    for (const std::int64_t value : values) out.push_back(static_cast<T>(value));
    return true;
  }
  // One of the given words; a wrong one is answered with the nearest.
  template <typename Enum>
  bool read_choice(std::string_view key, Enum& out, std::initializer_list<std::pair<std::string_view, Enum>> choices) {
    std::vector<std::string> names;
    for (const auto& choice : choices) names.emplace_back(choice.first);
    std::size_t index = 0;
    if (!read_word(key, names, index)) return false;
    out = (choices.begin() + index)->second;
    return true;
  }

  [[nodiscard]] std::optional<TomlTable> table(std::string_view key);                               // [key]
  [[nodiscard]] std::vector<TomlTable> tables(std::string_view key);                                // [[key]]
  [[nodiscard]] std::vector<std::pair<std::string, TomlTable>> named_tables(std::string_view key);  // [key.NAME]

  [[nodiscard]] bool has(std::string_view key) const;
  void require(std::string_view key);                           // records an error when the key is absent
  void fail(std::string_view key, std::string_view message);    // records an error at the key, or at the table when it is absent
  [[nodiscard]] std::string where(std::string_view key) const;  // "file:line:column: key"

 private:
  template <std::integral T>
  static constexpr std::int64_t clamp(T value) noexcept {
    return std::cmp_greater(value, std::numeric_limits<std::int64_t>::max()) ? std::numeric_limits<std::int64_t>::max()
                                                                             : static_cast<std::int64_t>(value);
  }
  bool read_integer(std::string_view key, std::int64_t& out, std::int64_t minimum, std::int64_t maximum);
  bool read_integers(std::string_view key, std::vector<std::int64_t>& out, std::int64_t minimum, std::int64_t maximum);
  bool read_word(std::string_view key, std::span<const std::string> words, std::size_t& index);

  std::shared_ptr<TomlState> state_;
  const void* node_;  // const toml::table*, never null
  std::string path_;  // dotted, empty at the root
};

class TomlDocument {
 public:
  [[nodiscard]] static Result<TomlDocument> parse(std::string_view text, std::string_view file_name);
  [[nodiscard]] static Result<TomlDocument> read_file(const std::string& path);

  [[nodiscard]] TomlTable root() const;
  // Call once everything was asked for. Fails with kInvalid and one line per error, in the order of the file:
  // "controld.toml:3:1: lisen: unknown key (did you mean `listen`?)"
  [[nodiscard]] Result<void> finish() const;

 private:
  explicit TomlDocument(std::shared_ptr<TomlState> state) : state_(std::move(state)) {}
  std::shared_ptr<TomlState> state_;
};

}  // namespace mediaward::config
