// SPDX-License-Identifier: Apache-2.0
// mediaward-controld: command line, signals, service manager. Everything else is behind Daemon.
// The main thread waits for signals and feeds the watchdog as long as the data-plane loop moves.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>

#include "control/daemon.h"
#include "control/service_notify.h"

namespace mediaward::control {

namespace {

struct CommandLine {
  std::string config_path, check_path, dataplane_socket, listen;
  bool print_default = false;
};

int complain(const Error& error) {
  std::fputs((error.message + "\n").c_str(), stderr);
  return 1;
}

// The default file may be absent; one that was named must be there.
Result<Settings> load(const CommandLine& line) {
  Result<Settings> settings = Settings{};
  if (!line.config_path.empty())
    settings = read_settings(line.config_path);
  else if (::access(kDefaultConfigPath, F_OK) == 0)
    settings = read_settings(kDefaultConfigPath);
  if (!settings) return settings;
  if (!line.dataplane_socket.empty()) settings->controller.dataplane.socket_path = line.dataplane_socket;
  if (!line.listen.empty()) settings->listen = line.listen;
  return settings;
}

sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);  // before any thread is made: all inherit it
  ::signal(SIGPIPE, SIG_IGN);
  return set;
}

void wait_for_end(const sigset_t& set, Controller& controller, const Log& log) {
  const auto watchdog = watchdog_interval();
  const std::chrono::milliseconds interval = watchdog.value_or(std::chrono::milliseconds(3600000));
  const timespec pause{interval.count() / 1000, interval.count() % 1000 * 1000000};
  std::uint64_t beats = 0;
  for (;;) {
    const int signal = ::sigtimedwait(&set, nullptr, &pause);
    if (signal == SIGTERM || signal == SIGINT) {
      log.write(LogLevel::kInfo, "stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      return;
    }
    if (signal == SIGHUP) log.write(LogLevel::kWarning, "ignored", {{"signal", "SIGHUP"}, {"message", "settings are read at start only"}});
    const std::uint64_t now = controller.dataplane().beats();
    if (watchdog && now != beats) notify_alive();
    beats = now;
  }
}

int serve(const Settings& settings) {
  const sigset_t signals = block_signals();
  ::prctl(PR_SET_DUMPABLE, 0);  // keys are in memory
  Log log;
  log.set_level(settings.log_level);
  Daemon daemon(settings, log);
  if (auto good = daemon.start(); !good) return complain(good.error());
  log.write(LogLevel::kInfo, "started",
            {{"release", MEDIAWARD_RELEASE},
             {"listen", settings.listen},
             {"dataplane", settings.controller.dataplane.socket_path},
             {"config", settings.config_path.empty() ? std::string("built-in") : settings.config_path},
             {"instance", daemon.controller().events().instance_id()}});
  notify_ready("serving on " + settings.listen);
  wait_for_end(signals, daemon.controller(), log);
  notify_stopping();
  daemon.stop();
  log.write(LogLevel::kInfo, "stopped", {});
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{"mediaward-controld: desired state and API of the mediaward appliance", "mediaward-controld"};
  CommandLine line;
  app.add_option("--config", line.config_path, fmt::format("configuration file (default: {} if it exists)", kDefaultConfigPath));
  app.add_option("--check-config", line.check_path, "check a configuration file and exit");
  app.add_flag("--print-default-config", line.print_default, "print every setting with its default and exit");
  app.add_option("--dataplane-socket", line.dataplane_socket, "socket of mediaward-dataplane; overrides the file");
  app.add_option("--listen", line.listen, "socket of the API; overrides the file");
  app.set_version_flag("--version", MEDIAWARD_RELEASE);
  CLI11_PARSE(app, argc, argv);
  if (line.print_default) return std::fputs(to_toml(Settings{}).c_str(), stdout) < 0 ? 1 : 0;
  if (!line.check_path.empty()) {
    const auto settings = read_settings(line.check_path);
    if (!settings) return complain(settings.error());
    std::puts((line.check_path + ": good").c_str());
    return 0;
  }
  const auto settings = load(line);
  if (!settings) return complain(settings.error());
  return serve(*settings);
}

}  // namespace

}  // namespace mediaward::control

int main(int argc, char** argv) {
  return mediaward::control::run(argc, argv);
}
