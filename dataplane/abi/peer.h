// SPDX-License-Identifier: Apache-2.0
// The part of the contract between mediaward-controld and mediaward-dataplane (protocol.h) that concerns content distribution: swarms, who
// is admitted to them, preloaded content, what peers did, and evidence (RFC 7574; 3GPP TR 22.906).
// In a transaction a swarm is named before its admissions and its content. Plain structs; conventions are those of protocol.h.
#pragma once

#include "dataplane/abi/protocol.h"

namespace mediaward::abi {

inline constexpr std::size_t kMaxSwarmKeyBytes = 1040;  // a live swarm's RSA key of 8192 bits; a root hash has at most 64

enum class SwarmKind : std::uint8_t {
  kStatic = 1,  // one content, a Merkle tree; the key is its root hash (RFC 7574 §5)
  kLive = 2,    // a unified Merkle tree with signed munros; the key is DNSSEC algorithm and public key (RFC 7574 §6.1)
};
// Where the chunks come from. Unknown values are refused.
enum class SwarmSource : std::uint8_t {
  kPeers = 1,      // admitted peers that may provide
  kPreloaded = 2,  // SwarmContent with the content itself: nothing is fetched
};
// What is fetched from peers.
enum class FetchPolicy : std::uint8_t {
  kNothing = 1,   // chunks are taken only by a guard
  kOnDemand = 2,  // what an admitted receiver asks for
  kEverything = 3,  // all of it, in order, as far as the cache has room
};
enum class SignatureForm : std::uint8_t {
  kRfc7574 = 1,   // over chunk specification, NTP timestamp and munro hash (RFC 7574 §6.1.2.2)
  kLibswift = 2,  // over the munro hash only
};
enum SwarmFlags : std::uint32_t {
  kSwarmGuardDrops = 1u << 0,      // a guard drops what it cannot judge; otherwise it passes
  kSwarmGuardOnly = 1u << 1,       // known to guards; the appliance is no peer of it
  kSwarmMetadataSigned = 1u << 2,  // the daemon checked the content provider's signature over the metadata
};

// What follows from a verdict.
enum class ConductAction : std::uint8_t { kObserve = 1, kThrottle = 2, kBan = 3 };
enum class ConductVerdict : std::uint8_t {
  kTampering = 1,   // chunks that do not hash to the root
  kBlackHole,       // claims chunks, is asked for them, delivers none
  kSuspect,         // delivers few of those it is asked for
  kOverClaim,       // announces chunks that it does not have
  kUnderClaim,      // hides chunks that it has
  kFalseReport,     // its own report of bytes differs from what was counted
  kHashFlood,       // hashes without data
};
inline constexpr std::size_t kConductVerdicts = 7;

// Thresholds of the verdicts; 0 anywhere means the default of dataplane/ppspp/conduct.h. Ratios in thousandths.
struct ConductPolicy {
  std::uint32_t tamper_chunks = 0;             // BAD chunks
  std::uint32_t black_hole_requests = 0;       // chunks asked for
  std::uint32_t black_hole_ms = 0;             // age of the oldest; also at least 4 RTT + 2 s
  std::uint32_t suspect_requests = 0;
  std::uint32_t suspect_permille = 0;          // delivered of those asked for
  std::uint32_t over_claim_permille = 0;       // audited or requested chunks that were claimed and did not come
  std::uint32_t under_claim_permille = 0;
  std::uint32_t report_permille = 0;           // difference of reported and counted bytes
  std::uint64_t report_bytes = 0;              // below it reports are not judged
  std::uint32_t hash_flood_ratio = 0;          // INTEGRITY messages per DATA message
  std::uint32_t half_life_s = 0;               // of what lowers a score
  std::uint32_t audit_interval_s = 0;          // 0: no audits
  std::uint32_t audit_chunks = 0;              // claimed chunks asked for per audit
  std::uint32_t throttle_bytes_per_s = 0;
  std::uint32_t ban_s = 0;
  std::uint32_t black_hole_known_ms = 0;       // as black_hole_ms, of a peer that has delivered before
  std::uint32_t suspect_ms = 0;                // suspect and over-claim are judged over so long at least
  ConductAction actions[kConductVerdicts + 1] = {};  // by ConductVerdict; [0] unused
};

// Upsert. Validity, fetching, source, rate, ages and conduct of an existing swarm may change; everything else is fixed: remove and add.
struct Swarm {
  MessageHeader header;
  std::uint64_t swarm_id;
  SwarmKind kind;
  std::uint8_t hash;              // RFC 7574 §7.6: 0 SHA-1, 1 SHA-224, 2 SHA-256, 3 SHA-384, 4 SHA-512
  std::uint8_t addressing;        // RFC 7574 §7.8: 0, 2, 3, 4 (64-bit byte ranges are not offered)
  SwarmSource source;
  FetchPolicy fetch;
  SignatureForm signature_form;   // live
  std::uint8_t munro_level;       // live: log2 of chunks per signature, 1-16
  std::uint8_t stored_level;      // of hashes: 0 all levels are kept; k: only levels from k on, the others are computed again
  std::uint32_t chunk_bytes;      // 1-65535
  std::uint32_t flags;            // SwarmFlags
  std::uint64_t content_bytes;    // static: exact length (RFC 7574 §3.1 (f)); live: 0
  std::uint64_t discard_window;   // live: chunks, all ones: everything (RFC 7574 §7.9)
  std::uint64_t expires_ns;       // CLOCK_REALTIME; 0: never
  std::uint64_t cache_quota_bytes;  // 0: all of the owner's share
  std::uint64_t send_bytes_per_s;   // to all peers together; 0: no limit
  std::uint32_t munro_max_age_ms; // live: a signed timestamp older than this is refused; 0: 30 s; all ones: never
  std::uint16_t key_bytes;
  std::uint8_t reserved[2];
  ConductPolicy conduct;
  std::uint8_t key[kMaxSwarmKeyBytes];
};

enum AdmissionFlags : std::uint32_t {
  kAdmitProvide = 1u << 0,   // chunks are asked for and taken from this peer
  kAdmitReceive = 1u << 1,   // chunks are served to this peer
  kAdmitConnect = 1u << 2,   // the appliance sends the first HANDSHAKE: address and port are exact
  kAdmitLibswift = 1u << 3,  // the peer is libswift: its deviations from RFC 7574 are tolerated
};

// Upsert. Without one that matches, a peer gets no answer. The longest prefix wins, then the one with a port.
struct Admission {
  MessageHeader header;
  std::uint64_t admission_id;
  std::uint64_t swarm_id;
  char port_name[32];              // of the data plane's configuration
  Family family;
  std::uint8_t prefix_bits;        // 32 or 128: one address
  std::uint8_t rank;               // of several that provide, the lowest is asked first
  std::uint8_t reserved;
  std::uint16_t udp_port;          // the peer's; 0: any
  std::uint8_t reserved2[2];
  std::uint8_t address[16];
  std::uint8_t local_address[16];  // kAdmitConnect: which of the port's addresses is used; all zero: the first of the family
  std::uint32_t flags;             // AdmissionFlags
  std::uint32_t max_peers;         // of a prefix: so many at once; 0: 64
  std::uint64_t expires_ns;        // CLOCK_REALTIME; 0: never
  std::uint64_t send_bytes_per_s;  // to each peer; 0: no limit
};

// Comes with a sealed memfd by SCM_RIGHTS, which the data plane maps and checks against the swarm's root before it uses any of it.
enum class ContentKind : std::uint8_t {
  kLeafHashes = 1,  // one digest per chunk
  kContent = 2,     // the bytes of the content
};
struct SwarmContent {
  MessageHeader header;
  std::uint64_t swarm_id;
  ContentKind kind;
  std::uint8_t reserved[7];
  std::uint64_t bytes;             // of the memfd
};

// Not desired state; alone in its transaction.
enum class PeerCommandKind : std::uint8_t {
  kUnban = 1,   // a ban or throttle ends now, and what led to it is forgotten
  kBan = 2,     // for `a` seconds
  kReport = 3,  // the peer's own report to the AS (RFC 7846 §4.1.3 STAT_REPORT): a uploaded, b downloaded bytes, with this appliance
};
struct PeerCommand {
  MessageHeader header;
  std::uint64_t swarm_id;
  PeerCommandKind kind;
  Family family;
  std::uint8_t complete;           // kReport: that is all it exchanged with this appliance, and nothing else. Too much is found as well
  std::uint8_t reserved[5];
  Endpoint peer;                   // udp_port 0: every port of the address
  std::uint64_t a, b;
};

struct SwarmInfo {
  MessageHeader header;
  std::uint64_t swarm_id;
  std::uint32_t worker;            // that owns it
  std::uint32_t peers;             // with a channel
  std::uint64_t chunks;            // of the content; live: highest seen + 1
  std::uint64_t chunks_held;       // in the cache
  std::uint64_t chunks_verified;   // OK so far, each chunk counted once per arrival
  std::uint64_t chunks_bad, chunks_unverifiable, chunks_duplicate;
  std::uint64_t chunks_evicted, chunks_refetched;
  std::uint64_t cached_bytes, received_bytes, served_bytes;  // of chunks
  std::uint64_t hash_calls;
  std::uint8_t leaves_preloaded;   // every chunk costs one hash
  std::uint8_t complete;           // every chunk is held, or was
  std::uint8_t expired;
  std::uint8_t reserved[5];
};

struct PeerInfo {
  MessageHeader header;
  std::uint64_t swarm_id;
  std::uint64_t admission_id;
  Family family;
  std::uint8_t score;              // 0-100, 100 is good
  std::uint8_t verdicts;           // bit v: ConductVerdict v stands
  std::uint8_t action;             // ConductAction in force, 0 none
  std::uint32_t channels;
  Endpoint peer;
  std::uint64_t ban_ends_ns;       // CLOCK_REALTIME, 0: not banned
  std::uint64_t claimed, requested, delivered, bad, unverifiable, late, timed_out, unrequested, duplicate;
  std::uint64_t integrity_messages, data_messages, audits, audits_answered;
  std::uint64_t received_bytes, sent_bytes, acknowledged_bytes;
  std::uint64_t rtt_us, congestion_window_bytes;
};

// One BAD chunk or other proof against a peer.
enum class EvidenceKind : std::uint8_t {
  kBadChunk = 1,      // its bytes do not hash to a verified node
  kBadHash = 2,       // an INTEGRITY differs from a verified node
  kBadSignature = 3,  // of a munro
};
struct EvidenceMessage {
  MessageHeader header;
  std::uint64_t swarm_id;
  std::uint64_t time_ns;           // CLOCK_REALTIME
  EvidenceKind kind;
  Family family;
  std::uint8_t node_level;         // where what was computed differs from what is verified
  std::uint8_t from_guard;         // 1: seen in passing
  std::uint32_t channel;           // destination channel of the datagram
  std::uint64_t node_index;
  std::uint64_t chunk;
  Endpoint peer;                   // who sent it
  Endpoint local;                  // whom it was sent to
  std::uint32_t bytes;             // of the chunk
  std::uint32_t worker;
  std::uint8_t digest[64];         // of the chunk under the swarm's hash: what was received
};

static_assert(is_message<Swarm> && is_message<Admission> && is_message<PeerInfo> && is_message<EvidenceMessage>);

}  // namespace mediaward::abi
