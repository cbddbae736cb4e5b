// SPDX-License-Identifier: Apache-2.0
// Judges what comes back. Every packet: right receiver, source, length, RTP header, order, DSCP, IP checksum, and no plaintext.
// Every packet, or every n-th of a flow as asked: opened by libsrtp under the receiver's key, the payload compared byte by byte,
// the UDP checksum computed. The others' tags are compared with those that the pool expects, if it has them. Counts per flow; decides
// nothing about the run. The receiving thread. Flow memory is made before the run: one bit per packet, one libsrtp context per flow.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "crypto/error.h"
#include "tools/traffic/frame.h"
#include "tools/traffic/histogram.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/sealed_pool.h"
#include "tools/traffic/sealer.h"

namespace mediaward::tools::traffic {

enum class Finding : std::uint8_t {
  kDuplicate,
  kOutOfOrder,
  kWrongKey,   // libsrtp: authentication failed
  kNotOpened,  // libsrtp refused for another reason
  kWrongTag,   // not opened: its tag is not the one libsrtp computed beforehand
  kWrongPayload,
  kWrongHeader,  // RTP header differs from the sender's
  kWrongLength,
  kPlaintext,  // the payload lay in the clear
  kWrongMac,   // not addressed to the MAC that this host announced
  kWrongSource,
  kWrongDscp,
  kBadIpChecksum,
  kBadUdpChecksum,
  kNeverSent,  // an index that the sender has not sent
  kCount
};
inline constexpr std::size_t kFindings = static_cast<std::size_t>(Finding::kCount);
[[nodiscard]] std::string_view name(Finding finding) noexcept;  // "wrong-key"

struct FlowReport {
  std::uint64_t received = 0;  // first copies, right index; whatever else was wrong with them
  std::uint64_t opened = 0;    // of these: opened by libsrtp, payload equal
  std::array<std::uint64_t, kFindings> findings{};
};

struct CheckerSettings {
  std::uint32_t verify_every = 1;  // 1: every packet is opened by libsrtp; n: each n-th of a flow
  bool latency = false;
};

class Checker {
 public:
  [[nodiscard]] static Result<Checker> create(const Model& model, const SealedPool& pool, const CheckerSettings& settings);

  // `l4_known_good`: the port verified the UDP checksum or knows that it was left to it (virtio's partial checksum). The packet's
  // bytes are overwritten. True: it belonged to a flow.
  bool accept(const UdpView& view, bool l4_known_good, std::uint64_t now_ticks) noexcept;

  void sent(std::uint64_t position, std::uint64_t now_ticks) noexcept {
    ++sent_;
    if (++sent_rest_ == model_->streams().size()) {
      ++sent_rounds_;
      sent_rest_ = 0;
    }
    if (!send_ticks_.empty()) send_ticks_[position] = now_ticks;
  }

  [[nodiscard]] std::uint64_t sent_packets() const noexcept { return sent_; }
  [[nodiscard]] std::uint64_t received_packets() const noexcept { return received_; }  // over all flows
  [[nodiscard]] std::uint64_t expected_packets() const noexcept;                       // for what was sent so far
  [[nodiscard]] std::uint64_t sent_of_stream(std::uint32_t stream) const noexcept;
  [[nodiscard]] std::uint64_t expected_of_flow(std::size_t flow) const noexcept;
  [[nodiscard]] const FlowReport& flow(std::size_t number) const noexcept { return flows_[number].report; }
  [[nodiscard]] std::uint64_t total(Finding finding) const noexcept;
  [[nodiscard]] std::uint64_t opened_packets() const noexcept;
  [[nodiscard]] std::uint64_t compared_tags() const noexcept { return compared_tags_; }
  [[nodiscard]] std::uint64_t computed_checksums() const noexcept {
    return computed_checksums_;
  }  // UDP; others were vouched for by the port
  [[nodiscard]] std::uint64_t unexpected_receiver() const noexcept { return unexpected_receiver_; }  // no participant there
  [[nodiscard]] std::uint64_t unexpected_stream() const noexcept { return unexpected_stream_; }      // not meant for that participant
  [[nodiscard]] const Histogram& latency_ticks() const noexcept { return latency_; }

 private:
  struct FlowState {
    SrtpContext opener;
    std::vector<std::uint64_t> seen;  // one bit per packet of the stream
    std::uint64_t highest = 0;        // offset from the stream's first index
    std::uint64_t arrivals = 0;
    FlowReport report;
  };

  Checker(const Model& model, const SealedPool& pool, const CheckerSettings& settings)
      : model_(&model), pool_(&pool), settings_(settings) {}
  Result<void> make_flows();
  void judge(FlowState& state, const Flow& flow, const UdpView& view, bool l4_known_good, std::uint64_t now_ticks) noexcept;
  void judge_headers(FlowState& state, const Flow& flow, const UdpView& view, std::uint64_t index) noexcept;
  void compare_tag(FlowState& state, const UdpView& view, std::uint64_t offset) noexcept;
  void open(FlowState& state, const Flow& flow, const UdpView& view, std::uint64_t index) noexcept;
  [[nodiscard]] bool note_order(FlowState& state, std::uint64_t offset) noexcept;

  const Model* model_;
  const SealedPool* pool_;
  CheckerSettings settings_;
  std::vector<FlowState> flows_;
  std::vector<std::uint32_t> fan_out_;     // sum of receivers of the first n streams
  std::vector<std::uint64_t> send_ticks_;  // per position, with latency only
  std::uint64_t sent_ = 0;
  std::uint64_t sent_rounds_ = 0;  // whole rounds of all streams, and how many streams of the round that has begun
  std::uint64_t sent_rest_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t compared_tags_ = 0;
  std::uint64_t computed_checksums_ = 0;
  std::uint64_t unexpected_receiver_ = 0;
  std::uint64_t unexpected_stream_ = 0;
  Histogram latency_;
};

}  // namespace mediaward::tools::traffic
