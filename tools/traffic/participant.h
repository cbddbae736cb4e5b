// SPDX-License-Identifier: Apache-2.0
// The cast of a run: every participant of the given conference files with its address on the wire, the streams they send, and the
// flows (one stream as one receiver gets it) that must come back. Fixed once built; everything else in the tool points into it.
// Deliberately knows no packet and no counter. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "tools/conference_file.h"
#include "tools/traffic/flat_index.h"
#include "tools/traffic/frame.h"

namespace mediaward::tools::traffic {

struct Participant {
  std::string name;  // "alice", or "standup/alice" when several conferences play
  std::uint32_t conference = 0;
  Mac mac{};              // locally administered, made from the number
  Address local, remote;  // the appliance's, and its own
  std::uint16_t local_port = 0, remote_port = 0;
  std::string receive_suite, send_suite;
  std::vector<std::uint8_t> receive_key, send_key;
  std::uint8_t dscp = 0;
  bool may_send = true, may_receive = true;
};

struct Stream {
  std::uint32_t sender = 0;  // index of the participant
  std::uint32_t ssrc = 0;
  std::uint64_t first_index = 0;  // SRTP index of its first packet: ROC ‖ sequence number
  std::uint32_t receivers = 0;    // how many flows it feeds
};

struct Flow {
  std::uint32_t stream = 0;
  std::uint32_t receiver = 0;
};

class Model {
 public:
  // first_index: of every stream; without it each stream begins at a sequence number made from seed and SSRC, ROC 0.
  // Errors: a file without two participants, one address and port used by two participants.
  [[nodiscard]] static Result<Model> build(std::span<const ConferenceFile> files, std::uint64_t seed,
                                           std::optional<std::uint64_t> first_index);

  [[nodiscard]] const std::vector<Participant>& participants() const noexcept { return participants_; }
  [[nodiscard]] const std::vector<Stream>& streams() const noexcept { return streams_; }
  [[nodiscard]] const std::vector<Flow>& flows() const noexcept { return flows_; }

  static constexpr std::uint32_t kNone = FlatIndex::kNone;
  // The participant that owns this address and UDP port, or kNone.
  [[nodiscard]] std::uint32_t find_receiver(const std::byte* address, bool v6, std::uint16_t udp_port) const noexcept;
  // The flow of this SSRC to this receiver, or kNone.
  [[nodiscard]] std::uint32_t find_flow(std::uint32_t receiver, std::uint32_t ssrc) const noexcept;
  [[nodiscard]] bool is_known_ssrc(std::uint32_t ssrc) const noexcept;
  // A UDP port of this participant's local address that no participant uses.
  [[nodiscard]] std::uint16_t unused_local_port(std::uint32_t participant) const noexcept;
  // An address next to this participant's own that no participant uses.
  [[nodiscard]] Address unused_address(std::uint32_t participant) const noexcept;

 private:
  Result<void> add(const ConferenceFile& file, std::uint32_t number, bool several, std::uint64_t seed,
                   std::optional<std::uint64_t> first_index);
  Result<void> index();
  void add_flows();

  std::vector<Participant> participants_;
  std::vector<Stream> streams_;
  std::vector<Flow> flows_;
  FlatIndex by_endpoint_;  // address and port → participant
  FlatIndex by_flow_;      // receiver ‖ SSRC → flow
};

}  // namespace mediaward::tools::traffic
