// SPDX-License-Identifier: Apache-2.0
// A peer as a seeder: what it announces, and chunks with the peaks and uncles that their receiver lacks (RFC 7574 §3.2, §5.3, §5.6).
// The RFC's careful way reckons only with what was acknowledged; the optimistic one also with what is on its way. One thread; allocates.
#include <algorithm>

#include "tools/ppspp/peer_state.h"

namespace mediaward::tools::ppspp {

namespace {

constexpr std::uint64_t kTellAgainUs = 1'000'000;
constexpr unsigned kMaxTellShift = 5;

}  // namespace

// An over-claimer lacks every other chunk, whatever it says.
bool PpsppPeer::State::may_serve(std::uint64_t chunk) const {
  return held_.contains(chunk) && !(attack() == Attack::kOverClaim && chunk % 2 != 0);
}

void PpsppPeer::State::write_haves(Channel& channel, const wire::ChunkRange& range) {
  each_range(range, [&](const wire::ChunkRange& r) {
    channel.told.insert(r);
    put(
        channel, [&](wire::MessageWriter& w) { return w.have(r); }, wire::MessageType::kHave);
  });
}

// Nobody acknowledges a HAVE: as long as the remote neither asks nor has everything, it is told again, ever less often.
void PpsppPeer::State::tell_again(Channel& channel) {
  const auto runs = channel.told.runs();
  if (std::all_of(runs.begin(), runs.end(), [&](const auto& r) { return channel.acked.contains({r.first, r.second}); })) {
    channel.tell_again = 0;
    return;
  }
  if (!channel.wanted.empty() || !channel.in_flight.empty() || channel.tell_again == 0) {
    channel.told_again = 0;
    channel.tell_again = now_ + kTellAgainUs;
  }
  if (now_ < channel.tell_again) return;
  channel.tell_again = now_ + (kTellAgainUs << std::min(++channel.told_again, kMaxTellShift));
  for (const auto& [first, last] : runs) write_haves(channel, {first, last});
}

// What is there when a channel opens. A leecher that does not serve keeps it to itself.
void PpsppPeer::State::announce(Channel& channel) {
  if (channel.announced || !serves()) return;
  channel.announced = true;
  if (settings_.metadata.live) tune_in(channel);
  for (const auto& [first, last] : held_.runs()) {
    wire::ChunkRange range{first, last};
    if (attack() == Attack::kUnderClaim && range.count() > 1) range.last = range.first + range.count() / 2 - 1, ++counters_.misdeeds;
    write_haves(channel, range);
  }
}

void PpsppPeer::State::serve(Channel& channel) {
  if (!serves() || channel.choking) return;
  const bool slow = attack() == Attack::kSlow;
  while (!channel.wanted.empty() && channel.in_flight.size() < settings_.send_window) {
    if (slow && now_ < channel.next_send_at) return;
    const std::uint64_t chunk = channel.wanted.front();
    channel.wanted.pop_front();
    channel.wanted_set.erase(chunk);
    if (!serve_chunk(channel, chunk) || !slow) continue;
    channel.next_send_at = now_ + settings_.misbehaviour.delay_us;
    return;
  }
}

// False: nothing was sent.
bool PpsppPeer::State::serve_chunk(Channel& channel, std::uint64_t chunk) {
  if (!may_serve(chunk)) {
    counters_.misdeeds += attack() == Attack::kOverClaim ? 1 : 0;
    return false;
  }
  const Metadata& m = settings_.metadata;
  switch (attack()) {
    case Attack::kSilentHole:
    case Attack::kHashFlood:
    case Attack::kStaleMunro:
      ++counters_.misdeeds;
      return false;
    case Attack::kBlackHole:
      ++counters_.misdeeds;
      write_hashes(channel, hashes_for(channel, chunk));
      flush(channel);
      return true;
    case Attack::kLongPaths:
      send_long_path(channel, chunk);
      return true;
    default:
      break;
  }
  ConstBytes bytes = this->chunk(chunk);
  Blob wrong;
  if ((attack() == Attack::kTamper || attack() == Attack::kWrongLength) && strikes()) {
    wrong = attack() == Attack::kTamper ? altered(bytes) : Blob(bytes.begin(), bytes.end() - 1);
    if (!wrong.empty() || m.length_of(chunk) > 1) bytes = wrong;
  }
  send_chunk(channel, chunk, bytes);
  return true;
}

// Hashes that do not fit beside the chunk go ahead of it, all of them: so did the reference implementation.
void PpsppPeer::State::send_chunk(Channel& channel, std::uint64_t chunk, ConstBytes bytes) {
  flush(channel);
  if (settings_.metadata.live && !channel.acked.intersects(munro_of(chunk).range())) write_munro(channel, munro_of(chunk));
  const std::vector<Node> nodes = hashes_for(channel, chunk);
  write_hashes(channel, nodes);
  const auto header = [&](wire::MessageWriter& w) { return w.data({chunk, chunk}, now_, bytes); };
  put(channel, header, wire::MessageType::kData);
  flush(channel);
  counters_.content_bytes_sent += bytes.size();
  counters_.misdeeds += attack() == Attack::kTruncation ? 1 : 0;
  channel.in_flight[chunk] = now_;
  channel.sent.insert({chunk, chunk});
}

// RFC 7574 §5.6: all peaks until something was acknowledged, then the uncles from the highest that is not known to be there downwards.
std::vector<Node> PpsppPeer::State::hashes_for(const Channel& channel, std::uint64_t chunk) const {
  const Metadata& m = settings_.metadata;
  std::vector<Node> nodes;
  Node top = munro_of(chunk);
  if (!m.live) {
    const std::vector<Node> peaks = peaks_of(m.chunks());
    for (const Node& p : peaks)
      if (chunk >= p.range().first && chunk <= p.range().last) top = p;
    if (channel.acked.empty()) nodes = peaks;
  }
  const bool optimistic = (libswift() || settings_.optimistic_hashes) && !channel.sent.contains(chunk) && !channel.in_flight.empty();
  const auto known = [&](Node n) {
    const wire::ChunkRange r = n.range();
    if (channel.acked.intersects(r)) return true;
    const auto flying = channel.in_flight.lower_bound(r.first);
    return optimistic && flying != channel.in_flight.end() && flying->first <= r.last;
  };
  std::vector<Node> uncles;
  for (Node n{0, chunk}; n.level < top.level && !known(n.parent()); n = n.parent()) uncles.push_back(n.sibling());
  nodes.insert(nodes.end(), uncles.rbegin(), uncles.rend());
  return nodes;
}

void PpsppPeer::State::write_hashes(Channel& channel, const std::vector<Node>& nodes) {
  for (const Node& node : nodes) {
    Blob hash = hash_of(node);
    wire::ChunkRange range = node.range();
    if (attack() == Attack::kTamperHash && strikes()) hash = altered(hash);
    if (attack() == Attack::kZeroHashes && strikes()) std::fill(hash.begin(), hash.end(), std::byte{0});
    if (attack() == Attack::kUnalignedHashes && strikes()) {
      if (is_bin(settings_.metadata.addressing))
        range = Node{node.level, node.index + (std::uint64_t{1} << 24)}.range();  // bins know nodes only: one far beyond the content
      else
        range.last += 2 * range.count();  // three times as wide as a node
    }
    put(
        channel, [&](wire::MessageWriter& w) { return w.integrity(range, hash); }, wire::MessageType::kIntegrity);
  }
}

// From the content, from what was verified, or from chunks that are here.
Blob PpsppPeer::State::hash_of(Node node) const {
  if (settings_.content) {
    const ConstBytes hash = settings_.content->node(node.level, node.index);
    return {hash.begin(), hash.end()};
  }
  if (const Blob* known = tree_->verified(node)) return *known;
  if (!tree_->in_tree(node)) return Blob(framing_.hash_bytes);
  if (node.level == 0) return tree_->digest_of(chunk(node.index));
  return parent_digest(settings_.metadata.hash, hash_of(node.left()), hash_of(node.right()));
}

}  // namespace mediaward::tools::ppspp
