// SPDX-License-Identifier: Apache-2.0
// See remote_peer.h.
#include "bench/content/remote_peer.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "bench/support/conferences.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/ppspp_message.h"
#include "dataplane/wire/ppspp_writer.h"
#include "dataplane/wire/udp.h"

namespace mediaward::bench {
namespace {

namespace pp = dataplane::ppspp;
namespace wire = dataplane::wire;

void must(bool fits) {
  if (!fits) throw std::runtime_error("a message of the benchmark does not fit into its datagram");
}

}  // namespace

void finish_frame(dataplane::Packet& packet, const FrameEnds& ends, std::size_t datagram_bytes) {
  std::byte source[4], destination[4];
  store_be32(source, ends.source);
  store_be32(destination, ends.destination);
  const auto bytes = static_cast<std::uint16_t>(datagram_bytes);
  wire::write_ethernet(packet.data, kApplianceMac, kPeerMac, wire::kEtherIpv4, 0);
  wire::write_ipv4(packet.data + 14, source, destination, wire::kProtocolUdp, static_cast<std::uint16_t>(wire::kUdpBytes + bytes), 0, 64,
                   true);
  wire::write_udp(packet.data + 34, ends.source_port, ends.destination_port, bytes);
  packet.bytes = static_cast<std::uint32_t>(kDatagramOffset + datagram_bytes);
  packet.flags = dataplane::kRxL4ChecksumGood;
}

pp::Framing framing_of(const Content& content) {
  return {pp::Addressing::kChunk32, static_cast<std::uint8_t>(crypto::digest_bytes(content.hash())), 0, content.chunk_bytes()};
}

RemotePeer::RemotePeer(const Content& content, Role role, std::uint32_t address, std::uint32_t channel, std::uint32_t appliance,
                       std::size_t max_datagram)
    : content_(content),
      framing_(framing_of(content)),
      role_(role),
      address_(address),
      channel_(channel),
      appliance_(appliance),
      max_datagram_(max_datagram),
      room_for_hashes_(pp::room_for_hashes(framing_, max_datagram, content.chunk_bytes())) {
  restart();
}

void RemotePeer::restart() {
  theirs_ = 0;
  answer_due_ = false;
  due_.clear();
  to_ack_.clear();
  have_.assign(content_.chunks(), false);
  received_ = asked_ = 0;
}

void RemotePeer::read(ConstBytes datagram) {
  std::uint32_t id = 0;
  ConstBytes messages;
  if (!pp::split_channel(datagram, id, messages)) throw std::runtime_error("the appliance sent a datagram without channel");
  if (id != 0 && id != channel_) return;  // of a channel before this one
  pp::MessageReader reader(messages, framing_);
  pp::Message m;
  while (reader.next(m)) {
    if (m.type == pp::MessageType::kHandshake && m.channel == 0) return;  // the end of the channel
    if (m.type == pp::MessageType::kHandshake) theirs_ = m.channel, answer_due_ = true;
    if (m.type == pp::MessageType::kData) take_chunk(m.range.first, m.body);
    if (m.type != pp::MessageType::kRequest) continue;
    for (std::uint64_t c = m.range.first; c <= m.range.last; ++c) {
      if (c >= content_.chunks()) throw std::runtime_error("the appliance asked for a chunk that the content does not have");
      received_ += have_[c] ? 0 : 1;
      have_[c] = true;
      if (content_.hashes_before(c).size() > room_for_hashes_) due_.push_back({c, true});
      due_.push_back({c, false});
    }
  }
  if (reader.error() != pp::ParseError::kNone) throw std::runtime_error("the appliance sent what cannot be read");
}

void RemotePeer::take_chunk(std::uint64_t chunk, ConstBytes body) {
  if (chunk >= content_.chunks() || body.size() != content_.chunk_bytes() ||
      std::memcmp(body.data(), content_.chunk(chunk), body.size()) != 0)
    throw std::runtime_error("the appliance served another chunk than that of the content");
  received_ += have_[chunk] ? 0 : 1;
  have_[chunk] = true;
  to_ack_.push_back(chunk);
}

std::size_t RemotePeer::pending() const noexcept {
  if (theirs_ == 0) return 0;
  if (answer_due_) return 1;
  if (role_ == Role::kSeeder) return due_.size();
  return !to_ack_.empty() || asked_ == 0 ? 1 : 0;
}

void RemotePeer::write(dataplane::Packet& packet) {
  const Bytes room{packet.data + kDatagramOffset, std::min<std::size_t>(max_datagram_, packet.room - kDatagramOffset)};
  const std::size_t bytes = answer_due_ ? write_answer(room) : role_ == Role::kSeeder ? write_chunk(room) : write_acks(room);
  finish_frame(packet, {address_, appliance_}, bytes);
}

std::size_t RemotePeer::write_answer(Bytes room) {
  pp::HandshakeOptions o;
  o.set_version(pp::kPpsppVersion, pp::kPpsppVersion);
  o.present &= static_cast<std::uint16_t>(~(1u << static_cast<unsigned>(pp::OptionCode::kMinimumVersion)));
  o.set_integrity(pp::IntegrityMethod::kMerkleTree).set_merkle(static_cast<pp::MerkleFunction>(content_.hash()));
  o.set_addressing(framing_.addressing).set_supported(pp::kAllButPex).set_chunk_bytes(content_.chunk_bytes());
  pp::MessageWriter out(room, theirs_, framing_);
  must(out.handshake(channel_, o));
  if (role_ == Role::kSeeder) must(out.have({0, content_.chunks() - 1}));
  answer_due_ = false;
  return out.bytes().size();
}

// Hashes that do not fit beside their chunk go in a datagram ahead of it (RFC 7574 §5.3), by height descending.
std::size_t RemotePeer::write_chunk(Bytes room) {
  const Due due = due_.front();
  due_.pop_front();
  const auto nodes = content_.hashes_before(due.chunk);
  const std::size_t ahead = nodes.size() > room_for_hashes_ ? nodes.size() - room_for_hashes_ : 0;
  pp::MessageWriter out(room, theirs_, framing_);
  for (std::size_t i = due.hashes_only ? 0 : ahead; i < (due.hashes_only ? ahead : nodes.size()); ++i)
    must(out.integrity({crypto::first_chunk(nodes[i]), crypto::last_chunk(nodes[i])}, content_.digest(nodes[i])));
  if (!due.hashes_only) must(out.data({due.chunk, due.chunk}, 1, {content_.chunk(due.chunk), content_.chunk_bytes()}));
  return out.bytes().size();
}

std::size_t RemotePeer::write_acks(Bytes room) {
  pp::MessageWriter out(room, theirs_, framing_);
  for (const std::uint64_t chunk : to_ack_) must(out.ack({chunk, chunk}, kDelayUs));
  to_ack_.clear();
  const std::uint64_t until = std::min(content_.chunks(), received_ + kWindow);
  if (asked_ < until) must(out.request({asked_, until - 1}));
  asked_ = until;
  return out.bytes().size();
}

}  // namespace mediaward::bench
