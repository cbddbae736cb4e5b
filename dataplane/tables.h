// SPDX-License-Identifier: Apache-2.0
// What the packet path looks up: legs, streams and receivers, laid out by cache line. Every object is made whole by the main thread,
// is immutable from then on, and is replaced by a command. Mutable behind these pointers are only: state slots, which belong to the
// worker that owns the stream (or the share of it), key usage and level meters, which belong to the worker that owns the leg, and
// gates, which the main thread writes and workers read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/job.h"
#include "crypto/srtp_index.h"
#include "dataplane/abi/protocol.h"
#include "dataplane/abi/regions.h"
#include "dataplane/drop_reason.h"
#include "dataplane/ip_address.h"

namespace mediaward::dataplane {

struct NextHop;

inline constexpr std::size_t kMaxReceiveKeys = abi::kMaxKeysPerDirection;
inline constexpr std::size_t kMaxMkiBytes = 128;  // RFC 3711 §3.1: "length is a parameter", RFC 4568 §6.1 allows 1-128

// Packets that were opened under one receive key whose lifetime the controller shortened, and when that is nearly and altogether used
// up. Without a lifetime of its own a key ends with the index (2^48, 2^31): no counting. Counters are written by the leg's owner only.
struct alignas(64) KeyUsage {
  std::uint64_t srtp_packets = 0, srtcp_packets = 0;
  std::uint64_t srtp_soft = 0, srtp_hard = 0;
  std::uint64_t srtcp_soft = 0, srtcp_hard = 0;
};

// A key of a direction as far as every packet needs it.
struct alignas(64) KeyView {
  const crypto::KeyContext* srtp = nullptr;   // nullptr: no key (a relay that cannot authenticate)
  const crypto::KeyContext* srtcp = nullptr;
  std::byte srtp_salt[16]{};
  std::byte srtcp_salt[16]{};
  KeyUsage* usage = nullptr;                  // receive, with a lifetime of its own; otherwise nullptr
  crypto::JobOp op = crypto::JobOp::kCm128Open;     // open (in a relay: check); send: seal
  crypto::JobOp check = crypto::JobOp::kNullOpen;   // verifies and leaves the bytes as they are
  std::uint8_t tag_bytes = 0;
  std::uint8_t srtcp_tag_bytes = 0;
  std::uint8_t mki_bytes = 0;
  std::uint8_t null_cipher = 0;               // 1: SRTCP goes with E = 0
};
static_assert(sizeof(KeyView) == 64);

// When a send key is nearly and when it is altogether used up: packets under it and one SSRC.
struct KeyLifetime {
  std::uint64_t srtp_soft = 0, srtp_hard = 0;
  std::uint64_t srtcp_soft = 0, srtcp_hard = 0;
};

struct SsrcEntry {
  std::uint32_t ssrc = 0;
  std::uint32_t stream_slot = 0;
};

enum LegRxFlags : std::uint8_t {
  kRxRtp = 1u << 0,            // SRTP is taken on this UDP port
  kRxRtcp = 1u << 1,           // SRTCP is taken on this UDP port
  kRxMayReceive = 1u << 2,     // SRTP from this participant is accepted
  kRxLatching = 1u << 3,       // source address is not (only) the remote one: see LegRxDetails
  kRxBindsSsrc = 1u << 4,      // there are places left for new SSRCs
  kRxDropRtcp = 1u << 5,       // SRTCP ends here, by policy
  kRxPlainRtcp = 1u << 6,      // E = 0 is accepted
  kRxRelay = 1u << 7,          // nothing is decrypted
};

// What only some legs have: a source to be learned, SSRCs to be bound, MKIs, more than one key.
struct LegRxDetails {
  bool bound = true;                        // latching: remote_* is in force; false: nothing latched yet, any source within the filter
  bool relatch = false;
  std::uint8_t filter_bytes = 0;            // whole bytes of the source filter, then filter_mask on the next
  std::byte filter_mask{};
  std::byte filter[16]{};
  std::uint32_t bind_roc = 0;               // ROC of an SSRC that is not known yet
  KeyView more_keys[kMaxReceiveKeys - 1];   // beyond LegRx::key
  std::byte mkis[kMaxReceiveKeys][kMaxMkiBytes]{};
  std::uint8_t* preferred = nullptr;        // without MKI: the key that was right last. The leg's owner's
};

// Receive side of a leg at one UDP port (RTP, RTCP, or both). Two lines.
struct alignas(64) LegRx {
  std::byte remote_address[16]{};
  std::uint16_t remote_port_raw = 0;      // network order, as it stands in the packet
  Family family = Family::kIpv4;
  std::uint8_t flags = 0;                 // LegRxFlags
  std::uint8_t key_count = 0;
  bool counts_use = false;                // which key was used, or how often, is kept account of
  std::uint16_t ssrc_count = 0;
  SsrcEntry first;                         // most legs send one stream: no further line to look at
  const SsrcEntry* ssrcs = nullptr;        // all of them, ssrc_count
  const LegRxDetails* details = nullptr;   // nullptr for a leg that needs none
  std::uint64_t leg_id = 0;
  std::uint64_t reserved2 = 0;
  KeyView key;                             // the first, and mostly the only one
  [[nodiscard]] const KeyView& key_at(std::size_t i) const noexcept { return i == 0 ? key : details->more_keys[i - 1]; }
};
static_assert(sizeof(LegRx) == 128);

// What of a leg's send side only some packets need. Limits that the controller did not shorten are those of the transform.
struct LegTxDetails {
  KeyLifetime lifetime;
  const std::byte* mki = nullptr;          // of the key in force
};

// Where datagrams go: everything of them that does not change from packet to packet. IPv4 without a tag needs the first 64 bytes only.
struct UdpPath {
  static constexpr std::size_t kShortHeader = 14 + 20 + 8;  // Ethernet without a tag, IPv4, UDP
  NextHop* hop = nullptr;
  std::uint16_t port = 0;
  std::uint16_t max_udp_payload = 0;       // bytes: the port's MTU less IP and UDP headers
  std::uint16_t ip_sum = 0;                // one's complement sum of the IPv4 header without total length
  std::uint16_t pseudo_sum = 0;            // of the pseudo header without length
  std::uint8_t header_bytes = 0;           // Ethernet (+ tag) + IP + UDP
  std::uint8_t l2_bytes = 0;
  std::uint8_t l3_bytes = 0;
  Family family = Family::kIpv4;
  std::uint16_t packet_flags = 0;          // PacketFlags of its datagrams, beside those of the port
  std::byte header[72]{};                  // template; destination MAC, lengths and checksums are 0: filled per packet
  std::uint64_t object_id = 0;             // leg or swarm that sends so, for samples of what is dropped
};

// Send side of a leg.
struct alignas(64) LegTx : UdpPath {
  crypto::Handle handle;                   // of this leg in WorkerTables::legs_tx
  const LegTx* rtcp = nullptr;             // where SRTCP goes: itself when multiplexed
  const LegTxDetails* details = nullptr;   // never null
};
static_assert(sizeof(LegTx) == 128 && offsetof(UdpPath, header) + UdpPath::kShortHeader <= 64);

// One send context: {ssrc_out, index offset (in its state), timestamp offset} and what sealing needs. `leg` is the receiver. Where one
// sealed packet goes to many (group key), it stands for the conference: no header, the smallest limit is checked per copy, its
// object_id is the conference, its details hold MKI and lifetimes of the group key, its port lends the buffer.
struct alignas(64) FanoutEntry {
  abi::StateSlot* state = nullptr;
  const crypto::KeyContext* key = nullptr;
  const LegTx* leg = nullptr;
  std::byte salt[16]{};
  std::uint64_t alert_at = ~std::uint64_t{0};  // packets in `state` at which the key has reached details->lifetime's soft limit
  std::uint32_t ssrc_out = 0;
  std::uint32_t timestamp_offset = 0;
  std::uint32_t window = 0;                    // SRTP: its place in `windows` of the stream or share, counted from 1; 0: `state` has all
  crypto::JobOp seal_op = crypto::JobOp::kCm128Seal;
  std::uint8_t tag_bytes = 0;
  std::uint8_t mki_bytes = 0;                  // they are leg->details->mki
  std::uint8_t null_cipher = 0;                // SRTCP: E = 0
};
static_assert(sizeof(FanoutEntry) == 64);

// Everyone whom one worker seals for, of one stream. rtcp entries hold the SRTCP keys; their state is that of the SRTP entry.
struct Fanout {
  const FanoutEntry* rtp = nullptr;
  const FanoutEntry* rtcp = nullptr;
  std::uint32_t rtp_count = 0;
  std::uint32_t rtcp_count = 0;
};

// Loudness of a leg, for the election of speakers. `level` is written by the leg's owner, `open` by the main thread.
struct alignas(64) SpeakerGate {
  std::atomic<std::uint32_t> level{0};     // smoothed, 1/256 dB above silence (0 = -127 dBov or nothing heard)
  std::atomic<std::uint64_t> heard_tsc{0}; // when the level was written last
  std::atomic<bool> open{true};            // its media are forwarded
};

enum class HandOn : std::uint8_t { kSeal, kGroup, kRelay };

// What only some streams have: one packet for many receivers, other workers' receivers, a wide replay window, an elected speaker.
struct StreamDetails {
  const LegTx* const* copies = nullptr;      // group and relay: whom one packet goes to (SRTP)
  const LegTx* const* rtcp_copies = nullptr;
  std::uint32_t copy_count = 0;
  std::uint32_t rtcp_copy_count = 0;
  std::uint64_t shares = 0;                  // workers that seal for further receivers: bit i is worker i (spread conferences)
  crypto::WideWindow* wide = nullptr;        // replay window beyond 128 packets. The stream's owner's
  crypto::WideWindow* const* windows = nullptr;  // with such: as wide a send window per receiver that this worker seals for
  SpeakerGate* gate = nullptr;               // the leg's, when the conference forwards the loudest only
};

struct alignas(64) StreamRx {
  abi::StateSlot* state = nullptr;
  std::uint64_t leg_id = 0;
  std::uint32_t generation = 0;            // of the stream slot: tells whether it is still this stream's
  std::uint16_t replay_window = 128;       // packets
  HandOn hand_on = HandOn::kSeal;
  std::uint8_t audio_level_id = 0;         // 0: not looked for
  std::uint32_t slot = 0;                  // in WorkerTables::streams
  DropReason silent = DropReason::kSrtpNoReceiver;  // why nobody hears it, when nobody does
  bool rtp_heard = false;                  // somebody does
  bool has_gate = false, has_shares = false;        // details->gate, details->shares are set
  Fanout fanout;                           // of this worker; with a group key the one context that seals
  const StreamDetails* details = nullptr;  // nullptr for a stream that needs none
};
static_assert(sizeof(StreamRx) == 64);

// Part of a stream's receivers that another worker than the stream's owner seals for.
struct alignas(64) StreamShare {
  std::uint32_t generation = 0;            // equals the stream's
  std::uint64_t leg_id = 0;
  Fanout fanout;
  crypto::WideWindow* const* windows = nullptr;  // as StreamDetails::windows
};

// Names a place in a worker's tables and what to put there; nullptr unlinks.
struct Command {
  enum class Op : std::uint8_t { kSetFlow, kSetStream, kSetShare, kSetLegTx, kPurgeNextHop, kSetBucketOwner, kUnparkBucket, kSetSwarm, kSetPeer,
                                 kSetAdmission, kEraseAdmission, kAuditPeer };
  Op op = Op::kSetFlow;
  std::uint16_t port = 0;                  // kSetFlow
  std::uint16_t udp_port = 0;              // kSetFlow; kAuditPeer: chunks
  std::uint16_t address_index = 0;         // kSetFlow: into the port's addresses; kSetBucketOwner: worker
  std::uint32_t slot = 0;                  // kSetStream, kSetShare: stream slot; kSetLegTx: leg; kSetBucketOwner, kUnparkBucket: bucket;
                                           // kSetSwarm, kSetPeer, kAuditPeer: place among those
  const void* object = nullptr;            // LegRx, StreamRx, StreamShare, LegTx, NextHop, ppspp::Swarm, Peer or AdmissionView
};

}  // namespace mediaward::dataplane
