// SPDX-License-Identifier: Apache-2.0
// mediaward-traffic: plays all participants of conferences behind one port and checks what the appliance makes of their media.
// Command line only; the work is in plan.cc and session.cc. Exit status: 0 all was right, 1 something was wrong, 2 could not run.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>

#include "tools/traffic/plan_options.h"
#include "tools/traffic/run_options.h"

namespace {

using namespace mediaward;
using namespace mediaward::tools::traffic;

constexpr int kWrong = 1, kCannotRun = 2;

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  stop_requested = true;
}

int report_error(const Error& error) {
  std::fprintf(stderr, "mediaward-traffic: %s\n", error.message.c_str());
  return kCannotRun;
}

int plan_main(PlanOptions options) {
  const auto written = run_plan(std::move(options));
  return written ? 0 : report_error(written.error());
}

int run_main(RunOptions options) {
  if (auto good = finish_options(options); !good) return report_error(good.error());
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  const auto right = run_session(std::move(options.session), stop_requested);
  if (!right) return report_error(right.error());
  return *right ? 0 : kWrong;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Plays the participants of conferences with libsrtp and checks what the appliance sends them."};
  app.require_subcommand(1);
  PlanOptions plan_options;
  RunOptions run_options;
  CLI::App* plan = app.add_subcommand("plan", "write conference files with random keys");
  CLI::App* run = app.add_subcommand("run", "send, receive, check, report");
  add_plan_options(*plan, plan_options);
  add_run_options(*run, run_options);
  CLI11_PARSE(app, argc, argv);
  return plan->parsed() ? plan_main(std::move(plan_options)) : run_main(std::move(run_options));
}
