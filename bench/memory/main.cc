// SPDX-License-Identifier: Apache-2.0
// bench_memory: what a stream costs in memory, per direction: the lines that its packets touch, and, of a Core that was given many calls of
// two, what its key arena, its state region, its tables and the heap hold, divided by the streams received and sent. Counts bytes: exact, repeatable.
// Prints JSON rows for bench/run. One thread.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/memory/heap_count.h"
#include "bench/support/conferences.h"
#include "bench/support/ring_io.h"
#include "crypto/provider_select.h"

namespace {

using namespace mediaward;
using namespace mediaward::bench;

constexpr std::size_t kStreams = 16384;

struct Use {
  double keys = 0, state = 0, tables = 0, rest = 0;  // bytes
};

Use use_of(const dataplane::Core& core) {
  const double slot_bytes = sizeof(abi::StateSlot) + sizeof(abi::StateIdentity);
  return {static_cast<double>(core.keys().used_bytes()), core.state().in_use() * slot_bytes,
          static_cast<double>(core.table_bytes()), static_cast<double>(heap_bytes())};
}

// Per stream and direction: each stream is received once and sent once.
Use measure(crypto::CryptoProvider& provider, crypto::Suite suite) {
  Shape shape = many_calls(suite, kStreams);
  shape.huge_pages = false;
  const Conferences conferences(shape);
  auto core = dataplane::Core::create(conferences.settings(std::make_unique<RingIo>(64, dataplane::PortCapabilities{})), provider);
  if (!core) throw std::runtime_error(core.error().message);
  const Use before = use_of(**core);
  conferences.apply(**core);
  const Use after = use_of(**core);
  const double directions = 2.0 * kStreams;
  return {(after.keys - before.keys) / directions, (after.state - before.state) / directions, (after.tables - before.tables) / directions,
          (after.rest - before.rest) / directions};
}

// What the packet path reads and writes of a stream and direction: the lines of its tables' objects, its slot, its key context.
double packet_path_bytes(std::size_t key_bytes) {
  using namespace dataplane;
  return static_cast<double>(key_bytes) + sizeof(abi::StateSlot) +
         (sizeof(LegRx) + sizeof(StreamRx) + sizeof(LegTx) + sizeof(FanoutEntry)) / 2.0;
}

void add_rows(nlohmann::json& rows, const std::string& name, const Use& use, std::size_t key_bytes) {
  const auto add = [&](const std::string& what, double bytes, const std::string& note = {}) {
    rows.push_back({{"name", "memory.srtp." + name + what},
                    {"value", bytes},
                    {"unit", "bytes"},
                    {"note", note.empty() ? note : "memory.srtp." + name + what + ": " + note}});
  };
  const double srtcp = use.keys - static_cast<double>(key_bytes);
  add("_stream_bytes", packet_path_bytes(key_bytes),
      "per stream and direction, what an SRTP packet touches: key context, state slot, its lines of the tables; all that is allocated is in "
      "_stream.allocated_bytes");
  add("_stream.key_bytes", static_cast<double>(key_bytes));
  add("_stream.state_bytes", use.state, "state slot and its identity");
  add("_stream.table_bytes", use.tables, "half of a leg (both sides), of a stream and of its one receiver's entries, SRTP and SRTCP");
  add("_stream.allocated_bytes", static_cast<double>(key_bytes) + use.state + use.tables, "SRTP key context, state and tables");
  add("_stream.srtcp_key_bytes", srtcp);
  add("_stream.with_srtcp_bytes", use.keys + use.state + use.tables, "with the SRTCP key contexts");
  add("_stream.main_thread_bytes", use.rest, "what the main thread keeps to know all this; no packet meets it");
}

int run() {
  auto choice = crypto::choose_provider({"ipsec-mb", "auto"});
  if (!choice) throw std::runtime_error(choice.error().message);
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& [name, suite] :
       {std::pair{"cm", crypto::Suite::kAesCm128HmacSha1_80}, std::pair{"gcm", crypto::Suite::kAeadAes128Gcm}}) {
    const std::size_t key_bytes = (choice->provider->key_context_bytes(suite) + 63) / 64 * 64;
    add_rows(rows, name, measure(*choice->provider, suite), key_bytes);
  }
  std::printf("%s\n", nlohmann::json{{"rows", rows}}.dump(2).c_str());
  return 0;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_memory: %s\n", error.what());
    return 1;
  }
}
