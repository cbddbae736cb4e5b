// SPDX-License-Identifier: Apache-2.0
// The JSON report of a run (see report.h). Main thread.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/traffic/content_report.h"
#include "tools/traffic/latency.h"
#include "tools/traffic/report.h"
#include "tools/traffic/srtp_context.h"

namespace mediaward::tools::traffic {

namespace {

constexpr std::size_t kFlowsListed = 4096;  // beyond, only flows with something wrong

double rate(std::uint64_t packets, double seconds) {
  return seconds > 0 ? static_cast<double>(packets) / seconds : 0;
}

nlohmann::json findings_json(const auto& count) {
  nlohmann::json j = nlohmann::json::object();
  for (std::size_t i = 0; i < kFindings; ++i) j[std::string(name(static_cast<Finding>(i)))] = count(static_cast<Finding>(i));
  return j;
}

nlohmann::json flow_json(const ReportInput& in, std::size_t f) {
  const Flow& flow = in.parts.model.flows()[f];
  const Stream& stream = in.parts.model.streams()[flow.stream];
  const Findings& findings = in.parts.checker.findings_of_flow(f);
  nlohmann::json j = findings_json([&](Finding finding) { return findings[finding]; });
  j["sender"] = in.parts.model.participants()[stream.sender].name;
  j["receiver"] = in.parts.model.participants()[flow.receiver].name;
  j["ssrc"] = fmt::format("0x{:08x}", stream.ssrc);
  j["sent"] = in.parts.checker.expected_of_flow(f);
  j["received"] = in.parts.checker.received_of_flow(f);
  j["lost"] = lost_of_flow(in, f);
  j["opened"] = in.parts.checker.opened_of_flow(f);
  return j;
}

nlohmann::json flows_json(const ReportInput& in) {
  nlohmann::json list = nlohmann::json::array();
  const bool all = in.parts.model.flows().size() <= kFlowsListed;
  for (std::size_t f = 0; f < in.parts.model.flows().size(); ++f)
    if (all || lost_of_flow(in, f) != 0 || in.parts.checker.findings_of_flow(f).total() != 0) list.push_back(flow_json(in, f));
  return list;
}

nlohmann::json conferences_json(const ReportInput& in) {
  nlohmann::json list = nlohmann::json::array();
  const auto sums = sum_conferences(in);
  for (std::size_t c = 0; c < sums.size(); ++c) {
    const Conference& conference = in.parts.model.conferences()[c];
    list.push_back({{"id", conference.name},
                    {"mode", name(conference.mode)},
                    {"participants", sums[c].participants},
                    {"streams", sums[c].streams},
                    {"expected", sums[c].expected},
                    {"received", sums[c].received},
                    {"opened", sums[c].opened},
                    {"faults", sums[c].faults},
                    {"rtcp_received", sums[c].rtcp_received},
                    {"rtcp_faults", sums[c].rtcp_faults}});
  }
  return list;
}

nlohmann::json hostile_json(const ReportInput& in) {
  nlohmann::json sent = nlohmann::json::object();
  for (std::size_t i = 0; i < kHostileKinds; ++i)
    if (in.parts.hostile.counts()[i] != 0) sent[std::string(info(static_cast<HostileKind>(i)).name)] = in.parts.hostile.counts()[i];
  return {{"total", in.parts.hostile.total()}, {"sent", std::move(sent)}, {"expected_drops", in.parts.hostile.expected_drops()}};
}

nlohmann::json rtcp_json(const ReportInput& in) {
  const RtcpChecker& c = in.parts.rtcp_checker;
  return {{"sent", in.parts.rtcp_ledger.sent_compounds()},
          {"expected", in.parts.rtcp_ledger.expected_deliveries()},
          {"received", c.received_packets()},
          {"lost", rtcp_lost(in)},
          {"identical_copies", c.identical_copies()},
          {"untouched", c.untouched()},
          {"unexpected_source", c.unexpected_source()},
          {"findings", findings_json([&](Finding finding) { return c.total(finding); })}};
}

nlohmann::json latency_json(const ReportInput& in) {
  const LatencySummary s = summarize(in.parts.checker.latency_ticks(), in.ticks_per_second);
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& row : s.rows) rows.push_back({{"up_to_us", row.up_to_us}, {"packets", row.packets}});
  return {{"packets", s.packets},      {"p50_us", s.p50_us},        {"p99_us", s.p99_us},
          {"p99.9_us", s.p999_us},     {"max_us", s.max_us},        {"p50_ns", s.p50_us * 1000},
          {"p99_ns", s.p99_us * 1000}, {"p99.9_ns", s.p999_us * 1000}, {"max_ns", s.max_us * 1000},
          {"histogram", std::move(rows)}};
}

nlohmann::json packets_json(const ReportInput& in) {
  const Checker& c = in.parts.checker;
  return {{"sent", in.settings.echo ? in.result.visited : in.parts.ledger.offered()},
          {"expected", in.parts.ledger.expected_deliveries()},
          {"received", c.received_packets()},
          {"lost", total_lost(in)},
          {"opened", c.opened_packets()},
          {"compared_tags", c.compared_tags()},
          {"identical_copies", c.identical_copies()},
          {"untouched", c.untouched()},
          {"computed_udp_checksums", c.computed_checksums()},
          {"unexpected_receiver", in.result.unexpected_receiver},
          {"unexpected_stream", c.unexpected_stream()},
          {"echoed", in.result.echoed},
          {"other_frames", in.result.other_frames},
          {"wrong_vlan", in.result.wrong_vlan}};
}

}  // namespace

std::string make_json(const ReportInput& in, const std::vector<std::string>& faults) {
  const RunResult& r = in.result;
  nlohmann::json j{{"verdict", faults.empty() ? "right" : "wrong"},
                   {"faults", faults},
                   {"port", in.port},
                   {"verified", verification_text(in)},
                   {"verify_every", in.verify_every},
                   {"peer", SrtpLibrary::version()},
                   {"seed", in.parts.pool.seed()},
                   {"payload_bytes", in.parts.pool.payload_bytes()},
                   {"participants", in.parts.model.participants().size()},
                   {"streams", in.parts.model.streams().size()},
                   {"flows", in.parts.model.flows().size()}};
  j["packets"] = packets_json(in);
  j["findings"] = findings_json([&](Finding finding) { return in.parts.checker.total(finding); });
  j["rtcp"] = rtcp_json(in);
  j["network"] = {{"visited", r.visited},         {"lost", r.lost},           {"duplicated", r.duplicated},
                  {"delayed", r.delayed},         {"rtcp_lost", r.rtcp_lost}, {"rtcp_duplicated", r.rtcp_duplicated}};
  j["rates"] = {{"seconds", r.steady_seconds},
                {"offered_pps", in.settings.packets_per_second},
                {"sent_pps", rate(r.steady_sent, r.steady_seconds)},
                {"received_pps", rate(r.steady_received, r.steady_seconds)},
                {"pace_slips", r.pace_slips},
                {"transmit_refused", r.transmit_refused}};
  if (in.latency) j["latency"] = latency_json(in);
  j["hostile"] = hostile_json(in);
  j["expected_drops"] = expected_drops(in);
  j["tolerated_drops"] = in.parts.introduction.tolerated_drops();
  j["conferences"] = conferences_json(in);
  j["flow"] = flows_json(in);
  if (in.parts.content != nullptr) j["content"] = content_json(*in.parts.content);
  return j.dump(2) + "\n";
}

}  // namespace mediaward::tools::traffic
