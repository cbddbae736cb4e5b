// SPDX-License-Identifier: Apache-2.0
// mediaward-traffic: plays all participants of conferences behind one port and checks what the appliance makes of their media.
// Command line only; the work is in plan.cc and session.cc. Exit status: 0 all was right, 1 something was wrong, 2 could not run.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>

#include "tools/traffic/plan.h"
#include "tools/traffic/port_options.h"
#include "tools/traffic/session.h"

namespace {

using namespace mediaward;
using namespace mediaward::tools;
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

struct PlanOptions {
  PlanSettings settings;
  std::string out, family = "4";
  std::uint32_t count = 1;
};

void add_plan_options(CLI::App& app, PlanOptions& o) {
  PlanSettings& s = o.settings;
  app.add_option("--out", o.out, "file to write (mode 0600); with --count N: FILE-1.toml to FILE-N.toml")->required();
  app.add_option("--id", s.id, "of the conference")->capture_default_str();
  app.add_option("--count", o.count, "conferences, each with addresses, ports and SSRCs of its own")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--participants", s.participants)->capture_default_str()->check(CLI::Range(2, 1000));
  app.add_option("--streams", s.streams, "SSRCs per participant")->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--suites", s.suites, "mixed, cm128 or gcm128")->capture_default_str();
  app.add_option("--family", o.family, "4, 6 or mixed")->capture_default_str()->check(CLI::IsMember({"4", "6", "mixed"}));
  app.add_option("--port-name", s.port, "port of the data plane's configuration")->capture_default_str();
  app.add_option("--local-address", s.local_v4, "appliance's IPv4 address")->capture_default_str();
  app.add_option("--local-address6", s.local_v6, "appliance's IPv6 address")->capture_default_str();
  app.add_option("--local-port-first", s.local_port_first, "first UDP port of the appliance")->capture_default_str();
  app.add_option("--remote-address", s.remote_v4, "IPv4 address of the first participant")->capture_default_str();
  app.add_option("--remote-address6", s.remote_v6, "IPv6 address of the first participant")->capture_default_str();
  app.add_option("--remote-port", s.remote_port, "UDP port of the participants")->capture_default_str();
  app.add_option("--dscp", s.dscp, "of what the appliance sends")->capture_default_str()->check(CLI::Range(0, 63));
  app.add_flag("--one-way", s.one_way, "the first participant only sends, the others only receive");
}

// "x.toml" → "x-3.toml"
std::string numbered(const std::string& path, std::uint32_t number) {
  const std::size_t dot = path.rfind('.');
  const bool extension = dot != std::string::npos && path.find('/', dot) == std::string::npos;
  return path.substr(0, extension ? dot : path.size()) + "-" + std::to_string(number) + (extension ? path.substr(dot) : "");
}

int run_plan(PlanOptions o) {
  o.settings.family = o.family == "4" ? PlanFamily::kIpv4 : o.family == "6" ? PlanFamily::kIpv6 : PlanFamily::kMixed;
  const PlanSettings base = o.settings;
  for (std::uint32_t i = 0; i < o.count; ++i) {
    PlanSettings s = base;
    if (o.count > 1) s.id = base.id + "-" + std::to_string(i + 1);
    const std::uint32_t before = i * s.participants;  // participants of earlier conferences
    if (std::uint32_t{base.local_port_first} + 2 * (before + s.participants) > 65535)
      return report_error({ErrorCode::kInvalid, "--count: the local UDP ports do not reach"});
    s.local_port_first = static_cast<std::uint16_t>(base.local_port_first + 2 * before);
    s.remote_port = static_cast<std::uint16_t>(base.remote_port + 2 * i);  // the same hosts take part in all conferences
    s.ssrc_first = base.ssrc_first + before * s.streams;
    const auto plan = make_plan(s);
    if (!plan) return report_error(plan.error());
    const std::string path = o.count > 1 ? numbered(o.out, i + 1) : o.out;
    if (auto written = write_secret_file(path, to_toml(*plan)); !written) return report_error(written.error());
  }
  return 0;
}

struct RunOptions {
  SessionSettings session;
  std::string port, port_file, port_name, rate = "1000", verify, hugepages = "auto", idle = "yield", peer = "appliance", rest = "tags";
};

void add_run_options(CLI::App& app, RunOptions& o) {
  SessionSettings& s = o.session;
  app.add_option("--conference", s.conferences, "conference file; may be given several times")->required();
  auto* port = app.add_option("--port", o.port,
                              "KEY=VALUE,...: kind (pci, virtio-user, vhost-user, tap, af_packet, af_xdp, pcap), path, interface, ...");
  app.add_option("--port-config", o.port_file, "take the port from this data plane configuration instead")->excludes(port);
  app.add_option("--port-name", o.port_name, "which port of --port-config");
  app.add_option("--packets", s.run.packets, "genuine packets to send, all streams together");
  app.add_option("--seconds", s.run.seconds, "end after this time; without --packets, seconds times rate are sealed");
  app.add_option("--rate", o.rate, "genuine packets per second, or max")->capture_default_str();
  app.add_option("--window", s.run.window, "packets in flight at most (0: no limit)")->capture_default_str();
  app.add_option("--warm-up", s.run.warm_up_seconds, "seconds left out of the rates")->capture_default_str();
  app.add_option("--payload", s.payload_bytes, "RTP payload bytes")->capture_default_str();
  app.add_option("--hostile", s.hostile, "tamper, replay, stranger, unknown-ssrc, junk, all");
  app.add_option("--hostile-every", s.hostile_every, "one hostile packet per so many genuine ones")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  app.add_option("--verify", o.verify, "all, or 1/N: the packets that libsrtp opens (default: all up to 50000 pps, else 1/64)");
  app.add_option(
         "--rest", o.rest,
         "what is compared of packets that libsrtp does not open: tags (computed before the run, one sealing per receiver) or headers")
      ->capture_default_str()
      ->check(CLI::IsMember({"tags", "headers"}));
  app.add_flag("--latency", s.latency, "measure from hand-over to the port until receipt");
  app.add_flag("--allow-loss", s.allow_loss, "lost packets are no fault (load beyond capacity)");
  app.add_option("--json", s.json_file, "write the report to this file; - is standard output instead of the table");
  app.add_option("--seed", s.seed, "of payloads and sequence numbers")->capture_default_str();
  app.add_option("--first-index", s.first_index, "SRTP index (ROC and sequence number) of every stream's first packet");
  app.add_option("--wait", s.run.wait_seconds, "for link, addresses and first packets, each")->capture_default_str();
  app.add_option("--drain", s.run.drain_seconds, "silence at the end after which packets count as lost")->capture_default_str();
  app.add_option("--burst", s.run.burst, "packets per call of the port")->capture_default_str()->check(CLI::Range(1, 32));
  app.add_option("--gateway", s.gateway_v4, "IPv4 next hop (default: the appliance itself)");
  app.add_option("--gateway6", s.gateway_v6, "IPv6 next hop");
  app.add_option("--cpu", s.cpu, "for the loop (default: the last one allowed)");
  app.add_option("--hugepages", o.hugepages, "auto, yes or no")->capture_default_str()->check(CLI::IsMember({"auto", "yes", "no"}));
  app.add_option("--idle", o.idle, "yield or spin")->capture_default_str()->check(CLI::IsMember({"yield", "spin"}));
  app.add_option("--peer", o.peer, "appliance, or echo: returns frames as they are (a reference for benchmarks; nothing is checked)")
      ->capture_default_str()
      ->check(CLI::IsMember({"appliance", "echo"}));
  app.add_option("--start-file", s.start_file, "media begins once this file exists");
  app.add_option("--ready-file", s.ready_file, "made when the pool is sealed and the port is open");
}

Result<void> finish_options(RunOptions& o) {
  if (o.port.empty() == o.port_file.empty()) return fail(ErrorCode::kInvalid, "give --port or --port-config");
  auto port = o.port.empty() ? read_port(o.port_file, o.port_name) : parse_port(o.port);
  if (!port) return tl::unexpected(port.error());
  o.session.port = std::move(*port);
  o.session.port_text = o.port.empty() ? o.port_file : o.port;
  if (o.rate != "max" && !CLI::detail::lexical_cast(o.rate, o.session.run.packets_per_second))
    return fail(ErrorCode::kInvalid, "--rate: `" + o.rate + "` is neither packets per second nor max");
  if (o.rate != "max" && o.session.run.packets_per_second <= 0) return fail(ErrorCode::kInvalid, "--rate must be above 0");
  if (o.verify == "all") o.session.verify_every = 1;
  if (!o.verify.empty() && o.verify != "all") {
    std::uint32_t every = 0;
    // Beyond 2^14 the sample would be too thin for libsrtp's index estimate (RFC 3711 §3.3.1).
    if (!o.verify.starts_with("1/") || !CLI::detail::lexical_cast(o.verify.substr(2), every) || every == 0 || every > 16384)
      return fail(ErrorCode::kInvalid, "--verify: `" + o.verify + "` is neither all nor 1/N with N from 1 to 16384");
    o.session.verify_every = every;
  }
  o.session.hugepages = o.hugepages == "auto"  ? drivers::HugepageUse::kAuto
                        : o.hugepages == "yes" ? drivers::HugepageUse::kYes
                                               : drivers::HugepageUse::kNo;
  o.session.expect_tags = o.rest == "tags";
  o.session.run.yield = o.idle == "yield";
  o.session.run.echo = o.peer == "echo";
  return {};
}

int run_run(RunOptions o) {
  if (auto good = finish_options(o); !good) return report_error(good.error());
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  const auto right = run_session(std::move(o.session), stop_requested);
  if (!right) return report_error(right.error());
  return *right ? 0 : kWrong;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Plays the participants of a conference with libsrtp and checks what the appliance sends them."};
  app.require_subcommand(1);
  PlanOptions plan_options;
  RunOptions run_options;
  CLI::App* plan = app.add_subcommand("plan", "write a conference file with random keys");
  CLI::App* run = app.add_subcommand("run", "send, receive, check, report");
  add_plan_options(*plan, plan_options);
  add_run_options(*run, run_options);
  CLI11_PARSE(app, argc, argv);
  return plan->parsed() ? run_plan(std::move(plan_options)) : run_run(std::move(run_options));
}
