// SPDX-License-Identifier: Apache-2.0
// `explain REASON` from the list of drop reasons, with the counter when the daemon answers; and events as lines. One thread.
#include <fmt/format.h>

#include "config/nearest.h"
#include "control/drop_reasons.h"
#include "tools/mediawardctl/commands.h"
#include "tools/mediawardctl/json.h"
#include "tools/mediawardctl/table.h"

namespace mediaward::tools {

namespace {

tl::unexpected<v1::ErrorDetail> unknown_reason(const std::string& reason) {
  const auto names = control::drop_reason_names();
  const auto near = config::nearest_names(reason, names, 3);
  std::string text = "there is no drop reason `" + reason + "`";
  for (std::size_t i = 0; i < near.size(); ++i) text += (i == 0 ? "; nearest: " : ", ") + near[i];
  if (near.empty()) text += "; `mediawardctl show drops --all` lists them";
  return tl::unexpected(local_error("not-found", text, reason));
}

const v1::Drop* find(const v1::Drops& drops, const std::string& reason) {
  for (const auto& drop : drops.drops())
    if (drop.reason() == reason) return &drop;
  return nullptr;
}

std::string count_text(const Outcome& asked, const v1::Drop* drop) {
  if (!asked) return "not known: " + asked.error().message();
  if (drop == nullptr) return "not counted by this data plane";
  std::string text = grouped(drop->packets()) + " packets";
  if (drop->per_worker_size() < 2) return text;
  for (int i = 0; i < drop->per_worker_size(); ++i)
    text += fmt::format("{}worker {}: {}", i == 0 ? " (" : ", ", i, grouped(drop->per_worker(i)));
  return text + ")";
}

}  // namespace

CommandResult explain(Client& client, const std::string& name) {
  const auto* reason = control::find_drop_reason(name);
  if (reason == nullptr) return unknown_reason(name);
  v1::GetDropsRequest in;
  in.set_include_zero(true);
  v1::Drops drops;
  const Outcome asked = client.call(in, drops);
  const v1::Drop* drop = asked ? find(drops, name) : nullptr;
  Answer answer;
  answer.text = fmt::format("{}\n  meaning     {}\n  source      {}\n  what to do  {}\n  so far      {}\n", reason->name, reason->meaning,
                            reason->source, reason->what_to_do, count_text(asked, drop));
  answer.json = {{"reason", reason->name}, {"source", reason->source}, {"meaning", reason->meaning}, {"what_to_do", reason->what_to_do}};
  answer.json["packets"] = drop != nullptr ? nlohmann::ordered_json(drop->packets()) : nlohmann::ordered_json(nullptr);
  return answer;
}

std::string event_line(const v1::Event& event) {
  const std::time_t seconds = static_cast<std::time_t>(event.time_unix_ns() / 1000000000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string line = fmt::format("{} {}.{:03}Z {}", event.sequence(), time, event.time_unix_ns() / 1000000 % 1000,
                                 enum_word(v1::EventType_descriptor(), event.type()));
  if (!event.object().empty()) line += " " + event.object();
  if (!event.drop_reason().empty()) line += " " + event.drop_reason();
  if (event.type() == v1::EVENT_TYPE_GAP)
    line += fmt::format(" {} to {} are gone:", event.a(), event.b());
  else if (event.a() != 0 || event.b() != 0)
    line += fmt::format(" a={} b={}", event.a(), event.b());
  if (!event.text().empty()) line += " " + event.text();
  return line + "\n";
}

}  // namespace mediaward::tools
