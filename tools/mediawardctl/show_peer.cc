// SPDX-License-Identifier: Apache-2.0
// `show peers`, `show peer`, `show evidence` and `show audit`: how peers behave, what proves it, and what was done. One thread.
#include <fmt/format.h>

#include "control/digest.h"
#include "tools/mediawardctl/commands.h"
#include "tools/mediawardctl/json.h"
#include "tools/mediawardctl/peer_address.h"
#include "tools/mediawardctl/table.h"
#include "tools/swarm_file.h"

namespace mediaward::tools {

namespace {

std::string verdicts_text(const v1::PeerState& peer) {
  std::string out;
  for (const auto& one : peer.verdicts()) out += (out.empty() ? "" : " ") + enum_word(v1::PeerVerdict_descriptor(), one.verdict());
  return out.empty() ? "-" : out;
}

std::string action_text(const v1::PeerState& peer) {
  if (peer.ban_ends_unix_ns() != 0) return "BANNED until " + time_text(peer.ban_ends_unix_ns());
  return peer.action() == v1::CONDUCT_ACTION_UNSPECIFIED ? "-" : enum_word(v1::ConductAction_descriptor(), peer.action());
}

std::string peer_of(const v1::PeerState& peer) {
  return peer_text(peer.address(), peer.udp_port());
}

std::string peer_details(const v1::PeerState& peer) {
  std::string out = fmt::format("peer {} of swarm {}: score {}, admitted by {}, {} channels\n", peer_of(peer), peer.swarm_id(),
                                peer.score(), peer.admission_id(), peer.channels());
  out += fmt::format("verdicts     {}\naction       {}\n", verdicts_text(peer), action_text(peer));
  out += fmt::format("chunks       {} claimed, {} asked for, {} delivered, {} BAD, {} unverifiable\n", grouped(peer.claimed()),
                     grouped(peer.requested()), grouped(peer.delivered()), grouped(peer.bad()), grouped(peer.unverifiable()));
  out += fmt::format("             {} late, {} timed out, {} not asked for, {} duplicate\n", grouped(peer.late()),
                     grouped(peer.timed_out()), grouped(peer.unrequested()), grouped(peer.duplicate()));
  out += fmt::format("messages     {} INTEGRITY, {} DATA; {} audits, {} answered\n", grouped(peer.integrity_messages()),
                     grouped(peer.data_messages()), grouped(peer.audits()), grouped(peer.audits_answered()));
  out += fmt::format("bytes        {} received, {} sent, {} acknowledged\n", grouped(peer.received_bytes()), grouped(peer.sent_bytes()),
                     grouped(peer.acknowledged_bytes()));
  out +=
      fmt::format("path         RTT {} us, congestion window {} bytes\n", grouped(peer.rtt_us()), grouped(peer.congestion_window_bytes()));
  return out;
}

std::string evidence_what(const v1::Evidence& one) {
  if (one.kind() == v1::EVIDENCE_KIND_VERDICT)
    return fmt::format("{}, {}: {}", enum_word(v1::PeerVerdict_descriptor(), one.verdict()),
                       enum_word(v1::ConductAction_descriptor(), one.action()), one.text());
  std::string out = fmt::format("chunk {}, node {}/{}", one.chunk(), one.node_level(), one.node_index());
  if (one.kind() == v1::EVIDENCE_KIND_BAD_CHUNK) {
    const std::string digest = control::to_hex({reinterpret_cast<const std::uint8_t*>(one.digest().data()), one.digest().size()});
    out += fmt::format(", {} bytes hash to {}", one.chunk_bytes(), digest.substr(0, 16) + (digest.size() > 16 ? "..." : ""));
  }
  return out + (one.from_guard() ? ", seen in passing" : "");
}

// Every page of a list that goes on by sequence number.
template <typename In, typename Out>
Outcome call_all(Client& client, In in, Out& all) {
  for (;;) {
    Out page;
    if (auto good = client.call(in, page); !good) return good;
    all.MergeFrom(page);
    if (page.next_sequence() == 0) break;
    in.set_from_sequence(page.next_sequence());
  }
  all.clear_next_sequence();
  return {};
}

}  // namespace

CommandResult show_peers(Client& client, const std::string& swarm) {
  Table table(
      {"SWARM", "PEER", "ADMISSION", ">SCORE", "VERDICTS", "ACTION", ">ASKED FOR", ">DELIVERED", ">BAD", ">RECEIVED", ">SENT", ">RTT US"});
  v1::ListPeersRequest in;
  in.set_swarm_id(swarm);
  v1::ListPeersResponse all;
  do {
    v1::ListPeersResponse page;
    if (auto good = client.call(in, page); !good) return tl::unexpected(good.error());
    for (const auto& one : page.peers())
      table.add({one.swarm_id(), peer_of(one), one.admission_id(), std::to_string(one.score()), verdicts_text(one), action_text(one),
                 grouped(one.requested()), grouped(one.delivered()), grouped(one.bad()), grouped(one.received_bytes()),
                 grouped(one.sent_bytes()), grouped(one.rtt_us())});
    in.set_page_token(page.next_page_token());
    all.MergeFrom(page);
  } while (!in.page_token().empty());
  all.clear_next_page_token();
  return Answer{table.empty() ? "no peers\n" : table.text(), to_json(all)};
}

CommandResult show_peer(Client& client, const std::string& swarm, const std::string& peer) {
  const PeerAddress named = parse_peer(peer);
  v1::GetPeerRequest in;
  in.set_swarm_id(swarm);
  in.set_address(named.address);
  in.set_udp_port(named.udp_port);
  v1::PeerState out;
  if (auto good = client.call(in, out); !good) return tl::unexpected(good.error());
  return Answer{peer_details(out), to_json(out)};
}

CommandResult show_evidence(Client& client, const std::string& swarm, const std::string& peer) {
  v1::ListEvidenceRequest in;
  in.set_swarm_id(swarm);
  in.set_address(parse_peer(peer).address);
  v1::ListEvidenceResponse all;
  if (auto good = call_all(client, in, all); !good) return tl::unexpected(good.error());
  Table table({">NO.", "TIME", "SWARM", "PEER", "KIND", "WHAT"});
  for (const auto& one : all.evidence())
    table.add({std::to_string(one.sequence()), time_text(one.time_unix_ns()), one.swarm_id(), peer_text(one.address(), one.udp_port()),
               enum_word(v1::EvidenceKind_descriptor(), one.kind()), evidence_what(one)});
  std::string text = table.empty() ? "no evidence\n" : table.text() + "`mediawardctl evidence ack NO.` forgets it and all before it\n";
  if (all.lost() != 0) text += fmt::format("{} went unseen: raise peer.evidence_max, or acknowledge sooner\n", grouped(all.lost()));
  return Answer{text, to_json(all)};
}

CommandResult show_audit(Client& client) {
  v1::ListAuditResponse all;
  if (auto good = call_all(client, v1::ListAuditRequest(), all); !good) return tl::unexpected(good.error());
  Table table({">NO.", "TIME", "ACTION", "OBJECT", "AUTHOR", "REASON", "WHAT"});
  for (const auto& one : all.entries())
    table.add({std::to_string(one.sequence()), time_text(one.time_unix_ns()), enum_word(v1::AuditAction_descriptor(), one.action()),
               one.object(), one.author(), one.reason(), one.text()});
  std::string text = table.empty() ? "nothing since the daemon's start\n" : table.text();
  if (all.lost() != 0) text += fmt::format("{} before these are in the log only\n", grouped(all.lost()));
  return Answer{text, to_json(all)};
}

}  // namespace mediaward::tools
