// SPDX-License-Identifier: Apache-2.0
// A peer as a leecher: what it asks of whom, what it makes of DATA, and what it acknowledges (RFC 7574 §3.2, §3.5, §3.7, §4.3).
// One thread; allocates.
#include <algorithm>

#include "tools/ppspp/peer_state.h"

namespace mediaward::tools::ppspp {

bool PpsppPeer::State::wants(std::uint64_t chunk) const {
  return !settings_.want || (chunk >= settings_.want->first && chunk <= settings_.want->last);
}

void PpsppPeer::State::take_data(Channel& channel, const wire::Message& m) {
  const Metadata& meta = settings_.metadata;
  const std::uint64_t c = m.range.first;
  const std::string which = "chunk " + std::to_string(c);
  if (!m.range.is_one() || (!meta.live && c >= meta.chunks())) return finding("sent DATA of what is no chunk of the content", which);
  if (m.body.size() != meta.length_of(c)) return finding("sent a chunk of a wrong length", which);
  if (!channel.ever_asked.contains(c)) {
    ++counters_.chunks_unrequested;
    return finding("sent a chunk that was not requested", which);
  }
  if (held_.contains(c)) {
    ++counters_.chunks_duplicate;
    channel.acks.push_back({c, now_ - m.timestamp});
    return;
  }
  if (channel.asked.erase(c) != 0 && --asked_[c] == 0) asked_.erase(c);
  switch (settings_.verifies ? tree_->check(c, m.body, channel.pending) : Verdict::kGood) {
    case Verdict::kGood:
      return keep_chunk(channel, c, m.body, now_ - m.timestamp);
    case Verdict::kUnverifiable:
      ++counters_.chunks_unverifiable;
      return;  // its hashes were lost: it is asked for again
    case Verdict::kBad:
      ++counters_.chunks_bad;
      return finding("sent a chunk that does not hash to the root with the hashes that came", which);
  }
}

void PpsppPeer::State::keep_chunk(Channel& channel, std::uint64_t c, ConstBytes bytes, std::uint64_t delay_us) {
  if (settings_.metadata.live)
    stream_[c] = Blob(bytes.begin(), bytes.end());
  else
    std::copy(bytes.begin(), bytes.end(), received_.begin() + static_cast<std::ptrdiff_t>(c * settings_.metadata.chunk_bytes));
  held_.insert({c, c});
  ++counters_.chunks_good;
  counters_.content_bytes_received += bytes.size();
  if (!completed_ && complete()) completed_ = now_;
  channel.acks.push_back({c, delay_us});
  for (const auto& other : channels_) {
    if (!other->open()) continue;
    if (serves() && settings_.role != Role::kSeeder && settings_.announces && (other.get() != &channel || libswift()))
      other->news.insert({c, c});
    if (other.get() == &channel || other->asked.erase(c) == 0) continue;
    other->cancels.push_back(c);
    if (--asked_[c] == 0) asked_.erase(c);
  }
}

// Of an open channel, not held and asked of nobody. nullopt: nothing now.
std::optional<std::uint64_t> PpsppPeer::State::next_to_ask(const Channel& channel) {
  const std::uint64_t last = settings_.want ? settings_.want->last : kAllChunks.last;
  const auto search = [&](std::uint64_t from) -> std::optional<std::uint64_t> {
    for (auto c = channel.claimed.next_present(from); c && *c <= last;) {
      const std::uint64_t missing = held_.next_missing(*c);
      if (missing == *c && !asked_.contains(missing)) return missing;
      c = channel.claimed.next_present(missing == *c ? *c + 1 : missing);
    }
    return std::nullopt;
  };
  const std::uint64_t first = std::max(oldest_, settings_.want ? settings_.want->first : 0);
  if (settings_.random_order && !channel.claimed.empty())
    if (const auto c = search(first + random() % (channel.claimed.runs().rbegin()->second + 1)); c) return c;
  return search(first);
}

void PpsppPeer::State::write_requests(Channel& channel) {
  for (const std::uint64_t c : channel.cancels)
    put(
        channel,
        [&](wire::MessageWriter& w) {
          return w.cancel({c, c});
        },
        wire::MessageType::kCancel);
  channel.cancels.clear();
  if (!leeches() || channel.choked) return;
  std::vector<std::uint64_t> chunks;
  while (channel.asked.size() < settings_.request_window) {
    const auto c = next_to_ask(channel);
    if (!c) break;
    channel.asked[*c] = now_;
    if (channel.ever_asked.contains(*c)) ++counters_.requests_repeated;
    channel.ever_asked.insert({*c, *c});
    ++asked_[*c];
    chunks.push_back(*c);
  }
  for (std::size_t i = 0; i < chunks.size();) {
    std::size_t n = 1;
    while (!by_nodes() && i + n < chunks.size() && chunks[i + n] == chunks[i] + n) ++n;
    const wire::ChunkRange range{chunks[i], chunks[i] + n - 1};
    put(
        channel, [&](wire::MessageWriter& w) { return w.request(range); }, wire::MessageType::kRequest);
    i += n;
  }
}

bool PpsppPeer::State::by_nodes() const noexcept {
  return libswift() || is_bin(settings_.metadata.addressing);
}

// As the addressing can say it: whole, or in nodes.
void PpsppPeer::State::each_range(const wire::ChunkRange& range, const std::function<void(const wire::ChunkRange&)>& say) const {
  if (!by_nodes()) return say(range);
  for (std::uint64_t at = range.first; at <= range.last;) {
    Node node{0, at};
    while (node.parent().range().first == at && node.parent().range().last <= range.last) node = node.parent();
    say(node.range());
    at = node.range().last + 1;
  }
}

// RFC 7574 §4.3: the largest complete interval with the chunk in it.
wire::ChunkRange PpsppPeer::State::complete_around(std::uint64_t c) const {
  const wire::ChunkRange run = *held_.run_of(c);
  return by_nodes() ? largest_node(c, run).range() : run;
}

void PpsppPeer::State::write_acks(Channel& channel) {
  wire::ChunkRange before{1, 0};
  for (const auto& [first, last] : channel.news.runs()) {
    for (std::uint64_t c = first; c <= last && held_.contains(c); ++c) {
      const wire::ChunkRange range = complete_around(c);
      if (range == before) continue;
      before = range;
      channel.told.insert(range);
      put(
          channel, [&](wire::MessageWriter& w) { return w.have(range); }, wire::MessageType::kHave);
    }
  }
  channel.news.clear();
  for (const Channel::Ack& ack : channel.acks) {
    wire::ChunkRange range = held_.contains(ack.chunk) ? complete_around(ack.chunk) : wire::ChunkRange{ack.chunk, ack.chunk};
    std::uint64_t delay = ack.delay_us;
    if (attack() == Attack::kForgedDelay && strikes()) delay = 1;
    put(
        channel, [&](wire::MessageWriter& w) { return w.ack(range, delay); }, wire::MessageType::kAck);
    const std::uint64_t lie = held_.next_missing(ack.chunk);
    if (attack() != Attack::kFalseAck || (!settings_.metadata.live && lie >= settings_.metadata.chunks()) || !strikes()) continue;
    put(
        channel,
        [&](wire::MessageWriter& w) {
          return w.ack({lie, lie}, delay);
        },
        wire::MessageType::kAck);
  }
  channel.acks.clear();
}

void PpsppPeer::State::expire_requests(Channel& channel) {
  for (auto it = channel.asked.begin(); it != channel.asked.end();) {
    if (now_ - it->second < settings_.request_timeout_us) {
      ++it;
      continue;
    }
    if (--asked_[it->first] == 0) asked_.erase(it->first);
    it = channel.asked.erase(it);
  }
}

}  // namespace mediaward::tools::ppspp
