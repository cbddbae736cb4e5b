// SPDX-License-Identifier: Apache-2.0
// One `mediaward-traffic run` from its options to its exit status: reads the conference files, seals the pool, opens the port, runs on
// a pinned lcore, reports. The order is chosen so that bad input is refused before EAL starts and sealing is done before the peer
// waits. Main thread; the loop runs on the lcore.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "drivers/config.h"
#include "tools/traffic/runner.h"

namespace mediaward::tools::traffic {

struct SessionSettings {
  std::vector<std::string> conferences;
  std::string swarm;  // file; empty: no content
  ContentSettings content;
  drivers::PortConfig port;
  std::string port_text;  // for the report
  std::string hostile;    // comma list, empty: none
  std::uint32_t hostile_every = 10;
  std::size_t payload_bytes = 160;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> first_index;
  std::uint32_t sequence_step = 1;
  std::uint32_t rtcp_every = 0;  // packets of a stream between two reports; 0: none
  bool random_order = false;
  ImpairmentSettings impairment;
  std::uint32_t verify_every = 0;  // 0: every packet up to kVerifyAllPps and as many flows as are sampled, every 64th above
  std::uint32_t sampled_flows = 8192;
  bool expect_tags = true;         // with a sample: tags of the rest are computed before the run and compared
  bool latency = false;
  bool allow_loss = false;
  std::string json_file;
  std::optional<std::uint32_t> cpu;  // for the loop; otherwise the last one allowed
  drivers::HugepageUse hugepages = drivers::HugepageUse::kAuto;
  std::optional<std::string> gateway_v4, gateway_v6;
  std::string ready_file;  // made once the port is open and the pool sealed
  std::string start_file;  // media begins once this file exists; until then addresses are resolved and answered
  RunSettings run;
};

// libsrtp opens about this many packets per second on one core beside sending; above it the checker takes a sample.
inline constexpr double kVerifyAllPps = 50'000;

// True: all was right. Prints the table on standard output. `stop` ends the run early (from a signal handler).
[[nodiscard]] Result<bool> run_session(SessionSettings settings, const std::atomic<bool>& stop);

}  // namespace mediaward::tools::traffic
