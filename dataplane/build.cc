// SPDX-License-Identifier: Apache-2.0
// From staged objects to what workers look up: legs, header templates, fan-out lists, and the commands that put them into the tables.
// Everything is made whole here, before the first worker hears of it. See core.h. Main thread.
#include <algorithm>
#include <cstring>

#include "dataplane/checksum.h"
#include "dataplane/core.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/udp.h"

namespace mediaward::dataplane {
namespace {

using crypto::JobOp;
using crypto::Transform;

JobOp open_op(const crypto::SuiteInfo& suite) { return suite.transform == Transform::kAesGcm ? JobOp::kGcmOpen : JobOp::kCmOpen; }
JobOp seal_op(const crypto::SuiteInfo& suite) { return suite.transform == Transform::kAesGcm ? JobOp::kGcmSeal : JobOp::kCmSeal; }

std::shared_ptr<LegRx> make_rx(const LegObject& leg, const Directory<StreamObject>& streams, std::size_t owner) {
  auto rx = std::make_shared<LegRx>();
  std::memcpy(rx->remote_address, leg.remote.bytes.data(), sizeof rx->remote_address);
  rx->remote_port_raw = Be16(leg.remote_port).raw();
  rx->family = leg.remote.family;
  rx->may_receive_from = (leg.flags & abi::kLegMayReceiveFrom) != 0;
  rx->open_op = open_op(leg.receive_key->suite());
  rx->tag_bytes = leg.receive_key->suite().tag_bytes;
  rx->key = leg.receive_key->context(owner);
  std::memcpy(rx->salt, leg.receive_key->salt().data(), sizeof rx->salt);
  rx->leg_id = leg.id;
  for (const std::uint64_t id : leg.streams) {
    const std::uint32_t ssrc = streams.find(id)->ssrc;
    const auto& slot = *leg.receive_slots.at(ssrc);
    if (!slot.torn(leg.receive_key->fingerprint())) rx->storage.push_back({ssrc, slot.index()});
  }
  rx->ssrcs = rx->storage.data();
  rx->ssrc_count = static_cast<std::uint16_t>(rx->storage.size());
  if (rx->ssrc_count != 0) rx->first = rx->storage.front();
  return rx;
}

// Ethernet, IP and UDP header towards a leg, with lengths, checksums and the destination MAC still 0.
void write_template(LegTx& tx, const LegObject& leg, const PortSettings& port) {
  const IpAddress& local = port.addresses[leg.address_index].address;
  const bool v4 = local.family == Family::kIpv4;
  const auto tos = static_cast<std::uint8_t>(leg.dscp << 2);  // RFC 2474 §3
  std::byte* out = tx.header;
  tx.l2_bytes = static_cast<std::uint8_t>(wire::write_ethernet(out, {}, port.mac, v4 ? wire::kEtherIpv4 : wire::kEtherIpv6, port.vlan));
  std::byte* l3 = out + tx.l2_bytes;
  std::uint64_t pseudo;
  if (v4) {
    tx.l3_bytes = wire::kIpv4Bytes;
    wire::write_ipv4(l3, local.bytes.data(), leg.remote.bytes.data(), wire::kProtocolUdp, 0, tos, wire::kDefaultTtl, false);
    store_be16(l3 + 2, 0);
    tx.ip_sum = fold_checksum(add_checksum({l3, wire::kIpv4Bytes}));
    pseudo = pseudo_header_v4(local.bytes.data(), leg.remote.bytes.data(), wire::kProtocolUdp, 0);
  } else {
    tx.l3_bytes = wire::kIpv6Bytes;
    wire::write_ipv6(l3, local.bytes.data(), leg.remote.bytes.data(), wire::kProtocolUdp, 0, tos, wire::kDefaultTtl);
    pseudo = pseudo_header_v6(local.bytes.data(), leg.remote.bytes.data(), wire::kProtocolUdp, 0);
  }
  tx.pseudo_sum = fold_checksum(pseudo);
  wire::write_udp(l3 + tx.l3_bytes, leg.local_port, leg.remote_port, 0);
  tx.header_bytes = static_cast<std::uint8_t>(tx.l2_bytes + tx.l3_bytes + wire::kUdpBytes);
  tx.max_udp_payload = static_cast<std::uint16_t>(port.mtu - tx.l3_bytes - wire::kUdpBytes);
}

std::shared_ptr<LegTx> make_tx(const LegObject& leg, const PortSettings& port) {
  auto tx = std::make_shared<LegTx>();
  tx->hop = leg.hop.get();
  tx->leg_id = leg.id;
  tx->port = leg.port;
  tx->family = leg.remote.family;
  tx->generation = leg.number->handle().generation;
  write_template(*tx, leg, port);
  return tx;
}

}  // namespace

Core::Check Core::build(Plan& plan) {
  unlink_removed(plan);
  for (const std::uint64_t id : dirty_legs_) build_leg(legs_.edit(id), plan);
  for (const std::uint64_t id : touched_conferences_) {
    const std::set<std::uint64_t> legs = conferences_.find(id)->legs;
    for (const std::uint64_t leg : legs) {
      const std::set<std::uint64_t> streams = legs_.find(leg)->streams;
      for (const std::uint64_t stream : streams)
        if (auto ok = build_stream(streams_.edit(stream), plan); !ok) return ok;
    }
  }
  return {};
}

void Core::unlink_removed(Plan& plan) {
  for (const auto& [id, staged] : legs_.staged()) {
    const LegObject* before = legs_.committed(id);
    if (before == nullptr || (staged != nullptr && staged->number == before->number)) continue;
    Command flow{Command::Op::kSetFlow, before->port, before->local_port, before->address_index, 0, nullptr};
    plan[owner_of(*before)].push_back(flow);
    for (auto& commands : plan) commands.push_back({Command::Op::kSetLegTx, 0, 0, 0, before->number->handle().slot, nullptr});
  }
  for (const auto& [id, staged] : streams_.staged()) {
    const StreamObject* before = streams_.committed(id);
    if (before == nullptr || before->rx == nullptr || (staged != nullptr && staged->generation == before->generation)) continue;
    const LegObject* leg = legs_.committed(before->leg);
    plan[owner_of(*leg)].push_back({Command::Op::kSetStream, 0, 0, 0, leg->receive_slots.at(before->ssrc)->index(), nullptr});
  }
}

void Core::build_leg(LegObject& leg, Plan& plan) {
  const std::size_t owner = owner_of(leg);
  for (const std::uint64_t id : leg.streams) {  // only a new key makes a slot usable again that a crash left half-written
    const auto& slot = *leg.receive_slots.at(streams_.find(id)->ssrc);
    if (slot.torn(leg.receive_key->fingerprint())) staged_notices_.push_back({leg.id, slot.state().ssrc});
  }
  leg.rx = make_rx(leg, streams_, owner);
  leg.tx = make_tx(leg, settings_.ports[leg.port]);
  plan[owner].push_back({Command::Op::kSetFlow, leg.port, leg.local_port, leg.address_index, 0, leg.rx.get()});
  for (auto& commands : plan) commands.push_back({Command::Op::kSetLegTx, 0, 0, 0, leg.number->handle().slot, leg.tx.get()});
}

Core::Check Core::build_stream(StreamObject& stream, Plan& plan) {
  const LegObject& leg = *legs_.find(stream.leg);
  const auto& slot = *leg.receive_slots.at(stream.ssrc);
  const std::size_t owner = owner_of(leg);
  stream.rx = nullptr;
  auto rx = std::make_shared<StreamRx>();
  rx->state = &slot.state();
  rx->generation = stream.generation;
  rx->leg_id = leg.id;
  for (const std::uint64_t receiver : conferences_.find(leg.conference)->legs) {
    if (receiver == leg.id) continue;
    if (auto ok = add_receiver(*rx, stream, receiver, owner); !ok)
      return tl::unexpected(Refusal{ok.error().code, 0, stream.id, "stream", ok.error().message});
  }
  if (slot.torn(leg.receive_key->fingerprint())) return {};  // the receivers' slots are taken all the same: their indexes are not lost
  rx->fanout = rx->storage.data();
  rx->fanout_count = static_cast<std::uint32_t>(rx->storage.size());
  stream.rx = rx;
  plan[owner].push_back({Command::Op::kSetStream, 0, 0, 0, slot.index(), rx.get()});
  return {};
}

Result<void> Core::add_receiver(StreamRx& rx, const StreamObject& stream, std::uint64_t receiver_id, std::size_t worker) {
  if ((legs_.find(receiver_id)->flags & abi::kLegMaySendTo) == 0) return {};
  LegObject& receiver = legs_.edit(receiver_id);
  const std::uint64_t key = receiver.send_key->fingerprint();
  auto& slot = receiver.send_slots[stream.ssrc];
  // A source that begins anew under a key that never sealed for its SSRC owes nothing to the indexes of an earlier one.
  const StreamObject* before = streams_.committed(stream.id);
  const bool begins = stream.begins && (before == nullptr || before->generation != stream.generation);
  if (slot == nullptr || (begins && slot->identity().key_fingerprint != key)) {
    auto taken = take_slot(abi::SlotKind::kSend, receiver_id, stream.id, stream.ssrc, *receiver.send_key);
    if (!taken) return tl::unexpected(taken.error());
    slot = std::move(*taken);
  }
  if (slot->torn(key)) {
    staged_notices_.push_back({receiver_id, stream.ssrc});
    return {};
  }
  FanoutEntry entry;
  entry.state = &slot->state();
  entry.key = receiver.send_key->context(worker);
  entry.leg = receiver.tx.get();
  std::memcpy(entry.salt, receiver.send_key->salt().data(), sizeof entry.salt);
  entry.ssrc_out = stream.ssrc;
  entry.leg_handle = receiver.number->handle();
  entry.seal_op = seal_op(receiver.send_key->suite());
  entry.tag_bytes = receiver.send_key->suite().tag_bytes;
  rx.storage.push_back(entry);
  return {};
}

}  // namespace mediaward::dataplane
