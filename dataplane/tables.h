// SPDX-License-Identifier: Apache-2.0
// What the packet path looks up: legs, streams and receivers, laid out by cache line. Every object is made whole by the main thread,
// is immutable from then on, and is replaced by a command: the only mutable thing behind these pointers is the state slot, which
// belongs to the worker that owns the stream.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/job.h"
#include "dataplane/abi/regions.h"
#include "dataplane/ip_address.h"

namespace mediaward::dataplane {

struct NextHop;

struct SsrcEntry {
  std::uint32_t ssrc = 0;
  std::uint32_t stream_slot = 0;
};

// Receive side of a leg.
struct alignas(64) LegRx {
  std::byte remote_address[16]{};
  std::uint16_t remote_port_raw = 0;      // network order, as it stands in the packet
  Family family = Family::kIpv4;
  bool may_receive_from = false;
  crypto::JobOp open_op = crypto::JobOp::kCmOpen;
  std::uint8_t tag_bytes = 0;
  std::uint16_t ssrc_count = 0;
  const crypto::KeyContext* key = nullptr;
  std::byte salt[16]{};
  SsrcEntry first;                         // most legs send one stream: no second line to look at
  const SsrcEntry* ssrcs = nullptr;        // all of them, ssrc_count
  // second line, cold
  std::uint64_t leg_id = 0;
  std::vector<SsrcEntry> storage;
};

// Send side of a leg: everything of an outgoing packet that does not change from packet to packet.
struct alignas(64) LegTx {
  NextHop* hop = nullptr;
  std::uint64_t leg_id = 0;
  std::uint16_t port = 0;
  std::uint16_t max_udp_payload = 0;       // bytes: the port's MTU less IP and UDP headers
  std::uint8_t header_bytes = 0;           // Ethernet (+ tag) + IP + UDP
  std::uint8_t l2_bytes = 0;
  std::uint8_t l3_bytes = 0;
  Family family = Family::kIpv4;
  std::uint32_t ip_sum = 0;                // one's complement sum of the IPv4 header without total length
  std::uint32_t pseudo_sum = 0;            // of the pseudo header without length
  std::byte header[72]{};                  // template; destination MAC, lengths and checksums are filled per packet
  std::uint32_t generation = 0;
};
static_assert(sizeof(LegTx) == 128);

// One receiver of one stream: the send context {ssrc_out, ROC offset, timestamp offset} and what sealing needs.
struct alignas(64) FanoutEntry {
  abi::StateSlot* state = nullptr;
  const crypto::KeyContext* key = nullptr;
  const LegTx* leg = nullptr;
  std::byte salt[16]{};
  std::uint32_t ssrc_out = 0;
  std::uint32_t timestamp_offset = 0;
  crypto::Handle leg_handle;
  crypto::JobOp seal_op = crypto::JobOp::kCmSeal;
  std::uint8_t tag_bytes = 0;
};
static_assert(sizeof(FanoutEntry) == 64);

struct alignas(64) StreamRx {
  abi::StateSlot* state = nullptr;
  const FanoutEntry* fanout = nullptr;
  std::uint32_t fanout_count = 0;
  std::uint32_t generation = 0;            // of the stream slot: matched against a job's handle
  std::uint64_t leg_id = 0;
  std::vector<FanoutEntry> storage;
};
static_assert(sizeof(StreamRx) == 64);

// Names a place in a worker's tables and what to put there; nullptr unlinks.
struct Command {
  enum class Op : std::uint8_t { kSetFlow, kSetStream, kSetLegTx, kPurgeNextHop };
  Op op = Op::kSetFlow;
  std::uint16_t port = 0;                  // kSetFlow
  std::uint16_t udp_port = 0;              // kSetFlow
  std::uint16_t address_index = 0;         // kSetFlow: into the port's addresses
  std::uint32_t slot = 0;                  // kSetStream, kSetLegTx
  const void* object = nullptr;            // LegRx, StreamRx, LegTx or NextHop
};

}  // namespace mediaward::dataplane
