// SPDX-License-Identifier: Apache-2.0
// The keys of controld.toml, in one place for reading and in one for writing. Any thread; control path.
#include "control/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/nearest.h"
#include "config/toml_reader.h"
#include "control/config_peer.h"

namespace mediaward::control {

namespace {

using config::TomlDocument;
using config::TomlTable;
using std::chrono::milliseconds;

void read_ms(TomlTable& table, std::string_view key, milliseconds& out, std::int64_t minimum, std::int64_t maximum) {
  std::int64_t value = 0;
  if (table.read(key, value, minimum, maximum)) out = milliseconds(value);
}

// Octal as people write modes: "0660".
void read_mode(TomlTable& table, std::string_view key, std::uint32_t& out) {
  std::string text;
  if (!table.read(key, text)) return;
  std::uint32_t mode = 0;
  bool good = text.size() >= 3 && text.size() <= 4;
  for (const char c : text) {
    good = good && c >= '0' && c <= '7';
    mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  }
  if (!good || mode > 0777)
    table.fail(key, "`" + text + "` is not an octal mode such as \"0660\"");
  else if ((mode & 0007) != 0)
    table.fail(key, "`" + text + "` lets everybody in; the API hands out control of all media, give access by group");
  else
    out = mode;
}

void read_socket(TomlTable& table, std::string_view key, std::string& out) {
  if (!table.read(key, out)) return;
  if (out.empty() || out.front() != '/' || out.size() > 107) table.fail(key, "must be an absolute path of at most 107 bytes");
}

void read_api(TomlTable api, Settings& settings) {
  read_socket(api, "listen", settings.listen);
  api.read("group", settings.group);
  read_mode(api, "mode", settings.mode);
  api.read("max_watchers", settings.max_watchers, 1, 1024);
  api.read("max_threads", settings.max_threads, 4, 2048);
  api.read("request_history", settings.controller.request_history, 1, 1000000);
  if (settings.max_watchers + 2 > settings.max_threads)
    api.fail("max_threads", "must be at least max_watchers + 2: each watcher holds a thread");
}

void read_dataplane(TomlTable dataplane, DataplaneOptions& options) {
  read_socket(dataplane, "socket", options.socket_path);
  read_ms(dataplane, "transaction_timeout_ms", options.transaction_timeout, 10, 600000);
  read_ms(dataplane, "greeting_timeout_ms", options.hello_timeout, 10, 600000);
  read_ms(dataplane, "reconnect_min_ms", options.reconnect_min, 1, 60000);
  read_ms(dataplane, "reconnect_max_ms", options.reconnect_max, 1, 600000);
  if (options.reconnect_max < options.reconnect_min) dataplane.fail("reconnect_max_ms", "must not be below reconnect_min_ms");
}

void read_limits(TomlTable table, StateLimits& limits) {
  table.read("conferences", limits.conferences, 1, 1000000);
  table.read("legs", limits.legs, 1, 1000000);
  table.read("legs_per_conference", limits.legs_per_conference, 1, 1000000);
  table.read("streams", limits.streams, 1, 10000000);
  table.read("streams_per_leg", limits.streams_per_leg, 1, 1000000);
  table.read("topology", limits.topology, 0, 10000000);
  table.read("swarms", limits.swarms, 0, 1000000);
  table.read("admissions", limits.admissions, 0, 10000000);
  table.read("admissions_per_swarm", limits.admissions_per_swarm, 0, 10000000);
}

void read_policy(TomlTable table, SuitePolicy& policy) {
  std::vector<std::string> words;
  if (!table.read_list("allowed_suites", words)) return;
  std::vector<std::string> names;
  for (const auto& row : crypto::kSuites) names.emplace_back(row.name);
  policy.allowed.clear();
  for (const auto& word : words) {
    const auto* suite = crypto::find_suite(std::string_view(word));
    if (suite == nullptr)
      table.fail("allowed_suites", "`" + word + "` is not a suite" + config::did_you_mean(word, names));
    else if (!policy.allows(suite->id))
      policy.allowed.push_back(suite->id);
  }
  if (words.empty()) table.fail("allowed_suites", "must name at least one suite: without any no leg could be made");
}

Result<Settings> read(const TomlDocument& document) {
  Settings settings;
  TomlTable root = document.root();
  if (auto table = root.table("api")) read_api(*table, settings);
  if (auto table = root.table("dataplane")) read_dataplane(*table, settings.controller.dataplane);
  if (auto table = root.table("limits")) read_limits(*table, settings.controller.limits);
  if (auto table = root.table("policy")) read_policy(*table, settings.controller.suites);
  if (auto table = root.table("peer")) read_peer(*table, settings);
  if (auto table = root.table("events")) table->read("backlog", settings.controller.event_backlog, 16, 1000000);
  if (auto table = root.table("log"))
    table->read_choice(
        "level", settings.log_level,
        {{"debug", LogLevel::kDebug}, {"info", LogLevel::kInfo}, {"warning", LogLevel::kWarning}, {"error", LogLevel::kError}});
  if (auto good = document.finish(); !good) return tl::unexpected(good.error());
  return settings;
}

}  // namespace

Result<Settings> parse_settings(std::string_view text, std::string_view file_name) {
  const auto document = TomlDocument::parse(text, file_name);
  if (!document) return tl::unexpected(document.error());
  return read(*document);
}

Result<Settings> read_settings(const std::string& path) {
  const auto document = TomlDocument::read_file(path);
  if (!document) return tl::unexpected(document.error());
  auto settings = read(*document);
  if (settings) settings->config_path = path;
  return settings;
}

std::string to_toml(const Settings& s) {
  constexpr std::string_view kLevels[] = {"debug", "info", "warning", "error"};
  const auto& dataplane = s.controller.dataplane;
  const auto& limits = s.controller.limits;
  std::string out = "# mediaward-controld\n\n[api]\n";
  out += fmt::format("listen = {}  # unix socket of the gRPC API\n", quoted_toml(s.listen));
  out += fmt::format("group = {}  # group that owns the socket; empty: the daemon's\n", quoted_toml(s.group));
  out += fmt::format("mode = \"{:04o}\"  # of the socket: who may connect may command\n", s.mode);
  out += fmt::format("max_watchers = {}  # event streams at a time\n", s.max_watchers);
  out += fmt::format("max_threads = {}  # of the server; each watcher holds one\n", s.max_threads);
  out += fmt::format("request_history = {}  # applied request ids that are remembered\n\n", s.controller.request_history);
  out += fmt::format("[dataplane]\nsocket = {}  # where mediaward-dataplane listens\n", quoted_toml(dataplane.socket_path));
  out += fmt::format("transaction_timeout_ms = {}\n", dataplane.transaction_timeout.count());
  out += fmt::format("greeting_timeout_ms = {}\n", dataplane.hello_timeout.count());
  out += fmt::format("reconnect_min_ms = {}  # first pause before a new attempt; doubles\n", dataplane.reconnect_min.count());
  out += fmt::format("reconnect_max_ms = {}\n\n", dataplane.reconnect_max.count());
  out += fmt::format("[limits]\nconferences = {}\nlegs = {}\nlegs_per_conference = {}\n", limits.conferences, limits.legs,
                     limits.legs_per_conference);
  out += fmt::format("streams = {}\nstreams_per_leg = {}\n", limits.streams, limits.streams_per_leg);
  out += fmt::format("topology = {}  # pairs of legs that do not hear each other both ways\n", limits.topology);
  out += fmt::format("swarms = {}\nadmissions = {}  # of peers to swarms\nadmissions_per_swarm = {}\n\n", limits.swarms, limits.admissions,
                     limits.admissions_per_swarm);
  out += "[policy]\n# The NULL suites only authenticate: whoever names them here lets media pass in the clear.\nallowed_suites = [\n";
  for (const crypto::Suite suite : s.controller.suites.allowed) out += fmt::format("  \"{}\",\n", crypto::find_suite(suite)->name);
  out += "]\n\n";
  out += peer_toml(s);
  out += fmt::format("[events]\nbacklog = {}  # events kept for watchers\n\n", s.controller.event_backlog);
  out += fmt::format("[log]\nlevel = \"{}\"  # debug, info, warning, error\n", kLevels[static_cast<std::uint8_t>(s.log_level)]);
  return out;
}

}  // namespace mediaward::control
