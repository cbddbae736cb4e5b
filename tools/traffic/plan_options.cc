// SPDX-License-Identifier: Apache-2.0
// Options of `plan` and what they make (see the header). Main thread.
#include "tools/traffic/plan_options.h"

namespace mediaward::tools::traffic {

namespace {

// "x.toml" → "x-3.toml"
std::string numbered(const std::string& path, std::uint32_t number) {
  const std::size_t dot = path.rfind('.');
  const bool extension = dot != std::string::npos && path.find('/', dot) == std::string::npos;
  return path.substr(0, extension ? dot : path.size()) + "-" + std::to_string(number) + (extension ? path.substr(dot) : "");
}

void add_address_options(CLI::App& app, PlanOptions& o) {
  PlanSettings& s = o.settings;
  app.add_option("--family", o.family, "4, 6 or mixed")->capture_default_str()->check(CLI::IsMember({"4", "6", "mixed"}));
  app.add_option("--port-name", s.port, "port of the data plane's configuration")->capture_default_str();
  app.add_option("--local-address", s.local_v4, "appliance's IPv4 address")->capture_default_str();
  app.add_option("--local-address6", s.local_v6, "appliance's IPv6 address")->capture_default_str();
  app.add_option("--local-port-first", s.local_port_first, "first UDP port of the appliance")->capture_default_str();
  app.add_option("--remote-address", s.remote_v4, "IPv4 address of the first participant")->capture_default_str();
  app.add_option("--remote-address6", s.remote_v6, "IPv6 address of the first participant")->capture_default_str();
  app.add_option("--remote-port", s.remote_port, "first UDP port of the participants")->capture_default_str();
  app.add_option("--hosts", s.hosts, "participants share so many addresses (0: each has its own)")->capture_default_str();
  app.add_option("--dscp", s.dscp, "of what the appliance sends")->default_str(std::to_string(s.dscp))->check(CLI::Range(0, 63));
}

void add_content_options(CLI::App& app, PlanOptions& o) {
  ContentPlanSettings& s = o.content;
  app.add_option("--content-out", o.content_out, "swarm file to write: content peers for `run --swarm` and `mediawardctl swarm apply`");
  app.add_option("--content-id", s.id, "of the swarm; the content follows from it")->capture_default_str();
  app.add_option("--content-seeders", s.seeders, "every other one is contacted by the appliance")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  app.add_option("--content-leechers", s.leechers)->capture_default_str()->check(CLI::Range(1, 1024));
  app.add_option("--content-attackers", s.attackers, "tamper, black-hole, hash-flood, …, or all: one peer for each");
  app.add_option("--content-bytes", s.bytes)->capture_default_str();
  app.add_option("--content-chunk", s.chunk_bytes, "bytes per chunk")->capture_default_str()->check(CLI::Range(1, 65535));
  app.add_option("--content-hash", s.hash, "sha1, sha224, sha256, sha384 or sha512")->capture_default_str();
  app.add_option("--content-addressing", s.addressing, "bin32, chunk32, bin64 or chunk64")->capture_default_str();
  app.add_option("--content-fetch", s.fetch, "nothing, on-demand or everything")->capture_default_str();
  app.add_flag("--content-libswift", s.libswift, "every other seeder and leecher behaves as libswift does");
  app.add_option("--content-address", s.remote_v4, "IPv4 address of the first content peer")->capture_default_str();
  app.add_option("--content-address6", s.remote_v6, "IPv6 address of the first content peer")->capture_default_str();
  app.add_option("--content-port", s.udp_port, "UDP port of the content peers")->capture_default_str();
}

Result<void> write_content_plan(const PlanOptions& o) {
  ContentPlanSettings content = o.content;
  content.family = o.settings.family;
  content.port = o.settings.port;
  content.local_v4 = o.settings.local_v4;
  content.local_v6 = o.settings.local_v6;
  const auto plan = make_content_plan(content);
  if (!plan) return tl::unexpected(plan.error());
  return write_secret_file(o.content_out, to_toml(*plan));
}

}  // namespace

void add_plan_options(CLI::App& app, PlanOptions& o) {
  PlanSettings& s = o.settings;
  app.add_option("--out", o.out, "file to write (mode 0600); with --count N: FILE-1.toml to FILE-N.toml");
  app.add_option("--id", s.id, "of the conference")->capture_default_str();
  app.add_option("--count", o.count, "conferences, each with UDP ports and SSRCs of its own")
      ->capture_default_str()
      ->check(CLI::Range(1, 16384));
  app.add_option("--mode", o.modes, "per-participant, group or relay; of several, separated by commas, conferences take one each in turn")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--participants", s.participants)->capture_default_str()->check(CLI::Range(2, 32768));
  app.add_option("--streams", s.streams, "SSRCs per participant")->capture_default_str()->check(CLI::Range(1, 65536));
  app.add_option("--suites", s.suites,
                 "mixed (cm128,gcm128), all, encrypting (all but null), or a list of cm128, cm128-32, cm256, cm256-32, gcm128, gcm256, null, null-32: participants "
                 "take them in turn, for each direction; of a group key the last one counts")
      ->capture_default_str();
  app.add_option("--mki", s.mki_bytes, "bytes of the MKIs (0: none)")->capture_default_str()->check(CLI::Range(0, 128));
  app.add_option("--keys", s.keys, "keys per direction, with --mki")->capture_default_str()->check(CLI::Range(1, 4));
  app.add_option("--rtcp", o.rtcp, "mux (RFC 5761), ports (RTCP on the next UDP port), mixed, or drop")
      ->capture_default_str()
      ->check(CLI::IsMember({"mux", "ports", "mixed", "drop"}));
  app.add_flag("--plain-srtcp", s.plain_srtcp, "participants send SRTCP unencrypted (E = 0), and the appliance allows it");
  app.add_option("--relay-keys", o.relay_keys, "with --mode relay: known to the appliance, unknown, or mixed")
      ->capture_default_str()
      ->check(CLI::IsMember({"known", "unknown", "mixed"}));
  app.add_option("--initial-roc", s.initial_roc, "roll-over counter that every stream begins with")->capture_default_str();
  app.add_option("--replay-window", s.replay_window, "packets, 64 to 8192 (0: the appliance's default)")->capture_default_str();
  app.add_flag("--one-way", s.one_way, "the first participant only sends, the others only receive");
  add_address_options(app, o);
  add_content_options(app, o);
}

Result<void> run_plan(PlanOptions o) {
  PlanSettings& s = o.settings;
  if (o.out.empty() && o.content_out.empty()) return fail(ErrorCode::kInvalid, "give --out, --content-out, or both");
  s.family = o.family == "4" ? PlanFamily::kIpv4 : o.family == "6" ? PlanFamily::kIpv6 : PlanFamily::kMixed;
  s.rtcp = o.rtcp == "mux" ? PlanRtcp::kMux : o.rtcp == "ports" ? PlanRtcp::kPorts : o.rtcp == "mixed" ? PlanRtcp::kMixed : PlanRtcp::kDrop;
  s.relay_keys = o.relay_keys == "known"     ? PlanRelayKeys::kKnown
                 : o.relay_keys == "unknown" ? PlanRelayKeys::kUnknown
                                             : PlanRelayKeys::kMixed;
  if (!o.content_out.empty())
    if (auto written = write_content_plan(o); !written) return written;
  for (std::uint32_t i = 0; i < o.count && !o.out.empty(); ++i) {
    auto settings = settings_of_conference(s, i);
    if (!settings) return tl::unexpected(settings.error());
    const auto mode = parse_mode(o.modes[i % o.modes.size()]);
    if (!mode) return tl::unexpected(mode.error());
    settings->mode = *mode;
    if (o.count > 1) settings->id += "-" + std::to_string(i + 1);
    const auto plan = make_plan(*settings);
    if (!plan) return tl::unexpected(plan.error());
    if (auto written = write_secret_file(o.count > 1 ? numbered(o.out, i + 1) : o.out, to_toml(*plan)); !written) return written;
  }
  return {};
}

}  // namespace mediaward::tools::traffic
