// SPDX-License-Identifier: Apache-2.0
// mediaward-dataplane: command line, signals, and the main thread's loop around the control server.
// Exit status: 0 after a clean stop or a successful check, 1 when something could not be started, 2 for a wrong command line or
// configuration. The main thread blocks in the control server; it never polls packets.
#include <fmt/format.h>
#include <rte_version.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <string>

#include "drivers/appliance.h"
#include "drivers/service_notify.h"

namespace mediaward::drivers {
namespace {

constexpr int kServerWaitMs = 100;  // retired memory is freed and the watchdog fed this often

enum ExitStatus { kExitGood = 0, kExitFailed = 1, kExitUsage = 2 };

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // set in a signal handler

struct Options {
  std::string config_file;
  std::string check_file;
  bool print_default = false;
  bool show_plan = false;
  bool verbose = false;
};

int report(const Error& error, ExitStatus status) {
  fmt::print(stderr, "{}\n", error.message);
  return status;
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested.store(true, std::memory_order_relaxed); };
  for (const int number : {SIGTERM, SIGINT}) sigaction(number, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

Result<WorkerPlan> plan_for(const DataplaneConfig& config) {
  auto topology = read_machine_topology();
  if (!topology) return tl::unexpected<Error>(topology.error());
  return make_plan(config, *topology, read_port_numa(config));
}

void print_reasons(const std::vector<std::string>& reasons) {
  for (const auto& reason : reasons) fmt::print("{}\n", reason);
}

int check(const std::string& file) {
  auto config = load_config(file);
  if (!config) return report(config.error(), kExitUsage);
  fmt::print("{}: good, {} port{}\n", file, config->ports.size(), config->ports.size() == 1 ? "" : "s");
  return kExitGood;
}

int show_plan(const DataplaneConfig& config) {
  auto plan = plan_for(config);
  if (!plan) return report(plan.error(), kExitFailed);
  auto settings = make_eal_settings(config, *plan, read_hugepage_status(), plan->reasons);
  print_reasons(plan->reasons);
  return settings ? int{kExitGood} : report(settings.error(), kExitFailed);
}

void serve(Appliance& appliance, dataplane::ControlServer& server) {
  Watchdog watchdog;
  while (!stop_requested.load(std::memory_order_relaxed)) {
    server.run(kServerWaitMs);
    watchdog.feed(appliance.loops());
  }
}

// The PMD blocks in its first accept(); a signal ends that.
void announce_waiting(const DataplaneConfig& config) {
  for (const auto& port : config.ports)
    if (port.kind == PortKind::kVirtioUser && port.server)
      fmt::print(stderr, "port {}: waiting for a vhost-user peer to connect to {}\n", port.name, port.path);
}

int run(const DataplaneConfig& config, bool verbose) {
  auto plan = plan_for(config);
  if (!plan) return report(plan.error(), kExitFailed);
  announce_waiting(config);
  auto appliance = Appliance::create(config, std::move(*plan), verbose);
  if (!appliance && stop_requested.load(std::memory_order_relaxed)) return kExitGood;
  if (!appliance) return report(appliance.error(), kExitFailed);
  {
    auto server = dataplane::ControlServer::create((*appliance)->core(), {config.control.socket_path, config.control.mode, config.control.group}, **appliance);
    if (!server) return report(server.error(), kExitFailed);
    if (auto started = (*appliance)->start(); !started) return report(started.error(), kExitFailed);
    notify_ready("serving");
    serve(**appliance, **server);
    notify_stopping();
  }
  (*appliance)->stop();
  return kExitGood;
}

int start(const Options& options) {
  auto config = load_config(options.config_file);
  if (!config) return report(config.error(), kExitUsage);
  if (options.show_plan) return show_plan(*config);
  catch_signals();
  return run(*config, options.verbose);
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("The packet process of mediaward: polls ports, opens and seals SRTP, takes commands from mediaward-controld.");
  Options options;
  app.add_option("-c,--config", options.config_file, "configuration file (TOML)");
  app.add_option("--check-config", options.check_file, "say what is wrong with a configuration file, and end");
  app.add_flag("--print-default-config", options.print_default, "print a commented configuration, and end");
  app.add_flag("--show-plan", options.show_plan, "with --config: print which CPU will do what and why, and end");
  app.add_flag("--verbose", options.verbose, "show DPDK's own messages");
  app.set_version_flag("--version", fmt::format("mediaward-dataplane {} ({})", MEDIAWARD_RELEASE, rte_version()));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitGood : kExitUsage;
  }
  if (options.print_default) return fmt::print("{}", default_config_text()), kExitGood;
  if (!options.check_file.empty()) return check(options.check_file);
  if (!options.config_file.empty()) return start(options);
  fmt::print(stderr, "nothing to do: name a configuration with --config FILE (see --help)\n");
  return kExitUsage;
}

}  // namespace
}  // namespace mediaward::drivers

int main(int argc, char** argv) { return mediaward::drivers::parse_and_run(argc, argv); }
