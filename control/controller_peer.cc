// SPDX-License-Identifier: Apache-2.0
// What concerns peers and is no desired state: orders about one of them, what the data plane reports of their conduct, and the record of
// take-downs and bans. API threads; on_evidence and keep_verdict on the client's loop thread.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "control/controller.h"

namespace mediaward::control {

namespace {

// The peer that a text of the data plane begins with: "192.0.2.7:6778: 3 of 9 ...", "[2001:db8::7]:6778: ...", the same without a port.
// False: it begins with none.
bool parse_peer(std::string_view text, abi::Family& family, abi::Endpoint& out) {
  std::string_view word = text.substr(0, text.find(' '));
  if (word.ends_with(':')) word.remove_suffix(1);
  const bool bracketed = word.starts_with('[');
  const std::size_t colon = bracketed ? word.find("]:") : word.find(':');
  const bool has_port = colon != std::string_view::npos && (bracketed || word.find(':', colon + 1) == std::string_view::npos);
  if (has_port) {
    const std::string_view port = word.substr(colon + (bracketed ? 2 : 1));
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), out.udp_port);
    if (parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size()) return false;
    word = bracketed ? word.substr(1, colon - 1) : word.substr(0, colon);
  }
  family = word.find(':') != std::string_view::npos ? abi::Family::kIpv6 : abi::Family::kIpv4;
  return ::inet_pton(family == abi::Family::kIpv6 ? AF_INET6 : AF_INET, std::string(word).c_str(), out.address) == 1;
}

std::string peer_text(const PeerName& peer) {
  return endpoint_text(peer.family, peer.address.data(), peer.udp_port);
}

abi::PeerCommand command_of(const PeerOrder& order, const Swarm& swarm) {
  abi::PeerCommand out{};
  out.swarm_id = swarm.handle;
  out.kind = order.kind;
  out.family = order.peer.family;
  std::copy(order.peer.address.begin(), order.peer.address.end(), out.peer.address);
  out.peer.udp_port = order.peer.udp_port;
  out.a = order.a;
  out.b = order.b;
  out.complete = order.complete ? 1 : 0;
  return out;
}

std::string order_text(const PeerOrder& order) {
  switch (order.kind) {
    case abi::PeerCommandKind::kUnban:
      return "unban";
    case abi::PeerCommandKind::kBan:
      return "ban for " + std::to_string(order.a) + " s";
    case abi::PeerCommandKind::kReport:
      return "report of " + std::to_string(order.a) + " bytes uploaded and " + std::to_string(order.b) + " downloaded" +
             (order.complete ? ", complete" : "");
  }
  return "unknown";
}

std::string evidence_text(const Evidence& one) {
  constexpr std::string_view kWords[] = {"", "bad chunk", "bad hash", "bad signature", "verdict"};
  std::string out = endpoint_text(one.family, one.peer.address, one.peer.udp_port) + " " +
                    std::string(kWords[static_cast<std::uint8_t>(one.type)]) + (one.from_guard ? ", seen in passing" : "");
  if (one.type != EvidenceType::kBadSignature) out += ", chunk " + std::to_string(one.chunk);
  return out + ", node " + std::to_string(one.node_level) + "/" + std::to_string(one.node_index);
}

}  // namespace

ApiResult<void> Controller::order_peer(const PeerOrder& order) {
  const std::lock_guard lock(apply_mutex_);
  const auto state = desired();
  const ObjectName object{ObjectKind::kSwarm, order.peer.swarm_id};
  const auto swarm = state->swarms.find(order.peer.swarm_id);
  if (swarm == nullptr)
    return tl::unexpected(object_error(ErrorCode::kNotFound, object, "swarm_id", "there is no swarm `" + order.peer.swarm_id + "`"));
  const auto result = client_.transact(plan_peer_command(command_of(order, *swarm)), false);
  const std::string peer = peer_text(order.peer);
  log_.write(result ? LogLevel::kInfo : LogLevel::kWarning, "peer-action",
             {{"swarm", swarm->id},
              {"peer", peer},
              {"action", order_text(order)},
              {"author", order.author},
              {"reason", order.reason},
              {"result", result ? std::string("done") : result.error().error.message}});
  if (!result) return tl::unexpected(ApiError{result.error().error, object.text() + " peer " + peer, result.error().field});
  if (order.kind == abi::PeerCommandKind::kReport) return {};
  audit_list_.add({.time_unix_ns = now_unix_ns(),
                   .action = order.kind == abi::PeerCommandKind::kBan ? AuditAction::kBanPeer : AuditAction::kUnbanPeer,
                   .object = object.text(),
                   .author = order.author,
                   .reason = order.reason,
                   .text = peer + ": " + order_text(order),
                   .revision = state->revision});
  return {};
}

void Controller::audit_take_downs(const Transaction& transaction, std::uint64_t revision) {
  for (const auto& operation : transaction.operations) {
    const auto* gone = std::get_if<RemoveSwarm>(&operation);
    if (gone == nullptr) continue;
    const std::string object = ObjectName{ObjectKind::kSwarm, gone->id}.text();
    log_.write(LogLevel::kWarning, "take-down",
               {{"object", object},
                {"author", gone->author},
                {"reason", gone->reason},
                {"request_id", transaction.request_id},
                {"revision", revision}});
    const std::uint64_t sequence = audit_list_.add({.time_unix_ns = now_unix_ns(),
                                                    .action = AuditAction::kRemoveSwarm,
                                                    .object = object,
                                                    .author = gone->author,
                                                    .reason = gone->reason,
                                                    .request_id = transaction.request_id,
                                                    .revision = revision});
    Event event;
    event.type = EventType::kSwarmTakenDown;
    event.object = object;
    event.a = sequence;
    event.text = gone->author + ": " + gone->reason;
    event.revision = revision;
    events_.publish(std::move(event));
  }
}

void Controller::on_evidence(const abi::EvidenceMessage& message) {
  const Snapshot state = desired();
  const auto swarm = state->swarms_by_handle.find(message.swarm_id);
  if (message.kind < abi::EvidenceKind::kBadChunk || message.kind > abi::EvidenceKind::kBadSignature) {
    log_.write(LogLevel::kWarning, "evidence-unknown", {{"kind", static_cast<std::uint64_t>(message.kind)}});
    return;
  }
  Evidence one;
  one.time_unix_ns = message.time_ns;
  one.type = static_cast<EvidenceType>(message.kind);
  one.swarm_id = swarm != nullptr ? swarm->id : handle_text(message.swarm_id);
  one.family = message.family == abi::Family::kIpv6 ? abi::Family::kIpv6 : abi::Family::kIpv4;
  one.peer = message.peer;
  one.local = message.local;
  one.from_guard = message.from_guard != 0;
  one.channel = message.channel;
  one.chunk_bytes = message.bytes;
  one.worker = message.worker;
  one.chunk = message.chunk;
  one.node_index = message.node_index;
  one.node_level = message.node_level;
  const std::size_t digest = swarm != nullptr ? digest_bytes(swarm->hash) : sizeof message.digest;
  one.digest.assign(message.digest, message.digest + digest);
  Event event;
  event.type = EventType::kEvidence;
  event.time_unix_ns = message.time_ns;
  event.object = state->name_of(message.swarm_id);
  event.b = static_cast<std::uint64_t>(message.kind);
  event.text = evidence_text(one);
  event.worker = message.worker;
  event.a = evidence_.add(std::move(one));
  events_.publish(std::move(event));
}

void Controller::keep_verdict(const abi::EventMessage& message, const std::string& text) {
  Evidence one;
  one.time_unix_ns = message.time_ns;
  one.type = EvidenceType::kVerdict;
  const auto swarm = desired()->swarms_by_handle.find(message.object_id);
  one.swarm_id = swarm != nullptr ? swarm->id : handle_text(message.object_id);
  one.has_peer = parse_peer(text, one.family, one.peer);
  if (!one.has_peer) one.peer = {};
  one.worker = message.worker;
  one.verdict = static_cast<std::uint8_t>(message.a);
  one.action = static_cast<std::uint8_t>(message.b);
  one.text = text;
  evidence_.add(std::move(one));
}

}  // namespace mediaward::control
