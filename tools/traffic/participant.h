// SPDX-License-Identifier: Apache-2.0
// The cast of a run: every conference and participant of the given conference files with addresses and keys, the streams they send,
// the sources of RTCP, and the flows (one stream, or one source's reports, as one receiver gets them) that must come back.
// Fixed once built; everything else in the tool points into it. Deliberately knows no packet and no counter. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/error.h"
#include "tools/conference_file.h"
#include "tools/traffic/flat_index.h"
#include "tools/traffic/frame.h"
#include "tools/traffic/key_set.h"

namespace mediaward::tools::traffic {

using Mode = ConferenceFile::Mode;

struct Conference {
  std::string name;
  Mode mode = Mode::kPerParticipant;
  KeySet group;  // kGroup only
  bool introduced = false;  // the appliance has to learn addresses or SSRCs before all arrives (introduction.h)
};

struct Participant {
  std::string name;  // "alice", or "standup/alice" when several conferences play
  std::uint32_t conference = 0;
  Mac mac{};              // locally administered, made from the number
  Address local, remote;  // the appliance's, and its own
  std::uint16_t local_port = 0, remote_port = 0;
  std::uint16_t local_rtcp_port = 0, remote_rtcp_port = 0;  // the same as above when multiplexed (RFC 5761)
  KeySet receive, send;                                     // send: empty unless the conference seals for each participant
  std::vector<std::uint32_t> ssrcs;
  std::uint32_t first_stream = 0;                           // of its streams, which follow each other in the order of ssrcs
  std::uint8_t dscp = 0;
  std::uint32_t replay_window = 128;
  bool may_send = true, may_receive = true, muted = false;
  bool rtcp = true;           // its reports are forwarded, and it gets those of others
  bool plain_srtcp = false;   // it sends SRTCP with E = 0, which the appliance allows
  bool authenticated = true;  // false: a relay that was not told this participant's key
  bool exact_source = true;   // false: the appliance latches
  std::uint32_t learned_ssrcs = 0;  // how many of ssrcs, the last ones, the appliance is not told

  [[nodiscard]] bool rtcp_mux() const noexcept { return local_port == local_rtcp_port; }
};

struct Stream {
  std::uint32_t sender = 0;  // index of the participant
  std::uint32_t ssrc = 0;
  std::uint64_t first_index = 0;  // SRTP index of its first packet: ROC ‖ sequence number
  std::uint32_t step = 1;         // from one packet's index to the next one's
  std::uint32_t receivers = 0;    // how many flows it feeds
  bool isolated = false;          // nobody hears it because the topology says so
  bool introduced = false;        // as its conference

  [[nodiscard]] std::uint64_t index_of(std::uint64_t round) const noexcept { return first_index + round * step; }
  // The same packet's index where the appliance sealed it anew: under a key that begins, roll-over counters begin at 0.
  [[nodiscard]] std::uint64_t first_index_sent_on(Mode mode) const noexcept {
    return mode == Mode::kRelay ? first_index : first_index & 0xffff;
  }
};

struct Flow {
  std::uint32_t stream = 0;
  std::uint32_t receiver = 0;
};

// An SSRC that reports: of a sender with a stream, of a receiver without.
struct RtcpSource {
  std::uint32_t participant = 0;
  std::uint32_t ssrc = 0;
  std::uint32_t stream = FlatIndex::kNone;
};

struct RtcpFlow {
  std::uint32_t source = 0;
  std::uint32_t receiver = 0;
};

// Half of the sequence numbers is as far as an index estimate reaches (RFC 3711 §3.3.1); the appliance closes wider gaps, and gaps nearly
// as wide, by numbering anew for its receivers.
inline constexpr std::uint32_t kMaxStep = 32512;

struct ModelSettings {
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> first_index{};  // of every stream; without it initial ROC ‖ a number made from seed and SSRC
  std::uint32_t step = 1;                      // 1 to kMaxStep
};

// Packets that a stream may send ahead of its first one, so that the appliance learns addresses and SSRCs: their indexes lie in front.
inline constexpr std::uint32_t kMaxIntroductions = 64;

class Model {
 public:
  // No files: nobody. Errors: nobody who would receive anything, one address and port used by two participants, what this tool cannot play.
  [[nodiscard]] static Result<Model> build(std::span<const ConferenceFile> files, const ModelSettings& settings);

  [[nodiscard]] const std::vector<Conference>& conferences() const noexcept { return conferences_; }
  [[nodiscard]] const std::vector<Participant>& participants() const noexcept { return participants_; }
  [[nodiscard]] const std::vector<Stream>& streams() const noexcept { return streams_; }
  [[nodiscard]] const std::vector<Flow>& flows() const noexcept { return flows_; }
  [[nodiscard]] const std::vector<RtcpSource>& rtcp_sources() const noexcept { return rtcp_sources_; }
  [[nodiscard]] const std::vector<RtcpFlow>& rtcp_flows() const noexcept { return rtcp_flows_; }
  // Whether the conference of this source introduces itself.
  [[nodiscard]] bool is_introduced(const RtcpSource& source) const noexcept { return conferences_[participants_[source.participant].conference].introduced; }
  [[nodiscard]] const Participant& sender_of(const Stream& stream) const noexcept { return participants_[stream.sender]; }
  [[nodiscard]] Mode mode_of(const Participant& p) const noexcept { return conferences_[p.conference].mode; }
  // Under which keys what `sender` sends reaches `receiver`.
  [[nodiscard]] const KeySet& keys_between(const Participant& sender, const Participant& receiver) const noexcept;

  static constexpr std::uint32_t kNone = FlatIndex::kNone;
  struct Endpoint {
    std::uint32_t participant = kNone;
    bool rtp = false, rtcp = false;  // what may arrive there
  };
  // Who owns this address and UDP port.
  [[nodiscard]] Endpoint find_endpoint(const std::byte* address, bool v6, std::uint16_t udp_port) const noexcept;
  // The flow of this SSRC to this receiver, or kNone.
  [[nodiscard]] std::uint32_t find_flow(std::uint32_t receiver, std::uint32_t ssrc) const noexcept;
  [[nodiscard]] std::uint32_t find_rtcp_flow(std::uint32_t receiver, std::uint32_t ssrc) const noexcept;
  [[nodiscard]] bool is_known_ssrc(std::uint32_t ssrc) const noexcept { return ssrcs_.contains(ssrc); }
  // A UDP port of this participant's local address that no participant uses.
  [[nodiscard]] std::uint16_t unused_local_port(std::uint32_t participant) const noexcept;
  // An address next to this participant's own that no participant uses.
  [[nodiscard]] Address unused_address(std::uint32_t participant) const noexcept;

 private:
  Result<void> add(const ConferenceFile& file, bool several, const ModelSettings& settings);
  Result<void> add_participant(const ConferenceFile& file, const ConferenceFile::Participant& entry, bool several,
                               const ModelSettings& settings);
  void add_streams(const ConferenceFile::Participant& entry, std::uint32_t self, const ModelSettings& settings);
  void mark_introduced(const ConferenceFile& file, std::uint32_t first_stream);
  void add_flows(const ConferenceFile& file, std::uint32_t first, std::uint32_t first_stream);
  void add_rtcp_flows(const ConferenceFile& file, std::uint32_t first);
  Result<void> index();
  Result<void> index_endpoint(std::uint32_t participant, std::uint16_t udp_port, bool rtcp);
  void share_macs();

  std::vector<Conference> conferences_;
  std::vector<Participant> participants_;
  std::vector<Stream> streams_;
  std::vector<Flow> flows_;
  std::vector<RtcpSource> rtcp_sources_;
  std::vector<RtcpFlow> rtcp_flows_;
  FlatIndex by_endpoint_;   // address and port → 2 · participant, + 1 for a port of RTCP alone
  FlatIndex by_flow_;       // receiver ‖ SSRC → flow
  FlatIndex by_rtcp_flow_;  // receiver ‖ SSRC → RTCP flow
  std::set<std::uint32_t> ssrcs_;
  std::set<std::pair<Address, std::uint16_t>> local_ports_;
  std::set<Address> addresses_;
};

}  // namespace mediaward::tools::traffic
