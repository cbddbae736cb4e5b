// SPDX-License-Identifier: Apache-2.0
// The contract between mediaward-controld and mediaward-dataplane: plain structs over one SEQPACKET unix socket, one struct per
// datagram, each beginning with MessageHeader. The data plane listens, one controller at a time is served; both programs are
// released together, so kProtocolVersion must match exactly.
//
// Conversation:
//   controller: Hello (+ fd of a state region it kept, optional)      data plane: HelloReply (+ fds: stats region, state region)
//   controller: Begin, any objects, End                               data plane: TransactionReply (once every worker applied it)
//   controller: Query                                                 data plane: info messages, then QueryEnd
//   at any time                                                       data plane: EventMessage
// A transaction is all or nothing. Begin.resync = 1 marks a transaction that names everything: what it does not name is removed
// (BEGIN ... END after a restart of either side). Objects must be named in the order conference, leg, stream, topology, swarm, admission,
// content (peer.h). Content of a swarm that has it already is not read again.
//
// Ids are 64-bit and chosen by the controller (stable across its restarts); 0 is not an id. Addresses: IPv4 is stored in the
// first 4 bytes of the 16. Multi-byte fields are host order except addresses. Strings are NUL-padded, last byte NUL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace mediaward::abi {

inline constexpr std::uint32_t kProtocolMagic = 0x4d574450;  // "MWDP"
inline constexpr std::uint32_t kProtocolVersion = 3;
inline constexpr std::size_t kMaxMessageBytes = 2048;

enum class MessageType : std::uint16_t {
  kHello = 1,
  kHelloReply,
  kBegin,
  kEnd,
  kTransactionReply,
  kConference,
  kConferenceRemove,
  kLeg,
  kLegRemove,
  kStream,
  kStreamRemove,
  kQuery,
  kPortInfo,
  kWorkerInfo,
  kEngineInfo,
  kMemoryInfo,
  kStageInfo,
  kPlanLine,
  kQueryEnd,
  kEvent,
  kNeighbourInfo,
  kTopology,
  kBucketMove,
  kSwarm,           // from here on: abi/peer.h
  kSwarmRemove,
  kAdmission,
  kAdmissionRemove,
  kSwarmContent,
  kPeerCommand,
  kSwarmInfo,
  kPeerInfo,
  kEvidence,
};

struct MessageHeader {
  MessageType type;
  std::uint16_t reserved = 0;
  std::uint32_t bytes;           // whole message including this header; must equal the datagram's size
  std::uint64_t transaction_id;  // of Begin..End and its reply; query id for Query; 0 otherwise
};

struct Hello {
  MessageHeader header;
  std::uint32_t magic = kProtocolMagic;
  std::uint32_t version = kProtocolVersion;
  std::uint32_t has_state_fd = 0;  // 1: SCM_RIGHTS carries the state region this controller kept
  std::uint32_t reserved = 0;
};

struct HelloReply {
  MessageHeader header;
  std::uint32_t magic = kProtocolMagic;
  std::uint32_t version = kProtocolVersion;
  std::uint64_t boot_id;         // random per start of the data plane
  std::uint32_t state_adopted;   // 1: the offered state region is in use
  std::uint32_t worker_count;
  std::uint32_t max_legs;
  std::uint32_t max_streams;
  std::uint64_t applied_transaction;  // last transaction that all workers applied, 0 at first
  char release[32];
  // fds by SCM_RIGHTS: [0] stats region (read-only), [1] state region (read-write, to be kept and offered again)
};

struct Begin {
  MessageHeader header;
  std::uint32_t resync = 0;
  std::uint32_t dry_run = 0;  // validate everything, change nothing
};
struct End {
  MessageHeader header;
  std::uint32_t operation_count = 0;  // messages between Begin and End: a lost one fails the transaction
  std::uint32_t reserved = 0;
};

// Numeric values equal mediaward::ErrorCode.
struct TransactionReply {
  MessageHeader header;
  std::uint32_t code;             // 0: applied by every worker concerned
  std::uint32_t operation_index;  // of the refused message, counted from 0
  std::uint64_t object_id;
  char field[48];                 // "leg.local.port"
  char message[256];
};

// Numeric suite values are crypto::Suite. A master key and salt, as SDES (RFC 4568) or the AS made them.
struct Key {
  std::uint8_t suite = 0;              // 0: no key
  std::uint8_t key_bytes = 0;
  std::uint8_t salt_bytes = 0;
  std::uint8_t mki_bytes = 0;          // 0-128 (RFC 3711 §3.1)
  std::uint8_t reserved[4] = {};
  std::uint8_t key[32] = {};
  std::uint8_t salt[16] = {};
  std::uint8_t mki[128] = {};
  std::uint64_t lifetime_packets = 0;        // SRTP, at most 2^48; 0: that limit (RFC 3711 §9.2)
  std::uint64_t lifetime_srtcp_packets = 0;  // SRTCP, at most 2^31; 0: that limit
};

// How the media of a conference are handed on. Unknown values are refused. Fixed for the life of the conference.
enum class ForwardingMode : std::uint8_t {
  kPerParticipantKeys = 1,  // opened once, sealed for every receiver under that receiver's key
  kGroupKey = 2,            // opened once, sealed once under the conference's group key, the same packet sent to every receiver
  kRelay = 3,               // never decrypted: authenticated where the sender's key is known, then sent on untouched
};

enum ConferenceFlags : std::uint32_t {
  kConferenceSpread = 1u << 0,  // receivers are shared out over all workers (a conference larger than a core). Fixed for its life
};

inline constexpr std::size_t kMaxGroupKeys = 2;  // the one in force and a staged one
struct Conference {
  MessageHeader header;
  std::uint64_t conference_id;
  ForwardingMode mode;
  std::uint8_t group_key_count;        // kGroupKey: 1 or 2, otherwise 0
  std::uint8_t loudest;                // active-speaker switching: only the legs with the k highest audio levels are forwarded; 0: all
  std::uint8_t hysteresis_db;          // a newcomer must be louder than a speaker by this much to take his place
  std::uint16_t hold_ms;               // a speaker keeps his place at least so long
  std::uint8_t reserved[2];
  std::uint32_t flags;                 // ConferenceFlags
  Key group_keys[kMaxGroupKeys];       // [0] seals
};
// kConferenceRemove (must be empty), kLegRemove (with its streams), kStreamRemove, kSwarmRemove (with its admissions), kAdmissionRemove
struct ObjectRemove {
  MessageHeader header;
  std::uint64_t object_id;
};

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

struct Endpoint {
  std::uint8_t address[16] = {};
  std::uint16_t udp_port = 0;
  std::uint8_t reserved[6] = {};
};

enum LegFlags : std::uint32_t {
  kLegMayReceiveFrom = 1u << 0,  // packets from this participant are accepted (not a receive-only leg)
  kLegMaySendTo = 1u << 1,       // packets are sent to this participant (not a send-only leg)
  kLegMuted = 1u << 2,           // what this participant sends is opened, so that its indexes go on, and not forwarded
  kLegRtcpMux = 1u << 3,         // SRTCP shares the RTP ports (RFC 5761); otherwise it has ports of its own
  kLegSrtcpPlain = 1u << 4,      // SRTCP with E = 0 (authenticated, not encrypted) is accepted from this participant
};

// Whose packets are accepted, by source address. Whatever is learned is learned from packets that passed their tag.
enum class SourcePolicy : std::uint8_t {
  kExact = 1,    // only from Leg::remote
  kLatch = 2,    // the first authentic packet binds address and port
  kRelatch = 3,  // as kLatch, and a newer authentic packet from elsewhere moves them
};
enum class SsrcPolicy : std::uint8_t {
  kFixed = 1,               // only SSRCs of streams that the controller named
  kFirstAuthenticated = 2,  // streams with ssrc 0 are places that authentic packets of new SSRCs are bound to, with an event
};
enum class RtcpPolicy : std::uint8_t {
  kForward = 1,  // SRTCP is opened, checked, and sealed for the receivers
  kDrop = 2,     // SRTCP from and to this participant ends here
};

inline constexpr std::size_t kMaxKeysPerDirection = 4;

// Upsert. A leg is the unit of ownership: {port, VLAN, local address, local UDP port} with everything behind it.
// Changing local endpoint, conference or suite of an existing leg is refused: remove and add. Changing a key is a rekey:
// ROC and windows go on.
struct Leg {
  MessageHeader header;
  std::uint64_t leg_id;
  std::uint64_t conference_id;
  char port_name[32];            // of the data plane's configuration
  Family family;
  std::uint8_t dscp;             // 0-63, of what is sent to this participant
  SourcePolicy source_policy;
  SsrcPolicy ssrc_policy;
  RtcpPolicy rtcp_policy;
  std::uint8_t receive_key_count;     // 0 in a relay whose key is not known
  std::uint8_t send_key_count;        // 0 with a group key and in a relay
  std::uint8_t audio_level_id;        // header extension id of RFC 6464 (1-14; 15-255 with two-byte headers); 0: none
  std::uint32_t flags;                // LegFlags
  std::uint16_t replay_window;        // packets, 64-8192 (RFC 3711 §3.3.2); 0: 128
  std::uint8_t source_filter_bits;    // prefix length of source_filter; 0: any address
  std::uint8_t reserved;
  std::uint8_t source_filter[16];     // latching only accepts sources within
  Endpoint local;                     // media; RTCP, when not multiplexed, is on the next port, and local.udp_port is even
  Endpoint remote;                    // where to send, and with kExact the only source accepted; port 0 with latching: not known yet
  std::uint16_t remote_rtcp_port;     // without multiplexing; 0: remote.udp_port + 1
  std::uint8_t reserved2[6];
  // Several receive keys: told apart by MKI (all of one length), or, without MKI, at most two, tried by their tags.
  Key receive_keys[kMaxKeysPerDirection];  // the participant seals with one of them
  // [0] seals; the others are staged: expanded and ready to take its place.
  Key send_keys[kMaxKeysPerDirection];
};

struct Stream {
  MessageHeader header;
  std::uint64_t stream_id;
  std::uint64_t leg_id;          // the participant that sends it
  std::uint32_t ssrc;            // 0: a place for an SSRC that is not known yet (kFirstAuthenticated)
  std::uint32_t initial_roc;     // of a slot that does not exist yet; an existing slot keeps its own
};

// Who hears whom, between two legs of a conference (H.248.1 §7.1.18). What was not said is kBoth.
enum class TopologyRelation : std::uint8_t { kBoth = 1, kOneway = 2, kIsolate = 3 };
struct Topology {
  MessageHeader header;
  std::uint64_t conference_id;
  std::uint64_t leg_a, leg_b;
  TopologyRelation relation;     // kOneway: b hears a, a does not hear b
  std::uint8_t reserved[7];
};

// Gives the media ports of a bucket to another worker, without losing a packet. Not part of a transaction's desired state: a
// data plane that restarts distributes its buckets anew.
struct BucketMove {
  MessageHeader header;
  std::uint32_t bucket;          // 0-255
  std::uint32_t worker;
};

enum class QueryKind : std::uint32_t { kPorts = 1, kWorkers, kEngine, kMemory, kPipeline, kPlan, kNeighbours, kSwarms, kPeers };
struct Query {
  MessageHeader header;
  QueryKind kind;
  std::uint32_t reserved = 0;
  std::uint64_t object_id = 0;   // kSwarms: this one; kPeers: of this swarm; 0: all
};
struct QueryEnd {
  MessageHeader header;
  std::uint32_t code;
  std::uint32_t reserved = 0;
};

struct PortInfo {
  MessageHeader header;
  char name[32];
  char kind[16];
  char driver[32];
  char addresses[256];           // "192.0.2.1/24 2001:db8::1/64"
  std::uint8_t mac[6];
  std::uint8_t link_up;
  std::uint8_t reserved;
  std::uint32_t speed_mbps;      // 0 unknown
  std::uint16_t vlan;            // 0 untagged
  std::uint16_t mtu;
  std::uint16_t media_port_first, media_port_last;
  std::uint16_t rx_queues, tx_queues;
  std::int32_t numa_node;        // -1 unknown
  char offloads[96];             // "tx-ipv4-cksum tx-udp-cksum"
  std::uint64_t rx_packets, rx_bytes, rx_missed, rx_errors, rx_no_buffer, tx_packets, tx_bytes, tx_errors;
};
struct WorkerInfo {
  MessageHeader header;
  std::uint32_t index;
  std::int32_t cpu;
  std::int32_t numa_node;
  char idle_policy[16];
  char queues[96];               // "media0:0 media1:0"
  std::uint64_t loops;
  std::uint64_t busy_cycles, total_cycles;
  std::uint64_t applied_sequence;
  std::uint32_t buckets;         // owned, of 256
  std::uint32_t legs;
};
struct EngineInfo {
  MessageHeader header;
  char provider[32];
  char isa[16];
  char version[32];
  char reason[160];              // how it was chosen: "measured: avx512 41 ns, avx2 78 ns, sse 63 ns per packet"
  std::uint8_t self_test_passed;
  std::uint8_t in_use;
  std::uint8_t reserved[6];
};
struct MemoryInfo {
  MessageHeader header;
  char name[48];                 // "pool.media0", "arena.keys", "state.region"
  std::uint64_t capacity, in_use, unit_bytes;
  char page_kind[16];            // "hugetlb 2M", "thp", "4k"
};
struct StageInfo {               // one stage of one worker's pipeline, since start
  MessageHeader header;
  std::uint32_t worker;
  std::uint32_t reserved;
  char stage[32];
  std::uint64_t calls, items, cycles;
  std::uint64_t batch_histogram[8];  // batches of 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64-127, 128+
};
struct PlanLine {
  MessageHeader header;
  char text[256];
};
struct NeighbourInfo {
  MessageHeader header;
  char port_name[32];
  Family family;
  std::uint8_t mac[6];
  std::uint8_t state;            // 0 incomplete, 1 reachable, 2 stale, 3 probing, 4 failed
  std::uint8_t address[16];
};

enum class EventKind : std::uint32_t {
  kStarted = 1,          // reserved: HelloReply names the release
  kPortLink,             // a: port index, b: 1 up / 0 down
  kNeighbourResolved,
  kNeighbourFailed,      // text: address
  kDropSample,           // a: drop reason, b: packets dropped for it since the last sample; object_id: leg or 0; text: 5-tuple
  kRekeyRequired,        // the state slot of this stream or receiver was torn: object_id: leg
  kEventsLost,           // a: how many of this worker's since the last such event
  kWorkerStalled,        // a: worker
  kIndexReuse,           // a seal was refused: object_id: receiving leg, a: ssrc
  kAddressLatched,       // object_id: leg; text: address and port now in force
  kSsrcBound,            // object_id: leg, a: ssrc, b: stream id it was bound to
  kSsrcRefused,          // object_id: leg, a: ssrc; text: why (collision, no place left)
  kKeyExpiring,          // object_id: leg (group key: conference), a: packets used, b: lifetime; text: "receive srtp", "send srtcp", ...
  kKeyExpired,           // the same; nothing goes through this key any more
  kSpeakersChanged,      // object_id: conference, a: legs that are forwarded now; text: their ids in hex
  kBucketMoved,          // a: bucket, b: worker
  kPeerVerdict,          // object_id: swarm, a: ConductVerdict, b: ConductAction that was taken; text: peer and the figures that prove it
  kPeerCleared,          // object_id: swarm, a: ConductVerdict; text: peer: a verdict, ban or throttle ended
  kSwarmComplete,        // object_id: swarm, a: chunks
  kSwarmExpired,         // object_id: swarm
};
struct EventMessage {
  MessageHeader header;
  EventKind kind;
  std::uint32_t worker;
  std::uint64_t time_ns;         // CLOCK_REALTIME
  std::uint64_t object_id;
  std::uint64_t a, b;
  char text[128];
};

template <typename T>
inline constexpr bool is_message = std::is_trivially_copyable_v<T> && sizeof(T) <= kMaxMessageBytes;
static_assert(is_message<Leg> && is_message<Conference> && is_message<PortInfo> && is_message<EventMessage> && is_message<TransactionReply>);

}  // namespace mediaward::abi
