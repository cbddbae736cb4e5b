// SPDX-License-Identifier: Apache-2.0
// Judges the SRTP that comes back. Every packet: right receiver, source, length, MKI, RTP header, order, DSCP, IP checksum, and no
// plaintext; of a group that every receiver got the same bytes; of a relay that they are the sender's.
// Every packet, or every n-th of a flow as asked: opened by libsrtp under the keys of the flow, the payload compared byte by byte,
// the UDP checksum computed. The others' tags are compared with those that the pool expects, if it has them. Counts per flow; decides
// nothing about the run. The receiving thread. Memory is made before the run: one bit per packet and flow, a libsrtp context for each
// flow that is opened.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/error.h"
#include "tools/traffic/findings.h"
#include "tools/traffic/frame.h"
#include "tools/traffic/histogram.h"
#include "tools/traffic/ledger.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/sealed_pool.h"
#include "tools/traffic/srtp_context.h"

namespace mediaward::tools::traffic {

struct CheckerSettings {
  std::uint32_t verify_every = 1;  // 1: every packet is opened by libsrtp; n: each n-th of a flow
  bool latency = false;
  // Of a sample, at most so many flows are opened, evenly chosen: a context takes 29 kB with libsrtp over NSS.
  std::uint32_t sampled_flows = 8192;
};

class Checker {
 public:
  [[nodiscard]] static Result<Checker> create(const Model& model, const SealedPool& pool, const Ledger& ledger,
                                              const CheckerSettings& settings);

  // `receiver`: whose address it came to. `l4_known_good`: the port verified the UDP checksum or knows that it was left to it (virtio's
  // partial checksum). The packet's bytes are overwritten.
  void accept(const UdpView& view, std::uint32_t receiver, bool l4_known_good, std::uint64_t now_ticks) noexcept;

  // The first copy of this packet leaves now.
  void sent(std::uint32_t stream, std::uint64_t round, std::uint64_t now_ticks) noexcept {
    if (!send_ticks_.empty()) send_ticks_[round * streams_ + stream] = now_ticks;
  }
  // Its first copy came back, from the appliance or from an echo.
  void returned(std::uint32_t stream, std::uint64_t round, std::uint64_t now_ticks) noexcept {
    if (!settings_.latency) return;
    const std::uint64_t then = send_ticks_[round * streams_ + stream];
    if (then >= measure_from_) latency_.record(now_ticks - then);
  }
  [[nodiscard]] bool measures_latency() const noexcept { return settings_.latency; }
  // Latencies count for packets that leave from now on.
  void measure_from(std::uint64_t now_ticks) noexcept { measure_from_ = now_ticks; }

  [[nodiscard]] std::uint64_t received_packets() const noexcept { return received_; }  // over all flows; first copies, right index
  [[nodiscard]] std::uint64_t received_of_flow(std::size_t flow) const noexcept { return flows_[flow].received; }
  [[nodiscard]] std::uint64_t opened_of_flow(std::size_t flow) const noexcept { return flows_[flow].opened; }  // payload equal, too
  [[nodiscard]] std::uint64_t expected_of_flow(std::size_t flow) const noexcept {
    return ledger_->forwarded_of_stream(model_->flows()[flow].stream);
  }
  [[nodiscard]] std::uint64_t highest_index_of_flow(std::size_t flow) const noexcept { return flows_[flow].highest; }
  [[nodiscard]] const Findings& findings_of_flow(std::size_t flow) const noexcept { return findings_[flow]; }
  [[nodiscard]] std::uint64_t total(Finding finding) const noexcept;
  [[nodiscard]] std::uint64_t opened_packets() const noexcept;
  [[nodiscard]] std::uint64_t compared_tags() const noexcept { return compared_tags_; }
  [[nodiscard]] std::uint64_t identical_copies() const noexcept { return identical_copies_; }  // group: equal to an earlier receiver's
  [[nodiscard]] std::uint64_t untouched() const noexcept { return untouched_; }                // relay: equal to what was sent
  // UDP checksums computed here; others were vouched for by the port.
  [[nodiscard]] std::uint64_t computed_checksums() const noexcept { return computed_checksums_; }
  [[nodiscard]] std::uint64_t unexpected_stream() const noexcept { return unexpected_stream_; }  // not meant for that participant
  // Whether a packet of the stream's introduction has come this way.
  [[nodiscard]] bool introduced(std::size_t flow) const noexcept { return introduced_[flow]; }
  [[nodiscard]] const Histogram& latency_ticks() const noexcept { return latency_; }

 private:
  struct FlowState {
    std::uint64_t highest = 0;  // index of the packet that was highest so far
    std::uint64_t next_place = 0;
    std::uint64_t arrivals = 0;
    std::uint64_t received = 0, opened = 0;
  };
  // One arrival, while it is judged.
  struct Arrival {
    const UdpView& view;
    std::uint32_t flow;
    const Stream& stream;
    const Participant& receiver;
    const KeySet& keys;
    std::uint64_t round = 0, index = 0;
  };

  Checker(const Model& model, const SealedPool& pool, const Ledger& ledger, const CheckerSettings& settings);
  Result<void> make_openers();
  [[nodiscard]] bool find_round(Arrival& a) noexcept;
  [[nodiscard]] bool is_introduction(const Arrival& a) const noexcept {
    return a.stream.introduced && a.index < a.stream.first_index && a.stream.first_index - a.index <= kMaxIntroductions;
  }
  void judge(Arrival& a, bool l4_known_good, std::uint64_t now_ticks) noexcept;
  void judge_packet(const Arrival& a, Findings& findings) noexcept;
  void judge_bytes(const Arrival& a, Mode mode, Findings& findings) noexcept;
  void compare_tag(const Arrival& a, Findings& findings) noexcept;
  void open(const Arrival& a, Findings& findings) noexcept;
  [[nodiscard]] bool note_order(const Arrival& a, Findings& findings) noexcept;

  const Model* model_;
  const SealedPool* pool_;
  const Ledger* ledger_;
  CheckerSettings settings_;
  std::size_t streams_, words_;
  std::vector<FlowState> flows_;
  std::vector<Findings> findings_;         // per flow
  std::vector<std::uint64_t> seen_;        // words_ per flow, one bit per packet of its stream
  std::vector<bool> introduced_;           // per flow
  std::vector<SrtpContext> openers_;       // per flow; empty where nothing is opened
  std::vector<std::uint64_t> copies_;      // with a group only: digest of what the first receiver got, per round and stream
  std::vector<std::uint64_t> send_ticks_;  // per round and stream, with latency only
  std::uint64_t measure_from_ = ~std::uint64_t{0};
  std::uint64_t received_ = 0;
  std::uint64_t compared_tags_ = 0, identical_copies_ = 0, untouched_ = 0;
  std::uint64_t computed_checksums_ = 0;
  std::uint64_t unexpected_stream_ = 0;
  Histogram latency_;
};

}  // namespace mediaward::tools::traffic
