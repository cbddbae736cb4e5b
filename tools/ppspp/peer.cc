// SPDX-License-Identifier: Apache-2.0
// The peer's outside (peer.h), and how its datagrams are filled and accounted for. One thread; allocates.
#include "tools/ppspp/peer.h"

#include <arpa/inet.h>

#include <algorithm>

#include "tools/ppspp/peer_state.h"

namespace mediaward::tools::ppspp {
namespace {

constexpr std::size_t kMaxNotes = 64;

}  // namespace

std::string Endpoint::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(v6 ? AF_INET6 : AF_INET, address.data(), text, sizeof text);
  return (v6 ? "[" + std::string(text) + "]" : std::string(text)) + ":" + std::to_string(port);
}

Endpoint endpoint_v4(std::uint32_t address, std::uint16_t port) noexcept {
  Endpoint e;
  store_be32(e.address.data(), address);
  e.port = port;
  return e;
}

PpsppPeer::State::State(PeerSettings settings) : settings_(std::move(settings)), random_(mix_word(settings_.seed)) {
  Metadata& m = settings_.metadata;
  if (settings_.content && m.swarm_id.empty()) m = settings_.content->metadata();
  if (settings_.signing_key) m.swarm_id = settings_.signing_key->swarm_id();
  if (settings_.content && attack() == Attack::kTruncation && settings_.content->top_level() > 0) {
    const unsigned below = settings_.content->top_level() - 1;
    Blob both(settings_.content->node(below, 0).begin(), settings_.content->node(below, 0).end());
    const ConstBytes right = settings_.content->node(below, 1);
    both.insert(both.end(), right.begin(), right.end());
    settings_.content = std::make_shared<Content>(both, m.chunk_bytes, m.hash, m.addressing);
    m.content_bytes = both.size();
  }
  framing_ = m.framing();
  tree_ = std::make_unique<ReceiverTree>(m);
  room_.resize(65536);
  if (m.live) {
    munro_level_ = top_level_of(m.chunks_per_signature);
    if (auto key = crypto::SignatureKey::from_swarm_id(m.swarm_id, crypto::ShortRsaKeys::kAllowed)) key_ = std::move(*key);
  } else if (settings_.content) {
    held_.insert({0, m.chunks() - 1});
  } else {
    received_.resize(m.content_bytes);
  }
}

// True for one in `every` of the occasions that an attack has.
bool PpsppPeer::State::strikes() {
  if (++opportunities_ % std::max(settings_.misbehaviour.every, 1u) != 0) return false;
  ++counters_.misdeeds;
  return true;
}

ConstBytes PpsppPeer::State::chunk(std::uint64_t n) const {
  if (!held_.contains(n)) return {};
  if (settings_.metadata.live) return stream_.at(n);
  if (settings_.content) return settings_.content->chunk(n);
  return ConstBytes(received_).subspan(n * settings_.metadata.chunk_bytes, settings_.metadata.length_of(n));
}

bool PpsppPeer::State::complete() const {
  if (settings_.want) return held_.contains(*settings_.want);
  if (!settings_.metadata.live) return held_.count() == settings_.metadata.chunks();
  Ranges known;
  for (const auto& c : channels_)
    for (const auto& [first, last] : c->claimed.runs()) known.insert({first, last});
  if (oldest_ != 0) known.erase({0, oldest_ - 1});
  return !known.empty() && std::all_of(known.runs().begin(), known.runs().end(), [&](const auto& r) {
    return held_.contains({r.first, r.second});
  });
}

// Each text once; the first example and how often it was.
void PpsppPeer::State::finding(const std::string& text, const std::string& example) {
  auto it = std::find_if(notes_.begin(), notes_.end(), [&](const Note& n) { return n.text == text; });
  if (it == notes_.end()) {
    if (notes_.size() == kMaxNotes) return;
    notes_.push_back({text, example, 0});
    findings_.emplace_back();
    it = notes_.end() - 1;
  }
  ++it->times;
  std::string full = settings_.name + ": " + text;
  if (!it->example.empty()) full += ", first " + it->example;
  if (it->times > 1) full += " (" + std::to_string(it->times) + " times)";
  findings_[static_cast<std::size_t>(it - notes_.begin())] = std::move(full);
}

wire::MessageWriter& PpsppPeer::State::out(Channel& channel) {
  if (filling_ != &channel) {
    if (filling_ != nullptr) flush(*filling_);
    filling_ = &channel;
    writer_.emplace(Bytes(room_).first(settings_.max_payload), channel.remote_id, framing_);
  }
  return *writer_;
}

// One message; into a new datagram when it does not fit into the one at hand.
void PpsppPeer::State::put(Channel& channel, const std::function<bool(wire::MessageWriter&)>& write, wire::MessageType type) {
  if (!write(out(channel))) {
    flush(channel);
    if (!write(out(channel))) return;
  }
  ++counters_.sent[static_cast<std::size_t>(type)];
}

void PpsppPeer::State::flush(Channel& channel) {
  if (filling_ != &channel) return;
  filling_ = nullptr;
  if (writer_->is_keep_alive()) return;
  Blob payload(writer_->bytes().begin(), writer_->bytes().end());
  if (attack() == Attack::kUnknownMessage && channel.open() && strikes()) payload.push_back(std::byte{0x80});
  send(&channel, settings_.local, channel.remote, payload);
}

void PpsppPeer::State::send(Channel* channel, const Endpoint& from, const Endpoint& to, ConstBytes payload) {
  outgoing_.push_back({from, to, Blob(payload.begin(), payload.end())});
  ++counters_.datagrams_sent;
  counters_.bytes_sent += payload.size();
  if (payload.size() == wire::kChannelBytes) ++counters_.keep_alives_sent;
  if (channel == nullptr) return;
  channel->last_sent = now_;
  ++channel->sent_since_heard;
  channel->poke = false;
  if (channel->open()) channel->third_sent = true;
}

PpsppPeer::PpsppPeer(PeerSettings settings) : state_(std::make_unique<State>(std::move(settings))) {}
PpsppPeer::~PpsppPeer() = default;
PpsppPeer::PpsppPeer(PpsppPeer&&) noexcept = default;
PpsppPeer& PpsppPeer::operator=(PpsppPeer&&) noexcept = default;

void PpsppPeer::connect(std::uint64_t now_us, const Endpoint& remote) {
  state_->now_ = now_us;
  state_->dirty_ = true;
  state_->connect(remote);
}

void PpsppPeer::close(std::uint64_t now_us) {
  state_->now_ = now_us;
  state_->dirty_ = true;
  state_->close_all();
}

void PpsppPeer::handle(std::uint64_t now_us, const Endpoint& from, ConstBytes payload) {
  handle(now_us, from, state_->settings_.local, payload);
}

void PpsppPeer::handle(std::uint64_t now_us, const Endpoint& from, const Endpoint& to, ConstBytes payload) {
  state_->now_ = now_us;
  state_->dirty_ = true;
  state_->take(from, to, payload);
}

std::vector<Datagram> PpsppPeer::poll(std::uint64_t now_us) {
  State& s = *state_;
  s.now_ = now_us;
  s.dirty_ = false;
  s.reconnect();
  for (std::size_t i = 0; i < s.channels_.size(); ++i) s.run_timers(*s.channels_[i]);
  s.attack_now();
  for (std::size_t i = 0; i < s.channels_.size(); ++i) {
    Channel& channel = *s.channels_[i];
    if (channel.answers || channel.phase == Channel::Phase::kOpening) s.send_handshake(channel);
    if (!channel.open()) continue;
    s.announce(channel);
    s.tell_again(channel);
    s.write_acks(channel);
    s.write_requests(channel);
    s.flush(channel);
    s.serve(channel);
    s.flush(channel);
    if (!channel.poke) continue;
    Blob keep_alive(wire::kChannelBytes);
    store_be32(keep_alive.data(), channel.remote_id);
    s.send(&channel, s.settings_.local, channel.remote, keep_alive);
  }
  if (s.settings_.metadata.live) s.discard_old();
  return std::move(s.outgoing_);
}

std::uint64_t PpsppPeer::next_due_us() const noexcept {
  return state_->next_due();
}

void PpsppPeer::inject(std::uint64_t now_us, ConstBytes chunk) {
  state_->now_ = now_us;
  state_->dirty_ = true;
  state_->inject(chunk);
}

const PeerSettings& PpsppPeer::settings() const noexcept {
  return state_->settings_;
}
const PeerCounters& PpsppPeer::counters() const noexcept {
  return state_->counters_;
}
const std::vector<std::string>& PpsppPeer::findings() const noexcept {
  return state_->findings_;
}

std::vector<ChannelView> PpsppPeer::channels() const {
  std::vector<ChannelView> views;
  for (const auto& c : state_->channels_)
    views.push_back({c->remote, c->local_id, c->remote_id, c->open(), c->closed_by_remote, c->choked, c->claimed.count()});
  return views;
}

bool PpsppPeer::has(std::uint64_t n) const noexcept {
  return state_->held_.contains(n);
}
std::uint64_t PpsppPeer::chunks_held() const noexcept {
  return state_->held_.count();
}
ConstBytes PpsppPeer::chunk(std::uint64_t n) const noexcept {
  return state_->chunk(n);
}
bool PpsppPeer::complete() const noexcept {
  return state_->complete();
}
std::optional<std::uint64_t> PpsppPeer::completed_us() const noexcept {
  return state_->completed_;
}
ConstBytes PpsppPeer::received() const noexcept {
  return state_->received_;
}
bool PpsppPeer::identical_to(ConstBytes content) const noexcept {
  const ConstBytes mine = received();
  return complete() && mine.size() == content.size() && std::equal(mine.begin(), mine.end(), content.begin());
}

}  // namespace mediaward::tools::ppspp
