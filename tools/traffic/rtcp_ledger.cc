// SPDX-License-Identifier: Apache-2.0
// Accounts of RTCP (see the header). The thread of the port.
#include "tools/traffic/rtcp_ledger.h"

#include <algorithm>

#include "tools/traffic/digest.h"

namespace mediaward::tools::traffic {

RtcpLedger::RtcpLedger(const Model& model) : sources_(model.rtcp_sources().size()), heard_(model.rtcp_flows().size()) {
  for (const RtcpFlow& flow : model.rtcp_flows()) ++sources_[flow.source].receivers;
}

void RtcpLedger::sent(std::uint32_t source, ConstBytes plain, ConstBytes sealed, bool twice) {
  Source& from = sources_[source];
  if (from.newest.size() == kRemembered) from.newest.pop_front();
  from.newest.push_back({{plain.begin(), plain.end()}, digest(sealed)});
  ++from.sent;
  ++sent_;
  expected_ += from.receivers;
  if (from.receivers == 0) ++unheard_;
  if (twice) ++replayed_;
}

std::optional<std::uint64_t> RtcpLedger::find_plain(std::uint32_t source, std::uint64_t next, ConstBytes plain) const noexcept {
  const Source& from = sources_[source];
  const std::uint64_t oldest = from.sent - from.newest.size();
  std::optional<std::uint64_t> found;
  for (std::size_t i = 0; i < from.newest.size(); ++i) {
    if (!std::equal(plain.begin(), plain.end(), from.newest[i].plain.begin(), from.newest[i].plain.end())) continue;
    found = oldest + i;
    if (*found >= next) break;
  }
  return found;
}

bool RtcpLedger::is_introduction(std::uint32_t source, ConstBytes plain) const noexcept {
  const auto& introduction = sources_[source].introduction;
  return std::equal(plain.begin(), plain.end(), introduction.begin(), introduction.end());
}

bool RtcpLedger::was_sealed(std::uint32_t source, ConstBytes sealed) const noexcept {
  const auto& newest = sources_[source].newest;
  return std::any_of(newest.rbegin(), newest.rend(), [wanted = digest(sealed)](const Compound& c) { return c.sealed_digest == wanted; });
}

std::map<std::string, std::uint64_t> RtcpLedger::expected_drops() const {
  std::map<std::string, std::uint64_t> drops;
  if (replayed_ != 0) drops["srtcp.replayed"] = replayed_;
  if (unheard_ != 0) drops["srtcp.no_receiver"] = unheard_;
  return drops;
}

}  // namespace mediaward::tools::traffic
