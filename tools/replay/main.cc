// SPDX-License-Identifier: Apache-2.0
// mediaward-replay: what the appliance would have said to every chunk of a capture.
#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/replay/replay.h"
#include "tools/replay/swarm_terms.h"
#include "tools/swarm_file.h"

namespace mediaward::tools::replay {
namespace {

constexpr int kOk = 0, kFoundBad = 1, kUsage = 2;

struct Options {
  std::string capture, leaves;
  std::vector<std::string> swarms;
  std::uint16_t burst = 32;
  bool json = false, quiet = false;
};

Result<std::shared_ptr<const dataplane::ppspp::MappedContent>> map_leaves(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0 || status.st_size == 0) {
    if (fd >= 0) ::close(fd);
    return fail(ErrorCode::kNotFound, path + ": cannot be read, or is empty");
  }
  const auto bytes = static_cast<std::size_t>(status.st_size);
  void* p = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (p == MAP_FAILED) return fail(ErrorCode::kExhausted, path + ": cannot be mapped");
  return std::make_shared<const dataplane::ppspp::MappedContent>(ConstBytes{static_cast<const std::byte*>(p), bytes});
}

Result<void> add_swarms(Replay& replay, const Options& options) {
  std::uint64_t id = 0;
  for (const std::string& path : options.swarms) {
    auto file = read_swarm(path);
    if (!file) return tl::unexpected(file.error());
    auto terms = swarm_terms(*file);
    if (!terms) return fail(terms.error().code, path + ": " + terms.error().message);
    terms->swarm_id = ++id;
    std::shared_ptr<const dataplane::ppspp::MappedContent> leaves;
    if (!options.leaves.empty()) {
      auto mapped = map_leaves(options.leaves);
      if (!mapped) return tl::unexpected(mapped.error());
      leaves = std::move(*mapped);
    }
    if (auto added = replay.add_swarm(*terms, std::move(leaves)); !added) return fail(added.error().code, path + ": " + added.error().message);
  }
  return {};
}

std::string node_text(const crypto::MerkleNode& node) {
  return std::to_string(crypto::first_chunk(node)) + "-" + std::to_string(crypto::last_chunk(node));
}

void print_text(const Replay& replay, const Options& options) {
  for (const ChunkRecord& c : replay.chunks()) {
    if (options.quiet && c.outcome == Outcome::kAccepted) continue;
    std::printf("frame %-8llu %-24s channel %08x chunk %-8llu %s", static_cast<unsigned long long>(c.frame), c.source.c_str(), c.channel,
                static_cast<unsigned long long>(c.chunk), std::string(to_string(c.outcome)).c_str());
    if (c.outcome == Outcome::kRefused) std::printf(" (%s)", c.reason.c_str());
    if (c.outcome == Outcome::kBad) std::printf(" (node %s)", node_text(c.node).c_str());
    if (c.outcome == Outcome::kUnverifiable) std::printf(" (missing node %s)", node_text(c.node).c_str());
    std::printf("\n");
  }
  const auto row = [](const std::string& name, const PeerTotals& t) {
    std::printf("%-26s %10llu %10llu %10llu %13llu %10llu\n", name.c_str(), static_cast<unsigned long long>(t.accepted), static_cast<unsigned long long>(t.duplicate),
                static_cast<unsigned long long>(t.bad), static_cast<unsigned long long>(t.unverifiable), static_cast<unsigned long long>(t.refused));
  };
  std::printf("\n%-26s %10s %10s %10s %13s %10s\n", "sender", "accepted", "duplicate", "bad", "unverifiable", "refused");
  for (const auto& [name, totals] : replay.peers()) row(name, totals);
  row("all", replay.totals());
  std::printf("\nframes %llu, would have passed a guard %llu", static_cast<unsigned long long>(replay.frames()), static_cast<unsigned long long>(replay.passed()));
  if (replay.cut_off() != 0) std::printf(", cut off by the capture %llu", static_cast<unsigned long long>(replay.cut_off()));
  std::printf("\n");
  for (const auto& [name, n] : replay.drops()) std::printf("  %-24s %llu\n", name.c_str(), static_cast<unsigned long long>(n));
}

nlohmann::json json_of(const PeerTotals& t) {
  return {{"accepted", t.accepted}, {"duplicate", t.duplicate}, {"bad", t.bad}, {"unverifiable", t.unverifiable}, {"refused", t.refused}};
}

void print_json(const Replay& replay) {
  nlohmann::json out;
  out["chunks"] = nlohmann::json::array();
  for (const ChunkRecord& c : replay.chunks()) {
    nlohmann::json one{{"frame", c.frame}, {"time_us", c.time_us}, {"source", c.source}, {"channel", c.channel}, {"chunk", c.chunk}, {"verdict", to_string(c.outcome)}};
    if (c.outcome == Outcome::kRefused) one["reason"] = c.reason;
    if (c.outcome == Outcome::kBad || c.outcome == Outcome::kUnverifiable) one["node"] = {crypto::first_chunk(c.node), crypto::last_chunk(c.node)};
    out["chunks"].push_back(std::move(one));
  }
  for (const auto& [name, totals] : replay.peers()) out["peers"][name] = json_of(totals);
  out["totals"] = json_of(replay.totals());
  out["drops"] = replay.drops();
  out["frames"] = replay.frames();
  out["passed"] = replay.passed();
  out["cut_off"] = replay.cut_off();
  std::printf("%s\n", out.dump(2).c_str());
}

int complain(const Error& error) {
  std::fprintf(stderr, "mediaward-replay: %s\n", error.message.c_str());
  return kUsage;
}

int run(const Options& options) {
  auto capture = Capture::open(options.capture);
  if (!capture) return complain(capture.error());
  CapturedFrame frame;
  auto more = capture->next(frame);
  auto replay = Replay::create({.burst = options.burst, .start_us = more && *more ? frame.time_us : 0});
  if (!replay) return complain(replay.error());
  if (auto added = add_swarms(**replay, options); !added) return complain(added.error());
  for (; more && *more; more = capture->next(frame)) (*replay)->feed(frame);
  (*replay)->finish();
  if (!more) return complain(more.error());
  if (options.json)
    print_json(**replay);
  else
    print_text(**replay, options);
  const PeerTotals totals = (*replay)->totals();
  return totals.bad + totals.refused != 0 ? kFoundBad : kOk;
}

}  // namespace
}  // namespace mediaward::tools::replay

int main(int argc, char** argv) {
  using namespace mediaward::tools::replay;
  CLI::App app("Runs a capture of PPSPP traffic (RFC 7574) through the appliance's packet path and prints the verdict on every chunk.\n"
               "Exit status: 0 nothing was wrong, 1 a chunk was bad or refused, 2 the input cannot be used.",
               "mediaward-replay");
  Options options;
  app.add_option("capture", options.capture, "pcap or pcapng of Ethernet frames, plain or gzip")->required();
  app.add_option("--swarm", options.swarms, "swarm file, as `mediawardctl swarm apply` takes it; once per swarm")->required();
  app.add_option("--leaves", options.leaves, "digests of all chunks (`mediawardctl swarm hash --leaves`), with one static swarm");
  app.add_option("--burst", options.burst, "frames looked at together; verdicts do not depend on it")->check(CLI::Range(1, 64));
  app.add_flag("--json", options.json, "everything as one JSON object");
  app.add_flag("--quiet", options.quiet, "no line for chunks that were accepted");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  }
  return run(options);
}
