// SPDX-License-Identifier: Apache-2.0
// Options of `run` (see the header). Main thread.
#include "tools/traffic/run_options.h"

#include "tools/traffic/port_options.h"

namespace mediaward::tools::traffic {

namespace {

void add_load_options(CLI::App& app, RunOptions& o) {
  SessionSettings& s = o.session;
  app.add_option("--packets", s.run.packets, "genuine packets to send, all streams together");
  app.add_option("--seconds", s.run.seconds, "end after this time; without --packets, seconds times rate are sealed");
  app.add_option("--rate", o.rate, "genuine packets per second, or max")->capture_default_str();
  app.add_option("--pace-burst", s.run.pace_burst, "packets that leave together at that rate")->capture_default_str()->check(CLI::Range(1, 32));
  app.add_option("--burst", s.run.burst, "packets per call of the port")->capture_default_str()->check(CLI::Range(1, 32));
  app.add_option("--window", s.run.window, "packets in flight at most (0: 128 up to 50000 pps, above no limit)")->capture_default_str();
  app.add_option("--warm-up", s.run.warm_up_seconds, "seconds left out of rates and latencies")->capture_default_str();
  app.add_option("--order", o.order, "in which a round visits the streams: in-turn, or random (shuffled once)")
      ->capture_default_str()
      ->check(CLI::IsMember({"in-turn", "random"}));
  app.add_option("--payload", s.payload_bytes, "RTP payload bytes")->capture_default_str();
  app.add_option("--rtcp-every", s.rtcp_every, "every participant reports (SRTCP) after so many packets of a stream; 0: nobody does")
      ->capture_default_str();
  app.add_option("--first-index", s.first_index, "SRTP index (ROC and sequence number) of every stream's first packet");
  app.add_option("--sequence-step", s.sequence_step, "from one packet's sequence number to the next one's, so that it wraps often")
      ->capture_default_str()
      ->check(CLI::Range(1u, kMaxStep));
  app.add_option("--seed", s.seed, "of payloads, sequence numbers, order and bad network")->capture_default_str();
}

void add_trouble_options(CLI::App& app, RunOptions& o) {
  SessionSettings& s = o.session;
  app.add_option("--hostile", s.hostile, "tamper, replay, stranger, unknown-ssrc, junk, mki, srtcp, all, or single kinds");
  app.add_option("--hostile-every", s.hostile_every, "one hostile packet per so many genuine ones")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  app.add_option("--loss", o.loss, "share of packets lost on the way to the appliance: 0.01 or 1%");
  app.add_option("--duplicate", o.duplicate, "share of packets that reach it twice");
  app.add_option("--reorder", o.reorder, "PROBABILITY[,DEPTH]: packets that come late, behind 1 to DEPTH (4) later ones of their stream");
}

void add_check_options(CLI::App& app, RunOptions& o) {
  SessionSettings& s = o.session;
  app.add_option("--verify", o.verify,
                 "all, or 1/N: the packets that libsrtp opens (default: all up to 50000 pps and 8192 flows, else 1/64)");
  app.add_option("--sampled-flows", s.sampled_flows, "with --verify 1/N: flows that libsrtp opens at most, at 29 kB each")
      ->capture_default_str();
  app.add_option(
         "--rest", o.rest,
         "what is compared of packets that libsrtp does not open: tags (computed before the run, one sealing per receiver) or headers")
      ->capture_default_str()
      ->check(CLI::IsMember({"tags", "headers"}));
  app.add_flag("--latency", s.latency, "measure from hand-over to the port until receipt");
  app.add_flag("--allow-loss", s.allow_loss, "lost packets are no fault (load beyond capacity)");
  app.add_option("--json", s.json_file, "write the report to this file; - is standard output instead of the table");
}

void add_port_options(CLI::App& app, RunOptions& o) {
  SessionSettings& s = o.session;
  auto* port = app.add_option("--port", o.port,
                              "KEY=VALUE,...: kind (pci, virtio-user, vhost-user, tap, af_packet, af_xdp, pcap), path, interface, ...");
  app.add_option("--port-config", o.port_file, "take the port from this data plane configuration instead")->excludes(port);
  app.add_option("--port-name", o.port_name, "which port of --port-config");
  app.add_option("--gateway", s.gateway_v4, "IPv4 next hop (default: the appliance itself)");
  app.add_option("--gateway6", s.gateway_v6, "IPv6 next hop");
  app.add_option("--cpu", s.cpu, "for the loop (default: the last one allowed)");
  app.add_option("--hugepages", o.hugepages, "auto, yes or no")->capture_default_str()->check(CLI::IsMember({"auto", "yes", "no"}));
  app.add_option("--idle", o.idle, "yield or spin")->capture_default_str()->check(CLI::IsMember({"yield", "spin"}));
  app.add_option("--peer", o.peer, "appliance, or echo: returns frames as they are (a reference for benchmarks; nothing is checked)")
      ->capture_default_str()
      ->check(CLI::IsMember({"appliance", "echo"}));
  app.add_option("--wait", s.run.wait_seconds, "for link, addresses and first packets, each")->capture_default_str();
  app.add_option("--drain", s.run.drain_seconds, "silence at the end after which packets count as lost")->capture_default_str();
  app.add_option("--start-file", s.start_file, "media begins once this file exists");
  app.add_option("--ready-file", s.ready_file, "made when the pool is sealed and the port is open");
}

void add_content_options(CLI::App& app, RunOptions& o) {
  ContentSettings& s = o.session.content;
  app.add_option("--swarm", o.session.swarm, "swarm file of `plan`: its peers are played beside the participants, or alone");
  app.add_option("--appliance-ppspp-port", s.appliance_port, "the appliance's UDP port for content")->capture_default_str();
  app.add_option("--appliance-address", s.appliance_v4, "its IPv4 address for content")->capture_default_str();
  app.add_option("--appliance-address6", s.appliance_v6, "its IPv6 address for content")->capture_default_str();
  app.add_option("--content-seconds", s.seconds, "within which every leecher must have everything")->capture_default_str();
  app.add_option("--content-least-seconds", s.least_seconds, "goes on so long although they have, for the attackers' sake")
      ->capture_default_str();
  app.add_option("--content-strangers", s.strangers, "leechers that are not admitted: nothing may be answered to them")
      ->capture_default_str();
  app.add_option("--content-dead-after", s.dead_after, "seconds of silence after which a peer opens its channel anew (RFC 7574 3.12)")
      ->capture_default_str();
  app.add_flag("--content-in-turn", s.in_turn, "a leecher begins when the one before has everything");
  app.add_option("--content-window", s.window, "chunks that a peer asks for, or sends, at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  app.add_option("--content-attack-every", s.attack_every, "attackers: every n-th chunk, hash or datagram")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  app.add_option("--content-attack-rate", s.attacks_per_second, "attackers: floods and storms per second")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
}

Result<void> finish_verify(RunOptions& o) {
  if (o.verify == "all") o.session.verify_every = 1;
  if (o.verify.empty() || o.verify == "all") return {};
  std::uint32_t every = 0;
  // Beyond 2^14 the sample would be too thin for libsrtp's index estimate (RFC 3711 §3.3.1).
  if (!o.verify.starts_with("1/") || !CLI::detail::lexical_cast(o.verify.substr(2), every) || every == 0 || every > 16384)
    return fail(ErrorCode::kInvalid, "--verify: `" + o.verify + "` is neither all nor 1/N with N from 1 to 16384");
  o.session.verify_every = every;
  return {};
}

Result<void> finish_impairment(RunOptions& o) {
  ImpairmentSettings& network = o.session.impairment;
  for (auto [name, text, out] : {std::tuple{"--loss", &o.loss, &network.loss}, std::tuple{"--duplicate", &o.duplicate, &network.duplicate}}) {
    if (text->empty()) continue;
    const auto probability = parse_probability(name, *text);
    if (!probability) return tl::unexpected(probability.error());
    *out = *probability;
  }
  return o.reorder.empty() ? Result<void>{} : parse_reorder(o.reorder, network);
}

}  // namespace

void add_run_options(CLI::App& app, RunOptions& o) {
  app.add_option("--conference", o.session.conferences, "conference file; may be given several times, modes may differ");
  add_load_options(app, o);
  add_trouble_options(app, o);
  add_check_options(app, o);
  add_port_options(app, o);
  add_content_options(app, o);
}

Result<void> finish_options(RunOptions& o) {
  if (o.session.conferences.empty() && o.session.swarm.empty()) return fail(ErrorCode::kInvalid, "give --conference or --swarm");
  if (!o.session.swarm.empty() && o.peer == "echo") return fail(ErrorCode::kInvalid, "--swarm: an echo has no content");
  if (o.port.empty() == o.port_file.empty()) return fail(ErrorCode::kInvalid, "give --port or --port-config");
  auto port = o.port.empty() ? read_port(o.port_file, o.port_name) : parse_port(o.port);
  if (!port) return tl::unexpected(port.error());
  SessionSettings& s = o.session;
  s.port = std::move(*port);
  s.port_text = o.port.empty() ? o.port_file : o.port;
  if (o.rate != "max" && !CLI::detail::lexical_cast(o.rate, s.run.packets_per_second))
    return fail(ErrorCode::kInvalid, "--rate: `" + o.rate + "` is neither packets per second nor max");
  if (o.rate != "max" && s.run.packets_per_second <= 0) return fail(ErrorCode::kInvalid, "--rate must be above 0");
  if (auto good = finish_verify(o); !good) return good;
  if (auto good = finish_impairment(o); !good) return good;
  s.hugepages = o.hugepages == "auto"  ? drivers::HugepageUse::kAuto
                : o.hugepages == "yes" ? drivers::HugepageUse::kYes
                                       : drivers::HugepageUse::kNo;
  s.random_order = o.order == "random";
  s.expect_tags = o.rest == "tags";
  s.run.yield = o.idle == "yield";
  s.run.echo = o.peer == "echo";
  return {};
}

}  // namespace mediaward::tools::traffic
