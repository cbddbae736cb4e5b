// SPDX-License-Identifier: Apache-2.0
// The participants' RTCP: whoever has an SSRC reports after every n-th packet, senders with SR, receivers with RR, both with SDES.
// Reports are made and sealed by libsrtp when they are due, because they tell what was received until then; there are few of them.
// The thread of the port. Allocates: not for streams of reports at line rate.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "crypto/error.h"
#include "tools/traffic/checker.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/rtcp_compound.h"
#include "tools/traffic/rtcp_ledger.h"
#include "tools/traffic/srtp_context.h"

namespace mediaward::tools::traffic {

// SRTCP of one source, ready for the wire.
struct SealedRtcp {
  std::array<std::byte, kMaxCompoundBytes> plain;
  std::size_t plain_bytes = 0;
  std::array<std::byte, kIpv6Bytes + kUdpBytes + kMaxCompoundBytes + kMaxTrailerBytes> packet;  // from the IP header on
  std::size_t packet_bytes = 0, l4_bytes = 0;

  [[nodiscard]] ConstBytes sealed() const noexcept { return {packet.data() + l4_bytes, packet_bytes - l4_bytes}; }
};

class RtcpSender {
 public:
  // every: packets of a stream between two reports; 0: nobody reports.
  [[nodiscard]] static Result<RtcpSender> create(const Model& model, const Checker& checker, RtcpLedger& ledger, std::uint32_t every,
                                                 std::size_t payload_bytes);

  [[nodiscard]] bool enabled() const noexcept { return every_ != 0; }

  // This packet of this stream had its turn: who reports behind it joins the queue.
  void visited(std::uint32_t stream, std::uint64_t round);

  [[nodiscard]] bool waiting() const noexcept { return !queue_.empty(); }
  [[nodiscard]] std::uint32_t next_source() const noexcept { return queue_.front(); }
  // The report of the source whose turn it is; the same until sent() or skip().
  [[nodiscard]] const SealedRtcp* next();
  void sent(bool twice);
  void skip() noexcept;  // lost on its way

  // A first receiver report, the same every time, that lets the appliance learn where this source is.
  [[nodiscard]] bool seal_introduction(std::uint32_t source, SealedRtcp& out);

  // For hostile copies. A fresh authentic report of this source that is not part of the accounts; `ssrc` in place of its own.
  [[nodiscard]] bool seal_extra(std::uint32_t source, std::uint32_t ssrc, bool malformed, SealedRtcp& out);
  // The same with E = 0, its index above all that were used.
  [[nodiscard]] bool seal_plain(std::uint32_t source, SealedRtcp& out);
  [[nodiscard]] ConstBytes first_sealed(std::uint32_t source) const noexcept { return sources_[source].first; }  // from the IP header on
  [[nodiscard]] ConstBytes last_sealed(std::uint32_t source) const noexcept { return sources_[source].last; }
  [[nodiscard]] std::uint32_t sealed_count(std::uint32_t source) const noexcept { return sources_[source].sealed; }
  [[nodiscard]] std::uint32_t source_of_stream(std::uint32_t stream) const noexcept { return source_of_stream_[stream]; }

 private:
  struct Source {
    std::vector<std::byte> first, last;  // as sent
    std::uint32_t sealed = 0;            // the SRTCP index of the newest one
    std::uint32_t plain_sealed = 0;      // of the context for E = 0
    std::uint64_t rounds = 0;            // RTP packets of its stream so far
  };
  RtcpSender(const Model& model, const Checker& checker, RtcpLedger& ledger, std::uint32_t every, std::size_t payload_bytes);
  Result<void> make_contexts();
  void find_heard();
  [[nodiscard]] std::size_t write_plain(std::uint32_t source, std::uint32_t ssrc, Bytes out) const noexcept;
  [[nodiscard]] ReportBlock block_of(std::uint32_t flow, std::uint64_t now_ntp) const noexcept;
  [[nodiscard]] bool seal(SrtcpContext& context, std::uint32_t source, unsigned key, SealedRtcp& out) const noexcept;

  const Model* model_;
  const Checker* checker_;
  RtcpLedger* ledger_;
  std::uint32_t every_;
  std::size_t payload_bytes_;
  std::vector<Source> sources_;
  std::vector<SrtcpContext> contexts_, plain_contexts_;     // per participant; plain ones are made when first used
  std::vector<std::vector<std::uint32_t>> heard_flows_;     // per participant: SRTP flows to report on
  std::vector<std::vector<std::uint32_t>> triggered_;       // per stream: sources that report behind its packets
  std::vector<std::uint32_t> source_of_stream_;
  std::deque<std::uint32_t> queue_;
  SealedRtcp prepared_;
  bool is_prepared_ = false;
};

}  // namespace mediaward::tools::traffic
