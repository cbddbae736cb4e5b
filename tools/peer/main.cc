// SPDX-License-Identifier: Apache-2.0
// mediaward-ppspp-peer: a peer of RFC 7574 on an ordinary UDP socket, for tests and for operators who want to see a swarm from outside.
// Command line and report only; the work is in part.cc. Exit status: 0 all was right, 1 not done or something was wrong, 2 could not run.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/peer/part.h"

namespace mediaward::tools::peer {
namespace {

constexpr int kRight = 0, kWrong = 1, kCannotRun = 2;

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  stop_requested = true;
}

struct Options {
  PartSettings part;
  std::string attack, json;
};

int complain(const Error& error) {
  std::fprintf(stderr, "mediaward-ppspp-peer: %s\n", error.message.c_str());
  return kCannotRun;
}

nlohmann::json json_of(const Outcome& o) {
  const ppspp::PeerCounters& c = o.counters;
  return {{"done", o.done},
          {"seconds", o.seconds},
          {"first_chunk", o.first_chunk},
          {"chunks_written", o.chunks_written},
          {"chunks_good", c.chunks_good},
          {"chunks_bad", c.chunks_bad},
          {"chunks_unverifiable", c.chunks_unverifiable},
          {"chunks_duplicate", c.chunks_duplicate},
          {"requests_repeated", c.requests_repeated},
          {"sends_lost", c.sends_lost},
          {"content_bytes_sent", c.content_bytes_sent},
          {"content_bytes_received", c.content_bytes_received},
          {"datagrams_sent", c.datagrams_sent},
          {"datagrams_received", c.datagrams_received},
          {"datagrams_lost", o.datagrams_lost},
          {"misdeeds", c.misdeeds},
          {"findings", o.findings}};
}

void print(const Outcome& o) {
  const ppspp::PeerCounters& c = o.counters;
  std::printf("%.3f s, %llu B in, %llu B out, chunks %llu good %llu bad %llu repeated, %llu datagrams lost on purpose, %llu misdeeds\n",
              o.seconds, static_cast<unsigned long long>(c.content_bytes_received), static_cast<unsigned long long>(c.content_bytes_sent),
              static_cast<unsigned long long>(c.chunks_good), static_cast<unsigned long long>(c.chunks_bad),
              static_cast<unsigned long long>(c.requests_repeated), static_cast<unsigned long long>(o.datagrams_lost),
              static_cast<unsigned long long>(c.misdeeds));
  for (const std::string& finding : o.findings) std::printf("found: %s\n", finding.c_str());
}

// Datagrams leave from the socket's own address: an attack that needs other source addresses cannot be played on it.
Result<void> finish_options(Options& o) {
  if (o.attack.empty()) return {};
  const auto attacks = ppspp::parse_attacks(o.attack);
  if (!attacks) return tl::unexpected(Error{attacks.error().code, "--attack: " + attacks.error().message});
  const bool one = attacks->size() == 1, receiver = o.part.kind == Kind::kLeech || o.part.kind == Kind::kFollow;
  if (!one || attacks->front() == ppspp::Attack::kSpoofedPorts)
    return fail(ErrorCode::kInvalid, "--attack: one attack, and not spoofed-ports, which needs mediaward-traffic");
  const auto& row = info(attacks->front());
  if (!(receiver ? row.leecher : row.seeder)) return fail(ErrorCode::kInvalid, "--attack: `" + o.attack + "` is not for this part");
  o.part.misbehaviour.attack = attacks->front();
  return {};
}

int play_main(Options o) {
  if (auto good = finish_options(o); !good) return complain(good.error());
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  const auto outcome = play(o.part, stop_requested);
  if (!outcome) return complain(outcome.error());
  print(*outcome);
  if (!o.json.empty()) {
    std::ofstream report(o.json);
    report << json_of(*outcome).dump(2) << "\n";
    if (!report.flush()) return complain({ErrorCode::kInvalid, o.json + ": cannot be written"});
  }
  const bool receiver = o.part.kind == Kind::kLeech || o.part.kind == Kind::kFollow;
  if (receiver && !outcome->done) std::printf("NOT DONE: chunks are missing\n");
  return (receiver && !outcome->done) || !outcome->findings.empty() ? kWrong : kRight;
}

int key_main(const std::string& path) {
  const auto key = read_key(path);
  if (!key) return complain(key.error());
  for (const std::byte b : (*key)->swarm_id()) std::printf("%02x", std::to_integer<unsigned>(b));
  std::printf("\n");
  return kRight;
}

CLI::App* add_part(CLI::App& app, Options& o, const char* name, const char* what) {
  PartSettings& p = o.part;
  CLI::App* part = app.add_subcommand(name, what);
  part->add_option("file", p.file, "what is served, or is written when all of it is there")->required();
  part->add_option("--swarm", p.swarm, "swarm file, as `mediawardctl swarm apply` takes it")->required();
  part->add_option("--listen", p.listen, "its own ADDRESS:PORT or [ADDRESS]:PORT")->required();
  part->add_option("--connect", p.connect, "whom it contacts; may be given several times; without, it waits to be contacted");
  part->add_option("--seconds", p.seconds, "receivers must be done by then, the others end then; 0: no limit")->capture_default_str();
  part->add_option("--loss", p.loss, "share of the datagrams it sends, and of those that come, that get lost: 0 to 1")
      ->check(CLI::Range(0.0, 1.0));
  part->add_option("--dead-after", p.dead_after, "seconds of silence after which a channel is opened anew (RFC 7574 3.12)")
      ->capture_default_str();
  part->add_option("--patience", p.patience, "seconds after which a chunk is asked for again, or taken as lost")->capture_default_str();
  part->add_option("--window", p.window, "chunks asked for, or sent, at a time")->capture_default_str()->check(CLI::Range(1, 4096));
  part->add_option("--seed", p.seed, "of channel numbers and loss")->capture_default_str();
  part->add_flag("--libswift", p.libswift, "behaves as libswift does");
  part->add_option("--attack", o.attack, "misbehaves: tamper, black-hole, ... (docs/traffic.md)");
  part->add_option("--attack-every", p.misbehaviour.every, "attacks every n-th chunk, hash or datagram")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  part->add_option("--attack-rate", p.misbehaviour.per_second, "floods and storms per second")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  part->add_option("--json", o.json, "writes the report to this file as well");
  return part;
}

}  // namespace
}  // namespace mediaward::tools::peer

int main(int argc, char** argv) {
  using namespace mediaward::tools::peer;
  CLI::App app("Plays one peer of a swarm (RFC 7574) on a UDP socket of this machine.", "mediaward-ppspp-peer");
  app.require_subcommand(1);
  Options o;
  std::string pem;
  CLI::App* seed = add_part(app, o, "seed", "serve a file");
  CLI::App* leech = add_part(app, o, "leech", "get a content into a file");
  CLI::App* inject = add_part(app, o, "inject", "make a live stream of a file, whole chunks at a fixed rate");
  CLI::App* follow = add_part(app, o, "follow", "write a live stream into a file");
  inject->add_option("--key", o.part.key, "PEM file of the private key; `key` prints what belongs into the swarm file")->required();
  inject->add_option("--rate", o.part.rate, "chunks per second")->capture_default_str()->check(CLI::PositiveNumber);
  follow->add_option("--until", o.part.until, "ends when it has this chunk and all since it joined")->required();
  CLI::App* key = app.add_subcommand("key", "print the swarm id of a private key: `key` of the swarm file");
  key->add_option("pem", pem, "PEM file: EC P-256, EC P-384 or RSA")->required();
  CLI11_PARSE(app, argc, argv);
  if (key->parsed()) return key_main(pem);
  o.part.kind = seed->parsed() ? Kind::kSeed : leech->parsed() ? Kind::kLeech : inject->parsed() ? Kind::kInject : Kind::kFollow;
  return play_main(std::move(o));
}
