// SPDX-License-Identifier: Apache-2.0
// Commands that act on a peer, and the acknowledgement of evidence. None of them is a transaction. One thread.
#include <fmt/format.h>

#include "tools/mediawardctl/commands.h"
#include "tools/mediawardctl/json.h"
#include "tools/mediawardctl/peer_address.h"

namespace mediaward::tools {

namespace {

v1::PeerActionRequest new_action(const std::string& swarm, const std::string& peer) {
  const PeerAddress named = parse_peer(peer);
  v1::PeerActionRequest out;
  out.set_swarm_id(swarm);
  out.set_address(named.address);
  out.set_udp_port(named.udp_port);
  return out;
}

CommandResult act(Client& client, const v1::PeerActionRequest& in, const std::string& done) {
  v1::PeerActionResponse out;
  if (auto good = client.call(in, out); !good) return tl::unexpected(good.error());
  const std::string peer = peer_text(in.address(), in.udp_port());
  return Answer{fmt::format("{} of swarm {} {}\n", peer, in.swarm_id(), done), {{"swarm", in.swarm_id()}, {"peer", peer}, {"done", done}}};
}

}  // namespace

CommandResult ban_peer(Client& client, const std::string& swarm, const std::string& peer, std::uint32_t seconds, const std::string& author,
                       const std::string& reason) {
  v1::PeerActionRequest in = new_action(swarm, peer);
  in.mutable_ban()->set_seconds(seconds);
  in.set_author(author);
  in.set_reason(reason);
  return act(client, in, fmt::format("banned for {} s", seconds));
}

CommandResult unban_peer(Client& client, const std::string& swarm, const std::string& peer, const std::string& author,
                         const std::string& reason) {
  v1::PeerActionRequest in = new_action(swarm, peer);
  in.mutable_unban();
  in.set_author(author);
  in.set_reason(reason);
  return act(client, in, "unbanned");
}

CommandResult report_peer(Client& client, const std::string& swarm, const std::string& peer, std::uint64_t uploaded,
                          std::uint64_t downloaded, bool complete) {
  v1::PeerActionRequest in = new_action(swarm, peer);
  in.mutable_report()->set_uploaded_bytes(uploaded);
  in.mutable_report()->set_downloaded_bytes(downloaded);
  in.mutable_report()->set_complete(complete);
  return act(client, in, "reported; a verdict is an event");
}

CommandResult acknowledge_evidence(Client& client, std::uint64_t up_to) {
  v1::AcknowledgeEvidenceRequest in;
  in.set_up_to_sequence(up_to);
  v1::AcknowledgeEvidenceResponse out;
  if (auto good = client.call(in, out); !good) return tl::unexpected(good.error());
  return Answer{fmt::format("{} forgotten, {} kept\n", out.forgotten(), out.kept()), to_json(out)};
}

}  // namespace mediaward::tools
