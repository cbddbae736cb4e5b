// SPDX-License-Identifier: Apache-2.0
// Puts the parts of a run together (see the header). Main thread.
#include "tools/traffic/session.h"

#include <fmt/format.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>

#include "drivers/eal.h"
#include "drivers/ports.h"
#include "tools/traffic/clock.h"
#include "tools/traffic/report.h"
#include "tools/traffic/srtp_context.h"
#include "tools/traffic/stage.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::uint32_t kQuietWindow = 128;  // packets; rings have 256 and more

std::vector<std::uint32_t> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<std::uint32_t> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) cpus.push_back(static_cast<std::uint32_t>(i));
  return cpus;
}

Result<drivers::Eal> start_eal(const SessionSettings& s, const std::vector<std::uint32_t>& cpus) {
  drivers::EalSettings eal;
  eal.worker_cpus = {s.cpu.value_or(cpus.back())};
  eal.megabytes = drivers::memory_demand_megabytes({s.port}, {1});
  const auto status = drivers::read_hugepage_status();
  eal.hugepages =
      s.hugepages == drivers::HugepageUse::kYes || (s.hugepages == drivers::HugepageUse::kAuto && status.free_megabytes >= eal.megabytes);
  if (s.hugepages == drivers::HugepageUse::kYes && status.free_megabytes < eal.megabytes)
    return fail(ErrorCode::kUnavailable,
                fmt::format("--hugepages yes: {} MB are free, {} MB are needed; reserve more with sysctl vm.nr_hugepages",
                            status.free_megabytes, eal.megabytes));
  eal.virtio_user = s.port.kind == drivers::PortKind::kVirtioUser;
  if (s.port.kind == drivers::PortKind::kPci) eal.pci_addresses = {s.port.address};
  eal.file_prefix = drivers::make_file_prefix(s.port.path + s.port.interface + "/traffic");
  return drivers::Eal::start(eal);
}

Result<void> await_link(const drivers::Port& port, double seconds, const std::atomic<bool>& stop) {
  const timespec pause{0, 5'000'000};
  for (double waited = 0; !port.link().up; waited += 0.005) {
    if (stop) return fail(ErrorCode::kUnavailable, "interrupted before the link came up");
    if (waited > seconds)
      return fail(ErrorCode::kUnavailable,
                  fmt::format("the link did not come up within {} s: is the other side running, and does it use {}?", seconds,
                              port.config().path + port.config().interface + port.config().address));
    nanosleep(&pause, nullptr);  // a link state has no event that every port kind raises
  }
  return {};
}

Result<std::vector<ConferenceFile>> read_files(const std::vector<std::string>& paths) {
  std::vector<ConferenceFile> files;
  for (const auto& path : paths) {
    auto file = read_conference(path);
    if (!file) return tl::unexpected(file.error());
    files.push_back(std::move(*file));
  }
  return files;
}

Result<std::optional<Address>> parse_gateway(const std::optional<std::string>& text, bool v6) {
  if (!text) return std::optional<Address>{};
  const auto address = Address::parse(*text);
  if (!address || address->v6 != v6)
    return fail(ErrorCode::kInvalid, "`" + *text + "` is not an address of the right family for a gateway");
  return address;
}

std::uint64_t packets_wanted(const RunSettings& run) {
  if (run.packets != 0) return run.packets;
  return static_cast<std::uint64_t>(run.seconds * run.packets_per_second) + 1;
}

// Runs the loop on the worker lcore while this thread waits: for the start file, then for the end.
Result<RunResult> run_on_lcore(drivers::Eal& eal, Runner& runner, const std::string& start_file, std::atomic<bool>& go,
                               const std::atomic<bool>& stop) {
  RunResult result;
  std::atomic<bool> ended{false};
  std::function<void()> body = [&] {
    result = runner.run(stop);
    ended = true;
  };
  if (auto launched = eal.launch(0, body); !launched) return tl::unexpected(launched.error());
  const timespec pause{0, 5'000'000};
  while (!start_file.empty() && access(start_file.c_str(), F_OK) != 0 && !ended && !stop) nanosleep(&pause, nullptr);
  go = true;
  eal.join_workers();
  return result;
}

Result<void> write_file(const std::string& path, const std::string& text) {
  if (path == "-") return std::fputs(text.c_str(), stdout), Result<void>{};
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) return fail(ErrorCode::kInvalid, path + ": cannot be written");
  return {};
}

Result<StageSettings> stage_settings(const SessionSettings& s, std::size_t threads) {
  auto kinds = parse_hostile(s.hostile);
  if (!kinds) return tl::unexpected(kinds.error());
  const auto gateway_v4 = parse_gateway(s.gateway_v4, false), gateway_v6 = parse_gateway(s.gateway_v6, true);
  if (!gateway_v4) return tl::unexpected(gateway_v4.error());
  if (!gateway_v6) return tl::unexpected(gateway_v6.error());
  StageSettings out;
  out.model = {s.seed, s.first_index, s.sequence_step};
  out.pool = {packets_wanted(s.run), s.payload_bytes, s.seed, static_cast<unsigned>(threads), s.expect_tags};
  out.verify_every = s.verify_every;
  out.verify_all = s.run.packets_per_second > 0 && s.run.packets_per_second <= kVerifyAllPps;
  out.sampled_flows = s.sampled_flows;
  out.latency = s.latency;
  out.random_order = s.random_order;
  out.rtcp_every = s.rtcp_every;
  out.impairment = s.impairment;
  out.impairment.seed = s.seed;
  out.hostile = std::move(*kinds);
  out.hostile_every = s.hostile_every;
  out.gateway_v4 = *gateway_v4;
  out.gateway_v6 = *gateway_v6;
  out.echo = s.run.echo;
  if (s.swarm.empty()) return out;
  auto swarm = read_swarm(s.swarm);
  if (!swarm) return tl::unexpected(swarm.error());
  out.swarm = std::move(*swarm);
  out.content = s.content;
  out.content.mtu = s.port.mtu;
  return out;
}

// Where nothing was asked for. A burst may hold as many packets of one stream as make less than half of the sequence numbers; and at a
// rate at which everything is verified, no ring between here and the appliance is to overflow because one side was asleep.
void settle_window(SessionSettings& s) {
  if (s.run.window != 0) return;
  if (s.sequence_step > 1023) {
    s.run.window = 1;
  } else if (s.run.packets_per_second > 0 && s.run.packets_per_second <= kVerifyAllPps) {
    s.run.window = kQuietWindow;
    s.run.stall_seconds = 0.2;
  }
}

Result<bool> report(const SessionSettings& s, Stage& stage, const RunResult& result) {
  const ReportInput input{stage.parts(), result, s.run, measure_ticks_per_second(), stage.verify_every(), s.latency, s.allow_loss, s.port_text};
  const auto faults = find_faults(input);
  if (s.json_file != "-") std::fputs(make_table(input, faults).c_str(), stdout);
  if (!s.json_file.empty())
    if (auto written = write_file(s.json_file, make_json(input, faults)); !written) return tl::unexpected(written.error());
  return faults.empty();
}

}  // namespace

Result<bool> run_session(SessionSettings s, const std::atomic<bool>& stop) {
  if (!s.conferences.empty() && s.run.packets == 0 && (s.run.seconds <= 0 || s.run.packets_per_second <= 0))
    return fail(ErrorCode::kInvalid,
                "give --packets, or --seconds with a --rate in packets per second: all packets are sealed before the run");
  auto library = SrtpLibrary::start();
  if (!library) return tl::unexpected(library.error());
  const auto files = read_files(s.conferences);
  if (!files) return tl::unexpected(files.error());
  const auto cpus = allowed_cpus();
  const auto settings = stage_settings(s, cpus.size());
  if (!settings) return tl::unexpected(settings.error());
  auto stage = Stage::build(*files, *settings);
  if (!stage) return tl::unexpected(stage.error());
  if (s.run.packets == 0) s.run.packets = (*stage)->pool().packets();
  settle_window(s);

  auto eal = start_eal(s, cpus);
  if (!eal) return tl::unexpected(eal.error());
  auto port = drivers::Port::open(s.port, {});
  if (!port) return tl::unexpected(port.error());
  if (auto started = (*port)->start(); !started) return tl::unexpected(started.error());
  if (!s.ready_file.empty())
    if (auto written = write_file(s.ready_file, ""); !written) return tl::unexpected(written.error());
  if (auto up = await_link(**port, s.run.wait_seconds, stop); !up) return tl::unexpected(up.error());

  const auto io = (*port)->make_io(0);
  s.run.vlan = s.port.vlan;
  std::atomic<bool> go{false};
  s.run.go = &go;
  std::optional<Runner> runner(std::in_place, *io, (*stage)->parts(), s.run);
  const auto result = run_on_lcore(*eal, *runner, s.start_file, go, stop);
  runner.reset();  // its buffers go back to the port
  if (!result) return tl::unexpected(result.error());
  (*port)->stop();
  return report(s, **stage, *result);
}

}  // namespace mediaward::tools::traffic
