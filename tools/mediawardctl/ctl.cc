// SPDX-License-Identifier: Apache-2.0
// The command line: which words mean which command, and how answers and errors are printed. One thread.
#include "tools/mediawardctl/ctl.h"

#include <algorithm>

#include "config/nearest.h"
#include "control/config.h"
#include "tools/mediawardctl/command_line.h"
#include "tools/mediawardctl/json.h"

namespace mediaward::tools {

int Printer::print(const CommandResult& result) const {
  if (!result) return print(result.error());
  if (line_.json)
    out_ << result->json.dump(2) << "\n";
  else
    out_ << result->text;
  return 0;
}

int Printer::print(const v1::ErrorDetail& error) const {
  if (line_.json) {
    out_ << nlohmann::ordered_json{{"error", to_json(error)}}.dump(2) << "\n";
    return 1;
  }
  std::string text = "mediawardctl: ";
  if (!error.object().empty() && error.message().find(error.object()) == std::string::npos) text += error.object() + ": ";
  if (!error.field().empty()) text += error.field() + ": ";
  err_ << text << error.message() << "\n";
  return 1;
}

int Printer::watch(Client& client) const {
  v1::WatchRequest request;
  request.set_from_sequence(line_.from);
  std::uint64_t seen = 0;
  const auto ended = client.watch(request, [&](const v1::Event& event) {
    if (line_.json)
      out_ << to_json(event).dump() << "\n";
    else
      out_ << event_line(event);
    out_.flush();
    return ++seen != line_.count;
  });
  return ended ? 0 : print(ended.error());
}

void add_transaction_options(CLI::App& command, CommandLine& line) {
  command.add_flag("--dry-run", line.apply.dry_run, "check everything, here and in the data plane, and change nothing");
  command.add_flag("--state-complete", line.apply.state_complete,
                   "declare the desired state complete: what the data plane has beyond it goes");
  command.add_option("--request-id", line.apply.request_id, "id under which a repetition is recognised (default: random)");
  command.add_option("--epoch", line.apply.epoch, "leadership epoch (default: not used)");
}

namespace {

// One subcommand without arguments of its own.
void add_simple(CLI::App& parent, const char* name, const char* help, const Printer& printer, Command& chosen,
                CommandResult (*run)(Client&)) {
  parent.add_subcommand(name, help)->callback([&printer, &chosen, run] {
    chosen = [&printer, run](Client& client) { return printer.print(run(client)); };
  });
}

void add_show(CLI::App& app, CommandLine& line, const Printer& printer, Command& chosen) {
  CLI::App& show = *app.add_subcommand("show", "show what the daemon and the data plane report")->require_subcommand(1);
  add_simple(show, "status", "the daemon and its connection to the data plane", printer, chosen, &show_status);
  add_simple(show, "topology", "the worker plan and its reasons", printer, chosen, &show_topology);
  add_simple(show, "ports", "ports, links and their counters", printer, chosen, &show_ports);
  add_simple(show, "workers", "workers, their CPUs and load", printer, chosen, &show_workers);
  add_simple(show, "pipeline", "stages of the packet path with cycles and batch sizes", printer, chosen, &show_pipeline);
  add_simple(show, "conferences", "all conferences", printer, chosen, &show_conferences);
  add_simple(show, "neighbours", "next hops", printer, chosen, &show_neighbours);
  add_simple(show, "memory", "pools and arenas", printer, chosen, &show_memory);
  add_simple(show, "engine", "crypto engines and which is used", printer, chosen, &show_engine);
  add_simple(show, "config", "the daemon's settings in effect", printer, chosen, &show_config);
  auto* conference = show.add_subcommand("conference", "one conference with participants, streams and SRTP state");
  conference->add_option("ID", line.name)->required();
  conference->callback([&] { chosen = [&](Client& client) { return printer.print(show_conference(client, line.name)); }; });
  auto* drops = show.add_subcommand("drops", "dropped packets by reason");
  drops->add_flag("--all", line.all, "reasons that never happened, too");
  drops->callback([&] { chosen = [&](Client& client) { return printer.print(show_drops(client, line.all)); }; });
  auto* counters = show.add_subcommand("counters", "every counter of the data plane");
  counters->add_flag("--all", line.all, "counters that are 0, too");
  counters->callback([&] { chosen = [&](Client& client) { return printer.print(show_counters(client, line.all)); }; });
  add_show_peers(show, {line, printer, chosen});
}

void add_conference(CLI::App& app, CommandLine& line, const Printer& printer, Command& chosen) {
  CLI::App& conference = *app.add_subcommand("conference", "change conferences")->require_subcommand(1);
  auto* apply = conference.add_subcommand("apply", "make a conference what a file says");
  apply->add_option("FILE", line.name)->required();
  add_transaction_options(*apply, line);
  apply->callback([&] { chosen = [&](Client& client) { return printer.print(apply_conference(client, line.name, line.apply)); }; });
  auto* remove = conference.add_subcommand("remove", "remove a conference with all its legs");
  remove->add_option("ID", line.name)->required();
  add_transaction_options(*remove, line);
  remove->callback([&] { chosen = [&](Client& client) { return printer.print(remove_conference(client, line.name, line.apply)); }; });
}

void add_keys_and_mute(CLI::App& app, CommandLine& line, const Printer& printer, Command& chosen) {
  auto* keys = app.add_subcommand("rekey", "give a conference the keys of a file, and change nothing else");
  keys->add_option("FILE", line.name)->required();
  keys->add_option("PARTICIPANT", line.participants, "only these (default: everybody, and the group key)");
  add_transaction_options(*keys, line);
  keys->callback([&] { chosen = [&](Client& client) { return printer.print(rekey(client, line.name, line.participants, line.apply)); }; });
  for (const bool muted : {true, false}) {
    auto* command =
        app.add_subcommand(muted ? "mute" : "unmute", muted ? "let nobody hear a participant" : "let a participant be heard again");
    command->add_option("CONFERENCE", line.name)->required();
    command->add_option("PARTICIPANT", line.participant)->required();
    add_transaction_options(*command, line);
    command->callback([&, muted] {
      chosen = [&, muted](Client& client) { return printer.print(mute(client, line.name, line.participant, muted, line.apply)); };
    });
  }
}

void add_topology(CLI::App& app, CommandLine& line, const Printer& printer, Command& chosen) {
  auto* topology = app.add_subcommand("topology", "say who hears whom (`show topology` is the plan of the workers)");
  topology->add_option("CONFERENCE", line.name)->required();
  topology->add_option("FROM", line.participant)->required();
  topology->add_option("TO", line.to)->required();
  topology->add_option("RELATION", line.relation, "both, oneway (TO hears FROM, not the other way round), isolate")
      ->required()
      ->check(CLI::IsMember({"both", "oneway", "isolate"}));
  add_transaction_options(*topology, line);
  topology->callback([&] {
    chosen = [&](Client& client) {
      return printer.print(set_topology(client, line.name, line.participant, line.to, line.relation, line.apply));
    };
  });
}

void add_bucket(CLI::App& app, CommandLine& line, const Printer& printer, Command& chosen) {
  auto* bucket = app.add_subcommand("move-bucket", "give media ports to another worker: bucket = (UDP port / 2) modulo 256");
  bucket->add_option("BUCKET", line.bucket)->required()->check(CLI::Range(0, 255));
  bucket->add_option("WORKER", line.worker, "as in `show workers`")->required();
  bucket->callback([&] { chosen = [&](Client& client) { return printer.print(move_bucket(client, line.bucket, line.worker)); }; });
}

void add_others(CLI::App& app, CommandLine& line, const Printer& printer, Command& chosen) {
  auto* explain_command = app.add_subcommand("explain", "what a drop reason means and what to do");
  explain_command->add_option("REASON", line.name)->required();
  explain_command->callback([&] { chosen = [&](Client& client) { return printer.print(explain(client, line.name)); }; });
  auto* config = app.add_subcommand("config", "configuration files")->require_subcommand(1);
  auto* check = config->add_subcommand("check", "check a file of controld, of the data plane, of a conference or of a swarm");
  check->add_option("FILE", line.name)->required();
  check->add_option("--kind", line.kind, "auto, controld, dataplane, conference, swarm")
      ->check(CLI::IsMember({"auto", "controld", "dataplane", "conference", "swarm"}));
  check->callback([&] { chosen = [&](Client&) { return printer.print(check_config(line.name, line.kind)); }; });
  auto* watch = app.add_subcommand("watch", "print events as they happen");
  watch->add_option("--from", line.from, "first sequence number wanted (default: from now on)");
  watch->add_option("--count", line.count, "end after that many events (default: never)");
  watch->callback([&] { chosen = [&](Client& client) { return printer.watch(client); }; });
}

// What CLI11 says, or, for a word that is no command, the nearest one.
std::string usage_text(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  const auto words = app.remaining(true);
  const auto commands = at->get_subcommands([](const CLI::App*) { return true; });
  if (words.empty() || commands.empty()) return error.what();
  std::vector<std::string> names;
  std::string list;
  for (const auto* command : commands) {
    names.push_back(command->get_name());
    list += " " + command->get_name();
  }
  const std::string hint = config::did_you_mean(words.front(), names);
  return "`" + words.front() + "` is not a command here" + (hint.empty() ? "; there are:" + list : hint);
}

int usage(const CLI::App& app, const CLI::ParseError& error, bool json, std::ostream& out, std::ostream& err) {
  if (error.get_exit_code() == 0) return app.exit(error, out, err);  // help, version
  const std::string text = usage_text(app, error);
  if (json)
    out << nlohmann::ordered_json{{"error", to_json(local_error("usage", text))}}.dump(2) << "\n";
  else
    err << "mediawardctl: " << text << "\nRun with --help for more information.\n";
  return 2;
}

std::chrono::milliseconds to_ms(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

}  // namespace

int run_ctl(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  CommandLine line;
  line.socket = control::kDefaultListenPath;
  const bool wants_json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  Command chosen;
  const Printer printer(line, out, err);
  CLI::App app{"mediawardctl: look at and change what a mediaward appliance carries", "mediawardctl"};
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--socket", line.socket, "socket of mediaward-controld")->capture_default_str();
  app.add_flag("--json", line.json, "answers and errors as JSON on standard output");
  app.add_option("--timeout", line.timeout_seconds, "seconds for one call")->check(CLI::Range(0.1, 3600.0))->capture_default_str();
  app.add_option("--wait", line.wait_seconds, "seconds to repeat a call while the daemon or data plane is unavailable")
      ->check(CLI::Range(0.0, 3600.0));
  app.set_version_flag("--version", MEDIAWARD_RELEASE);
  add_show(app, line, printer, chosen);
  add_conference(app, line, printer, chosen);
  add_keys_and_mute(app, line, printer, chosen);
  add_topology(app, line, printer, chosen);
  add_bucket(app, line, printer, chosen);
  add_swarm(app, {line, printer, chosen});
  add_others(app, line, printer, chosen);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return usage(app, error, wants_json, out, err);
  }
  Client client({line.socket, to_ms(line.timeout_seconds), to_ms(line.wait_seconds)});
  return chosen(client);
}

}  // namespace mediaward::tools
