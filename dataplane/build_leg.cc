// SPDX-License-Identifier: Apache-2.0
// Legs as workers see them: the receive side with its keys and SSRCs, header templates of the send side, and what stands for all
// receivers of a group key. See core.h. Main thread.
#include <algorithm>
#include <cstring>

#include "dataplane/core.h"
#include "dataplane/udp_path.h"

namespace mediaward::dataplane {
namespace {

KeyView view_of(const KeyMaterial& key, std::size_t worker, bool relay) {
  const crypto::SuiteInfo& suite = key.suite();
  KeyView view;
  view.srtp = key.srtp(worker);
  view.srtcp = key.srtcp(worker);
  std::memcpy(view.srtp_salt, key.srtp_salt().data(), sizeof view.srtp_salt);
  std::memcpy(view.srtcp_salt, key.srtcp_salt().data(), sizeof view.srtcp_salt);
  view.usage = key.usage();
  view.op = relay ? suite.check : suite.open;
  view.check = suite.check;
  view.tag_bytes = suite.tag_bytes;
  view.srtcp_tag_bytes = suite.srtcp_tag_bytes;
  view.mki_bytes = static_cast<std::uint8_t>(key.mki().size());
  view.null_cipher = suite.transform == crypto::Transform::kNullHmacSha1 ? 1 : 0;
  return view;
}

bool needs_details(const LegObject& leg, bool binds) {
  return binds || leg.latches() || leg.receive_keys.size() > 1 || (!leg.receive_keys.empty() && !leg.receive_keys.front()->mki().empty());
}

// Source and learning at one UDP port: of RTP, or of RTCP on a port of its own.
void set_source(RxSide& side, const LegObject& leg, bool rtcp) {
  const Remote remote = leg.remote();
  LegRx& rx = side.rx;
  std::memcpy(rx.remote_address, remote.address.bytes.data(), sizeof rx.remote_address);
  rx.remote_port_raw = Be16(rtcp ? remote.rtcp_port : remote.port).raw();
  rx.family = leg.family;
  if (!leg.latches()) return;
  LegRxDetails& details = *side.details;
  details.bound = (rtcp ? leg.learned.rtcp_port : leg.learned.port) != 0;
  details.relatch = leg.source_policy == abi::SourcePolicy::kRelatch;
  if (!details.bound || details.relatch) rx.flags |= kRxLatching;
  details.filter_bytes = static_cast<std::uint8_t>(leg.filter.bits / 8);
  details.filter_mask = static_cast<std::byte>(0xff00u >> (leg.filter.bits % 8));
  std::memcpy(details.filter, leg.filter.address.bytes.data(), sizeof details.filter);
}

void set_keys(RxSide& side, const LegObject& leg, std::size_t worker, bool relay) {
  side.rx.key_count = static_cast<std::uint8_t>(leg.receive_keys.size());
  if (!leg.receive_keys.empty()) side.rx.key = view_of(*leg.receive_keys.front(), worker, relay);
  for (const auto& key : leg.receive_keys) side.rx.counts_use = side.rx.counts_use || key->usage() != nullptr || leg.receive_keys.size() > 1;
  if (side.details == nullptr) return;
  for (std::size_t i = 0; i < leg.receive_keys.size(); ++i) {
    const KeyMaterial& key = *leg.receive_keys[i];
    if (i != 0) side.details->more_keys[i - 1] = view_of(key, worker, relay);
    std::copy(key.mki().begin(), key.mki().end(), side.details->mkis[i]);
  }
  side.details->preferred = leg.preferred.get();
}

std::uint8_t policy_flags(const LegObject& leg, bool relay) {
  unsigned flags = 0;
  if (leg.has(abi::kLegMayReceiveFrom)) flags |= kRxMayReceive;
  if (!leg.forwards_rtcp()) flags |= kRxDropRtcp;
  if (leg.has(abi::kLegSrtcpPlain)) flags |= kRxPlainRtcp;
  if (relay) flags |= kRxRelay;
  return static_cast<std::uint8_t>(flags);
}

void set_seal_terms(TxBundle& bundle, const KeyList& keys) {
  bundle.rtp.details = &bundle.details;
  if (keys.empty()) return;
  bundle.key = keys.front();
  bundle.details = {bundle.key->lifetime(), bundle.key->mki().data()};
}

std::shared_ptr<const TxBundle> make_tx(const LegObject& leg, const PortSettings& port, TableMemory& memory) {
  const Remote remote = leg.remote();
  if (remote.port == 0) return nullptr;
  const IpAddress& local = port.addresses[leg.address_index].address;
  auto bundle = memory.make<TxBundle>();
  LegTx& tx = bundle->rtp;
  tx.hop = leg.hop.get();
  tx.object_id = leg.id;
  tx.port = leg.port;
  tx.handle = leg.number->handle();
  set_seal_terms(*bundle, leg.send_keys);
  bundle->sends_rtcp = remote.rtcp_port != 0;
  tx.rtcp = &tx;
  if (leg.own_rtcp_port() && bundle->sends_rtcp) {
    bundle->rtcp = memory.make<LegTx>(tx);
    write_template(*bundle->rtcp, port, {local, remote.address, static_cast<std::uint16_t>(leg.local_port + 1), remote.rtcp_port}, leg.dscp);
    bundle->rtcp->rtcp = tx.rtcp = bundle->rtcp.get();
  }
  write_template(tx, port, {local, remote.address, leg.local_port, remote.port}, leg.dscp);
  return bundle;
}

}  // namespace

void Core::build_leg(LegObject& leg, bool send_side, Plan& plan) {
  const std::size_t worker = owner_of(leg);
  const bool relay = conferences_.find(leg.conference)->relay();
  auto bundle = tables_.make<RxBundle>();
  LegRx& rx = bundle->rtp.rx;
  rx.leg_id = leg.id;
  rx.flags = policy_flags(leg, relay);
  std::uint32_t bind_roc = 0;
  for (auto id = leg.streams.end(); id != leg.streams.begin();) {  // the first free place is the next to be bound
    const StreamObject& stream = *streams_.find(*--id);
    if (stream.ssrc == 0) {
      if (leg.ssrc_policy == abi::SsrcPolicy::kFirstAuthenticated) rx.flags |= kRxBindsSsrc;
      bind_roc = stream.initial_roc;
      continue;
    }
    const SlotPtr slot = book_->find({abi::SlotKind::kReceive, leg.id, stream.ssrc});
    const bool half_written = torn(*slot, leg);
    (void)note_use(slot, leg.receive_fingerprint(), stream.id, worker, half_written);
    if (half_written) {  // only a new key makes a slot usable again that a crash left half-written
      staged_notices_.push_back({leg.id, stream.ssrc});
      continue;
    }
    bundle->ssrcs.push_back({stream.ssrc, slot->index()});
    if (stream.rx == nullptr) dirty_streams_.insert(stream.id);  // it may be that key
  }
  std::reverse(bundle->ssrcs.begin(), bundle->ssrcs.end());
  rx.ssrcs = bundle->ssrcs.data();
  rx.ssrc_count = static_cast<std::uint16_t>(bundle->ssrcs.size());
  if (rx.ssrc_count != 0) rx.first = bundle->ssrcs.front();
  if (leg.own_rtcp_port()) {
    bundle->rtcp = tables_.make<RxSide>();
    bundle->rtcp->rx = rx;
    bundle->rtcp->rx.flags |= kRxRtcp;
  } else {
    rx.flags |= kRxRtcp;
  }
  rx.flags |= kRxRtp;
  const bool detailed = needs_details(leg, (rx.flags & kRxBindsSsrc) != 0);
  for (RxSide* side : {&bundle->rtp, bundle->rtcp.get()}) {
    if (side == nullptr) continue;
    if (detailed) {
      side->details = tables_.make<LegRxDetails>();
      side->details->bind_roc = bind_roc;
      side->rx.details = side->details.get();
    }
    set_keys(*side, leg, worker, relay);
    set_source(*side, leg, side == bundle->rtcp.get());
  }

  leg.rx = bundle;
  leg.worker = static_cast<std::uint8_t>(worker);
  const auto set_flow = [&](std::uint16_t udp_port, const LegRx& object) {
    plan[worker].push_back({Command::Op::kSetFlow, leg.port, udp_port, leg.address_index, 0, &object});
  };
  set_flow(leg.local_port, rx);
  if (bundle->rtcp != nullptr) set_flow(static_cast<std::uint16_t>(leg.local_port + 1), bundle->rtcp->rx);
  if (!send_side) return;
  leg.tx = make_tx(leg, settings_.ports[leg.port], tables_);
  if (leg.tx == nullptr) return;
  for (auto& commands : plan) commands.push_back({Command::Op::kSetLegTx, 0, 0, 0, leg.number->handle().slot, &leg.tx->rtp});
}

// What one sealed packet for all receivers needs: no header, buffers of one of their ports, room for whoever has most.
void Core::build_group(ConferenceObject& conference) {
  auto bundle = tables_.make<TxBundle>();
  LegTx& tx = bundle->rtp;
  const LegTx* lender = nullptr;
  for (const std::uint64_t id : conference.legs) {
    const auto& receiver = legs_.find(id)->tx;
    if (receiver == nullptr) continue;
    if (lender == nullptr) lender = &receiver->rtp;
    tx.max_udp_payload = std::max(tx.max_udp_payload, receiver->rtp.max_udp_payload);
  }
  if (lender != nullptr) {
    tx.port = lender->port;
    tx.family = lender->family;
  }
  tx.object_id = conference.id;
  tx.rtcp = &tx;
  set_seal_terms(*bundle, conference.group_keys);
  conference.group_tx = std::move(bundle);
}

}  // namespace mediaward::dataplane
