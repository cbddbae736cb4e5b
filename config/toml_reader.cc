// SPDX-License-Identifier: Apache-2.0
// The TOML reader over toml++: looks keys up, checks type and range, remembers what was asked for and what was wrong.
// The only translation unit that includes toml++. One thread at a time; control path.
#include "config/toml_reader.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include "config/nearest.h"

#define TOML_HEADER_ONLY 1  // toml++ without exceptions is not what distributions build as a library
#define TOML_EXCEPTIONS 0
#define TOML_ASSERT(expr) static_cast<void>(0)  // the parser reports what these would abort on
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wcast-align"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace mediaward::config {

namespace {

struct Problem {
  std::uint32_t line, column;
  std::string text;
};

std::string join(std::string_view path, std::string_view key) {
  if (path.empty()) return std::string(key);
  if (key.empty()) return std::string(path);
  return std::string(path) + "." + std::string(key);
}

const char* type_name(toml::node_type type) {
  switch (type) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

const toml::table& as_table(const void* node) {
  return *static_cast<const toml::table*>(node);
}

std::string range_text(std::int64_t minimum, std::int64_t maximum) {
  if (maximum == std::numeric_limits<std::int64_t>::max()) return "at least " + std::to_string(minimum);
  return std::to_string(minimum) + " to " + std::to_string(maximum);
}

}  // namespace

struct TomlState {
  toml::table root;
  std::string file;
  std::vector<Problem> problems;
  std::map<const toml::table*, std::pair<std::string, std::set<std::string, std::less<>>>> asked;  // table → its path, known keys

  const toml::node* find(const void* table, const std::string& path, std::string_view key) {
    auto& entry = asked[&as_table(table)];
    entry.first = path;
    entry.second.emplace(key);
    return as_table(table).get(key);
  }
  void report(toml::source_position at, const std::string& path, std::string_view message) {
    std::string text = file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": ";
    if (!path.empty()) text += path + ": ";
    problems.push_back({at.line, at.column, text + std::string(message)});
  }
  void wrong_type(const toml::node& node, const std::string& path, const char* wanted) {
    report(node.source().begin, path, std::string("must be ") + wanted + ", not " + type_name(node.type()));
  }
  bool in_range(const toml::node& node, const std::string& path, std::int64_t value, std::int64_t minimum, std::int64_t maximum) {
    if (value >= minimum && value <= maximum) return true;
    report(node.source().begin, path, std::to_string(value) + " is out of range (" + range_text(minimum, maximum) + ")");
    return false;
  }
  void report_unknown(const toml::table& table, const std::string& path, const std::set<std::string, std::less<>>& known);
};

void TomlState::report_unknown(const toml::table& table, const std::string& path, const std::set<std::string, std::less<>>& known) {
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [key, value] : table) {
    if (known.contains(key.str())) continue;
    std::string hint = did_you_mean(key.str(), names);
    if (hint.empty()) {
      hint = "; valid here:";
      for (const auto& name : names) hint += " " + name;
    }
    report(key.source().begin, join(path, key.str()), "unknown key" + hint);
  }
}

TomlTable::TomlTable(std::shared_ptr<TomlState> state, const void* node, std::string path)
    : state_(std::move(state)), node_(node), path_(std::move(path)) {
  state_->asked[&as_table(node_)].first = path_;
}

bool TomlTable::has(std::string_view key) const {
  return as_table(node_).contains(key);
}

bool TomlTable::read(std::string_view key, std::string& out) {
  const toml::node* node = state_->find(node_, path_, key);
  if (node == nullptr) return false;
  const auto* text = node->as_string();
  if (text == nullptr) return state_->wrong_type(*node, join(path_, key), "a string"), false;
  if (text->get().find('\0') != std::string::npos) return fail(key, "must not contain a NUL character"), false;
  out = text->get();
  return true;
}

bool TomlTable::read(std::string_view key, bool& out) {
  const toml::node* node = state_->find(node_, path_, key);
  if (node == nullptr) return false;
  const auto* value = node->as_boolean();
  if (value == nullptr) return state_->wrong_type(*node, join(path_, key), "true or false"), false;
  out = value->get();
  return true;
}

bool TomlTable::read(std::string_view key, double& out, double minimum, double maximum) {
  const toml::node* node = state_->find(node_, path_, key);
  if (node == nullptr) return false;
  if (!node->is_number()) return state_->wrong_type(*node, join(path_, key), "a number"), false;
  const double value = node->value<double>().value_or(std::nan(""));
  if (!(value >= minimum && value <= maximum)) {
    std::ostringstream text;
    text << value << " is out of range (" << minimum << " to " << maximum << ")";
    return fail(key, text.str()), false;
  }
  out = value;
  return true;
}

bool TomlTable::read_integer(std::string_view key, std::int64_t& out, std::int64_t minimum, std::int64_t maximum) {
  const toml::node* node = state_->find(node_, path_, key);
  if (node == nullptr) return false;
  const auto* value = node->as_integer();
  if (value == nullptr) return state_->wrong_type(*node, join(path_, key), "an integer"), false;
  if (!state_->in_range(*node, join(path_, key), value->get(), minimum, maximum)) return false;
  out = value->get();
  return true;
}

bool TomlTable::read_integers(std::string_view key, std::vector<std::int64_t>& out, std::int64_t minimum, std::int64_t maximum) {
  const toml::node* node = state_->find(node_, path_, key);
  if (node == nullptr) return false;
  const auto* list = node->as_array();
  if (list == nullptr) return state_->wrong_type(*node, join(path_, key), "a list of integers"), false;
  std::vector<std::int64_t> values;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const toml::node& item = *list->get(i);
    const std::string path = join(path_, key) + "[" + std::to_string(i) + "]";
    if (!item.is_integer()) return state_->wrong_type(item, path, "an integer"), false;
    if (!state_->in_range(item, path, item.as_integer()->get(), minimum, maximum)) return false;
    values.push_back(item.as_integer()->get());
  }
  out = std::move(values);
  return true;
}

bool TomlTable::read_list(std::string_view key, std::vector<std::string>& out) {
  const toml::node* node = state_->find(node_, path_, key);
  if (node == nullptr) return false;
  const auto* list = node->as_array();
  if (list == nullptr) return state_->wrong_type(*node, join(path_, key), "a list of strings"), false;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const toml::node& item = *list->get(i);
    if (!item.is_string()) return state_->wrong_type(item, join(path_, key) + "[" + std::to_string(i) + "]", "a string"), false;
    values.push_back(item.as_string()->get());
  }
  out = std::move(values);
  return true;
}

bool TomlTable::read_word(std::string_view key, std::span<const std::string> words, std::size_t& index) {
  std::string word;
  if (!read(key, word)) return false;
  const auto found = std::find(words.begin(), words.end(), word);
  if (found != words.end()) return index = static_cast<std::size_t>(found - words.begin()), true;
  std::string text = "`" + word + "` is not one of";
  for (const auto& candidate : words) text += " " + candidate;
  fail(key, text + did_you_mean(word, words));
  return false;
}

std::optional<TomlTable> TomlTable::table(std::string_view key) {
  const toml::node* node = state_->find(node_, path_, key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_table()) return state_->wrong_type(*node, join(path_, key), "a table"), std::nullopt;
  return TomlTable(state_, node->as_table(), join(path_, key));
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  std::vector<TomlTable> out;
  const toml::node* node = state_->find(node_, path_, key);
  if (node == nullptr) return out;
  const auto* list = node->as_array();
  if (list == nullptr) return state_->wrong_type(*node, join(path_, key), "a list of tables, written [[name]]"), out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const toml::node& item = *list->get(i);
    const std::string path = join(path_, key) + "[" + std::to_string(i) + "]";
    if (item.is_table())
      out.emplace_back(state_, item.as_table(), path);
    else
      state_->wrong_type(item, path, "a table");
  }
  return out;
}

std::vector<std::pair<std::string, TomlTable>> TomlTable::named_tables(std::string_view key) {
  std::vector<std::pair<std::string, TomlTable>> out;
  auto parent = table(key);
  if (!parent) return out;
  std::vector<std::tuple<std::uint32_t, std::string>> order;  // as written, not by name
  for (const auto& [name, value] : as_table(parent->node_)) order.emplace_back(name.source().begin.line, std::string(name.str()));
  std::sort(order.begin(), order.end());
  for (auto& [line, name] : order)
    if (auto child = parent->table(name)) out.emplace_back(name, std::move(*child));
  return out;
}

void TomlTable::require(std::string_view key) {
  state_->asked[&as_table(node_)].second.emplace(key);
  if (!has(key)) state_->report(as_table(node_).source().begin, join(path_, key), "missing; this key is required");
}

void TomlTable::fail(std::string_view key, std::string_view message) {
  const toml::node* node = as_table(node_).get(key);
  state_->report(node != nullptr ? node->source().begin : as_table(node_).source().begin, join(path_, key), message);
}

std::string TomlTable::where(std::string_view key) const {
  const toml::node* node = as_table(node_).get(key);
  const auto at = node != nullptr ? node->source().begin : as_table(node_).source().begin;
  return state_->file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + join(path_, key);
}

Result<TomlDocument> TomlDocument::parse(std::string_view text, std::string_view file_name) {
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const auto at = parsed.error().source().begin;
    return mediaward::fail(ErrorCode::kInvalid, std::string(file_name) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                                                    ": not valid TOML: " + std::string(parsed.error().description()));
  }
  auto state = std::make_shared<TomlState>();
  state->root = std::move(parsed).table();
  state->file = file_name;
  return TomlDocument(std::move(state));
}

Result<TomlDocument> TomlDocument::read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (file.bad() || !file.is_open()) return mediaward::fail(ErrorCode::kNotFound, path + ": cannot be read: " + std::strerror(errno));
  return parse(text.str(), path);
}

TomlTable TomlDocument::root() const {
  return TomlTable(state_, &state_->root, "");
}

Result<void> TomlDocument::finish() const {
  auto problems_before = state_->problems;
  for (const auto& [table, entry] : state_->asked) state_->report_unknown(*table, entry.first, entry.second);
  std::vector<Problem> problems = std::exchange(state_->problems, std::move(problems_before));
  if (problems.empty()) return {};
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return std::tie(a.line, a.column) < std::tie(b.line, b.column); });
  std::string text;
  for (const auto& problem : problems) text += (text.empty() ? "" : "\n") + problem.text;
  return mediaward::fail(ErrorCode::kInvalid, text);
}

}  // namespace mediaward::config
