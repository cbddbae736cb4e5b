// SPDX-License-Identifier: Apache-2.0
// Conferences, legs and streams as the main thread knows them: what the controller said, what was learned since, and the owners of
// everything that was taken for it (key contexts, next hops, leg slots, what workers look up). An object that is replaced or removed is
// kept by the retired list until no worker can refer to it; destroying it then gives back what it owned.
// Main thread only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <vector>

#include "crypto/srtp_index.h"
#include "dataplane/flat_map.h"
#include "dataplane/key_material.h"
#include "dataplane/neighbour.h"
#include "dataplane/slot_book.h"
#include "dataplane/table_memory.h"
#include "dataplane/table_number.h"
#include "dataplane/tables.h"

namespace mediaward::dataplane {

// Tables' entries with everything they point to, in TableMemory. What only some need is made for those only.
struct RxSide {
  LegRx rx;
  std::shared_ptr<LegRxDetails> details;
};
struct RxBundle {
  RxSide rtp;
  std::shared_ptr<RxSide> rtcp;            // with a port of its own
  std::vector<SsrcEntry> ssrcs;
};
struct TxBundle {
  LegTx rtp;
  std::shared_ptr<LegTx> rtcp;             // with a port of its own
  LegTxDetails details;
  std::shared_ptr<const KeyMaterial> key;  // what `details` names the MKI of
  bool sends_rtcp = false;                 // it is known where to
};
// Receivers while they are collected ...
struct FanoutLists {
  std::vector<FanoutEntry> rtp, rtcp;
  std::vector<crypto::WideWindow*> windows;  // FanoutEntry::window
};
// ... and as the workers have them.
class FanoutTable {
 public:
  explicit FanoutTable(TableMemory& memory) : rtp_(&memory), rtcp_(&memory) {}
  void take(FanoutLists lists) {
    rtp_.assign(lists.rtp.begin(), lists.rtp.end());
    rtcp_.assign(lists.rtcp.begin(), lists.rtcp.end());
    windows_ = std::move(lists.windows);
  }
  [[nodiscard]] Fanout view() const noexcept {
    return {rtp_.data(), rtcp_.data(), static_cast<std::uint32_t>(rtp_.size()), static_cast<std::uint32_t>(rtcp_.size())};
  }
  [[nodiscard]] crypto::WideWindow* const* windows() const noexcept { return windows_.data(); }

 private:
  std::pmr::vector<FanoutEntry> rtp_, rtcp_;
  std::vector<crypto::WideWindow*> windows_;
};
struct StreamExtras {
  explicit StreamExtras(TableMemory& memory) : copies(&memory), rtcp_copies(&memory) {}
  StreamDetails details;
  std::pmr::vector<const LegTx*> copies, rtcp_copies;
};
struct StreamBundle {
  explicit StreamBundle(TableMemory& memory) : fanout(memory) {}
  StreamRx rx;
  FanoutTable fanout;
  std::shared_ptr<StreamExtras> extras;    // StreamRx::details
};
struct ShareBundle {
  explicit ShareBundle(TableMemory& memory) : fanout(memory) {}
  StreamShare share;
  FanoutTable fanout;
};

// Who does not hear whom of two legs, the first with the lower id.
struct Deafness {
  bool first = false, second = false;
  bool operator==(const Deafness&) const noexcept = default;
};

struct ConferenceObject {
  std::uint64_t id = 0;
  abi::ForwardingMode mode = abi::ForwardingMode::kPerParticipantKeys;
  std::uint32_t flags = 0;
  std::uint8_t loudest = 0;
  std::uint8_t hysteresis_db = 0;
  std::uint16_t hold_ms = 0;
  KeyList group_keys;                      // [0] seals
  IdSet legs;
  FlatMap<std::uint32_t, std::uint64_t> ssrcs;                              // → stream. One space for the conference (RFC 3711 §9.1)
  FlatMap<std::pair<std::uint64_t, std::uint64_t>, Deafness> topology;
  std::shared_ptr<const TxBundle> group_tx;                                 // stands for all receivers of a group key

  [[nodiscard]] bool spread() const noexcept { return (flags & abi::kConferenceSpread) != 0; }
  [[nodiscard]] bool group() const noexcept { return mode == abi::ForwardingMode::kGroupKey; }
  [[nodiscard]] bool relay() const noexcept { return mode == abi::ForwardingMode::kRelay; }
  [[nodiscard]] bool hears(std::uint64_t listener, std::uint64_t speaker) const noexcept {
    if (topology.empty()) return true;
    const Deafness* d = topology.find(std::minmax(listener, speaker));
    return d == nullptr || !(listener < speaker ? d->first : d->second);
  }
};

// Where a participant is: RTP and RTCP at one address. Port 0: not known.
struct Remote {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint16_t rtcp_port = 0;
  bool operator==(const Remote&) const noexcept = default;
};

struct LegObject {
  std::uint64_t id = 0;
  std::uint64_t conference = 0;
  std::uint16_t port = 0;
  std::uint16_t address_index = 0;
  std::uint16_t local_port = 0;
  Family family = Family::kIpv4;
  std::uint8_t dscp = 0;
  abi::SourcePolicy source_policy = abi::SourcePolicy::kExact;
  abi::SsrcPolicy ssrc_policy = abi::SsrcPolicy::kFixed;
  abi::RtcpPolicy rtcp_policy = abi::RtcpPolicy::kForward;
  std::uint8_t audio_level_id = 0;
  std::uint16_t replay_window = crypto::kReplayWindowPackets;
  std::uint32_t flags = 0;
  IpPrefix filter;                         // latching accepts sources within; 0 bits: any
  Remote declared;                         // as the controller said
  Remote learned;                          // as authentic packets said, since `declared` was
  std::shared_ptr<const TableNumber> number;
  std::shared_ptr<NextHop> hop;            // with a deleter that releases it at its table; nullptr while nothing is known
  IpAddress hop_for;                       // the address it was taken for
  KeyList receive_keys, send_keys;         // send: [0] seals, the others are staged
  std::shared_ptr<std::uint8_t> preferred; // LegRxDetails::preferred, of these receive keys
  std::shared_ptr<SpeakerGate> gate;
  IdSet streams;
  // What the workers have of it. tx: nullptr while it is not known where to send.
  std::uint8_t worker = 0;
  std::shared_ptr<const RxBundle> rx;
  std::shared_ptr<const TxBundle> tx;

  [[nodiscard]] bool has(abi::LegFlags flag) const noexcept { return (flags & flag) != 0; }
  [[nodiscard]] bool latches() const noexcept { return source_policy != abi::SourcePolicy::kExact; }
  [[nodiscard]] bool own_rtcp_port() const noexcept { return !has(abi::kLegRtcpMux); }
  [[nodiscard]] bool forwards_rtcp() const noexcept { return rtcp_policy == abi::RtcpPolicy::kForward; }
  // Where to send, and what is accepted once latched.
  [[nodiscard]] Remote remote() const noexcept;
  [[nodiscard]] bool receives_under(std::uint64_t fingerprint) const noexcept { return find_key(receive_keys, fingerprint) != nullptr; }
  // What receive slots are filed under. Their indexes go on whatever the key, and a leg without a key has slots all the same.
  [[nodiscard]] std::uint64_t receive_fingerprint() const noexcept { return receive_keys.empty() ? 0 : receive_keys.front()->fingerprint(); }
};

// Window beyond what a state slot holds: for replay, of a stream's owner, or for sending, of whom it is sealed by. A replay window begins
// with what the slot knows. For sending, what was before it counts as used: its slot may be written while it is made.
struct WideReplay {
  explicit WideReplay(unsigned packets, bool all_seen = false)
      : words(crypto::wide_window_words(packets), all_seen ? ~std::uint64_t{0} : 0), window(words) {}
  std::vector<std::uint64_t> words;
  crypto::WideWindow window;
};

struct StreamObject {
  std::uint64_t id = 0;
  std::uint64_t leg = 0;
  std::uint32_t declared_ssrc = 0;         // 0: a place
  std::uint32_t ssrc = 0;                  // 0: a place that nothing is bound to yet
  std::uint32_t initial_roc = 0;
  std::uint32_t generation = 0;
  bool begins = false;                     // when it was made, no indexes of this SSRC from this leg were known
  std::shared_ptr<WideReplay> wide;
  FlatMap<std::uint32_t, std::shared_ptr<WideReplay>> send_windows;  // with a wide replay window: by send slot
  // What the workers have of it. rx: nullptr while it is not bound, or a crash left its state half-written.
  std::uint8_t worker = 0;
  std::uint32_t slot = 0;                  // in the tables
  std::shared_ptr<const StreamBundle> rx;
  std::vector<std::shared_ptr<const ShareBundle>> shares;  // by worker, empty unless the conference is spread
};

// A seal key belongs to one leg or to one conference (RFC 3711 §9.1).
struct SealOwner {
  bool conference = false;
  std::uint64_t id = 0;
  bool operator==(const SealOwner&) const noexcept = default;
};

}  // namespace mediaward::dataplane
