// SPDX-License-Identifier: Apache-2.0
// Table, JSON and verdict of a run (see the header). Main thread.
#include "tools/traffic/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/traffic/sealer.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::size_t kMatrixParticipants = 16;  // more would not fit a screen; JSON has all of them

std::uint64_t lost(const ReportInput& in, std::size_t flow) {
  const std::uint64_t expected = in.checker.expected_of_flow(flow), received = in.checker.flow(flow).received;
  return expected > received ? expected - received : 0;
}

std::uint64_t total_lost(const ReportInput& in) {
  std::uint64_t sum = 0;
  for (std::size_t f = 0; f < in.model.flows().size(); ++f) sum += lost(in, f);
  return sum;
}

double rate(std::uint64_t packets, double seconds) {
  return seconds > 0 ? static_cast<double>(packets) / seconds : 0;
}

double nanoseconds(const ReportInput& in, std::uint64_t ticks) {
  return static_cast<double>(ticks) * 1e9 / in.ticks_per_second;
}

const std::string& participant_name(const ReportInput& in, std::uint32_t number) {
  return in.model.participants()[number].name;
}

// Sums over the flows of one pair of participants.
struct Pair {
  std::uint64_t expected = 0, received = 0, faults = 0;
};

std::vector<Pair> sum_pairs(const ReportInput& in) {
  const std::size_t n = in.model.participants().size();
  std::vector<Pair> pairs(n * n);
  for (std::size_t f = 0; f < in.model.flows().size(); ++f) {
    const Flow& flow = in.model.flows()[f];
    Pair& pair = pairs[in.model.streams()[flow.stream].sender * n + flow.receiver];
    pair.expected += in.checker.expected_of_flow(f);
    pair.received += in.checker.flow(f).received;
    for (const std::uint64_t count : in.checker.flow(f).findings) pair.faults += count;
  }
  return pairs;
}

// Rows send, columns receive: "received/sent", with "!" where anything was wrong.
std::string matrix(const ReportInput& in) {
  const std::size_t n = in.model.participants().size();
  if (n > kMatrixParticipants) return fmt::format("({} participants: see the JSON report for every pair)\n", n);
  const auto pairs = sum_pairs(in);
  const auto cell = [&](const Pair& pair) {
    const bool good = pair.received == pair.expected && pair.faults == 0;
    return pair.expected == 0 ? std::string("-") : fmt::format("{}/{}{}", pair.received, pair.expected, good ? "" : "!");
  };
  std::size_t width = 11;
  for (const auto& p : in.model.participants()) width = std::max(width, p.name.size() + 1);
  for (const Pair& pair : pairs) width = std::max(width, cell(pair).size() + 1);
  std::string out = fmt::format("{:<{}}", "from \\ to", width);
  for (const auto& p : in.model.participants()) out += fmt::format("{:>{}}", p.name, width);
  for (std::size_t row = 0; row < n; ++row) {
    out += fmt::format("\n{:<{}}", in.model.participants()[row].name, width);
    for (std::size_t column = 0; column < n; ++column) out += fmt::format("{:>{}}", cell(pairs[row * n + column]), width);
  }
  return out + "\n";
}

std::string hostile_lines(const ReportInput& in) {
  std::string out;
  for (std::size_t i = 0; i < kHostileKinds; ++i) {
    const auto& row = info(static_cast<HostileKind>(i));
    if (in.hostile.counts()[i] != 0)
      out += fmt::format("  {:<18}{:>10}   to be dropped as {}\n", row.name, in.hostile.counts()[i], row.drop_reason);
  }
  return out.empty() ? "  none\n" : out;
}

std::string latency_line(const ReportInput& in) {
  const Histogram& h = in.checker.latency_ticks();
  const auto us = [&](std::uint64_t ticks) { return nanoseconds(in, ticks) / 1000; };
  return fmt::format("latency        p50 {:.1f} us, p99 {:.1f} us, p99.9 {:.1f} us, max {:.1f} us\n", us(h.percentile(50)),
                     us(h.percentile(99)), us(h.percentile(99.9)), us(h.maximum()));
}

std::string verification_text(const ReportInput& in) {
  if (in.settings.echo) return "nothing: the peer only returns frames";
  if (in.verify_every == 1)
    return "every packet opened by libsrtp, payload, headers and IP checksum compared; UDP checksums as stated below";
  return fmt::format(
      "every {}th packet of a flow opened by libsrtp with its payload; of all others {}length, headers, addresses, "
      "order, IP checksum and absence of plaintext",
      in.verify_every, in.pool.has_expected_tags() ? "the tag libsrtp computed beforehand, " : "");
}

nlohmann::json flow_json(const ReportInput& in, std::size_t f) {
  const Flow& flow = in.model.flows()[f];
  const Stream& stream = in.model.streams()[flow.stream];
  const FlowReport& report = in.checker.flow(f);
  nlohmann::json j{{"sender", participant_name(in, stream.sender)},
                   {"receiver", participant_name(in, flow.receiver)},
                   {"ssrc", fmt::format("0x{:08x}", stream.ssrc)},
                   {"sent", in.checker.expected_of_flow(f)},
                   {"received", report.received},
                   {"lost", lost(in, f)},
                   {"opened", report.opened}};
  for (std::size_t i = 0; i < kFindings; ++i) j[std::string(name(static_cast<Finding>(i)))] = report.findings[i];
  return j;
}

nlohmann::json hostile_json(const ReportInput& in) {
  nlohmann::json sent = nlohmann::json::object();
  for (std::size_t i = 0; i < kHostileKinds; ++i)
    if (in.hostile.counts()[i] != 0) sent[std::string(info(static_cast<HostileKind>(i)).name)] = in.hostile.counts()[i];
  return {{"total", in.hostile.total()}, {"sent", std::move(sent)}, {"expected_drops", in.hostile.expected_drops()}};
}

nlohmann::json latency_json(const ReportInput& in) {
  const Histogram& h = in.checker.latency_ticks();
  return {{"p50_ns", nanoseconds(in, h.percentile(50))},
          {"p99_ns", nanoseconds(in, h.percentile(99))},
          {"p99.9_ns", nanoseconds(in, h.percentile(99.9))},
          {"max_ns", nanoseconds(in, h.maximum())}};
}

}  // namespace

std::vector<std::string> find_faults(const ReportInput& in) {
  std::vector<std::string> faults;
  if (!in.result.problem.empty()) faults.push_back(in.result.problem);
  if (in.settings.echo) return faults;
  const auto count = [&](std::uint64_t number, std::string_view what) {
    if (number != 0) faults.push_back(fmt::format("{} packets: {}", number, what));
  };
  if (!in.allow_loss) count(total_lost(in), "lost");
  for (std::size_t i = 0; i < kFindings; ++i) count(in.checker.total(static_cast<Finding>(i)), name(static_cast<Finding>(i)));
  count(in.checker.unexpected_receiver(), "to an address or UDP port that no participant has");
  count(in.checker.unexpected_stream(), "to a participant that should not get this stream");
  count(in.result.wrong_vlan, "wrong VLAN");
  if (faults.empty() && in.checker.received_packets() == 0) faults.push_back("nothing was received");
  return faults;
}

std::string make_table(const ReportInput& in, const std::vector<std::string>& faults) {
  const Checker& c = in.checker;
  std::string out = fmt::format("port           {}\nverified       {}\n", in.port, verification_text(in));
  if (!in.settings.echo) out += fmt::format("\n{}\n", matrix(in));
  out += fmt::format("genuine        sent {}, to be received {}, received {}, lost {}, opened by libsrtp {}\n", c.sent_packets(),
                     in.settings.echo ? c.sent_packets() : c.expected_packets(), in.settings.echo ? in.result.echoed : c.received_packets(),
                     in.settings.echo ? 0 : total_lost(in), c.opened_packets());
  if (!in.settings.echo)
    out += fmt::format("checksums      UDP: {} packets computed in software, the rest left to the port or not sampled\n",
                       c.computed_checksums());
  out += fmt::format("rates          sent {:.0f} pps, received {:.0f} pps over {:.3f} s\n",
                     rate(in.result.steady_sent, in.result.steady_seconds), rate(in.result.steady_received, in.result.steady_seconds),
                     in.result.steady_seconds);
  if (in.latency) out += latency_line(in);
  out += fmt::format("hostile packets sent\n{}", hostile_lines(in));
  for (const auto& fault : faults) out += fmt::format("WRONG          {}\n", fault);
  return out + (faults.empty() ? "verdict        right\n" : "verdict        WRONG\n");
}

std::string make_json(const ReportInput& in, const std::vector<std::string>& faults) {
  const Checker& c = in.checker;
  nlohmann::json findings = nlohmann::json::object();
  for (std::size_t i = 0; i < kFindings; ++i) findings[std::string(name(static_cast<Finding>(i)))] = c.total(static_cast<Finding>(i));
  nlohmann::json j{{"verdict", faults.empty() ? "right" : "wrong"},
                   {"faults", faults},
                   {"port", in.port},
                   {"verified", verification_text(in)},
                   {"verify_every", in.verify_every},
                   {"peer", SrtpLibrary::version()},
                   {"seed", in.pool.seed()},
                   {"payload_bytes", in.pool.payload_bytes()},
                   {"participants", in.model.participants().size()},
                   {"streams", in.model.streams().size()},
                   {"flows", in.model.flows().size()}};
  j["packets"] = {{"sent", c.sent_packets()},
                  {"expected", c.expected_packets()},
                  {"received", c.received_packets()},
                  {"lost", total_lost(in)},
                  {"opened", c.opened_packets()},
                  {"compared_tags", c.compared_tags()},
                  {"computed_udp_checksums", c.computed_checksums()},
                  {"unexpected_receiver", c.unexpected_receiver()},
                  {"unexpected_stream", c.unexpected_stream()},
                  {"echoed", in.result.echoed},
                  {"other_frames", in.result.other_frames},
                  {"wrong_vlan", in.result.wrong_vlan}};
  j["findings"] = std::move(findings);
  j["rates"] = {{"seconds", in.result.steady_seconds},
                {"sent_pps", rate(in.result.steady_sent, in.result.steady_seconds)},
                {"received_pps", rate(in.result.steady_received, in.result.steady_seconds)},
                {"transmit_refused", in.result.transmit_refused}};
  if (in.latency) j["latency"] = latency_json(in);
  j["hostile"] = hostile_json(in);
  j["flow"] = nlohmann::json::array();
  for (std::size_t f = 0; f < in.model.flows().size(); ++f) j["flow"].push_back(flow_json(in, f));
  return j.dump(2) + "\n";
}

}  // namespace mediaward::tools::traffic
