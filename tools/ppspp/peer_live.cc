// SPDX-License-Identifier: Apache-2.0
// Live content of a peer (RFC 7574 §6.1, unified Merkle tree): the injector's munros and their signatures, how they reach a receiver and
// what it makes of them. One thread; allocates.
#include <algorithm>

#include "tools/ppspp/peer_state.h"

namespace mediaward::tools::ppspp {
namespace {

constexpr std::uint64_t kNtpToUnixSeconds = 2'208'988'800u;  // RFC 5905 §6: 1900 to 1970
constexpr std::uint64_t kFutureUs = 5'000'000;

std::uint64_t ntp_of(std::uint64_t unix_us) {
  const std::uint64_t fraction = ((unix_us % 1'000'000) << 32) / 1'000'000;
  return (unix_us / 1'000'000 + kNtpToUnixSeconds) << 32 | fraction;
}

}  // namespace

void PpsppPeer::State::inject(ConstBytes chunk) {
  stream_[injected_] = Blob(chunk.begin(), chunk.end());
  tree_->trust({0, injected_}, tree_->digest_of(chunk));
  ++injected_;
  const Node munro = munro_of(injected_ - 1);
  if (injected_ - 1 != munro.range().last) return;
  sign_munro(munro);
  held_.insert(munro.range());  // only what is signed is announced (RFC 7574 §6.1.2.1)
  for (const auto& c : channels_)
    if (c->open() && c->announced) write_haves(*c, munro.range());
}

// RFC 7574 §6.1.2.2: chunk specification, timestamp, hash. libswift: the hash alone, and its timestamp counts microseconds.
Blob PpsppPeer::State::munro_text(Node munro, std::uint64_t timestamp, ConstBytes hash) const {
  Blob text;
  if (settings_.metadata.munro_form == crypto::MunroForm::kRfc7574) {
    text.resize(framing_.range_bytes() + wire::kTimestampBytes);
    if (!wire::store_range(framing_.addressing, munro.range(), text.data())) return {};
    store_be64(text.data() + framing_.range_bytes(), timestamp);
  }
  text.insert(text.end(), hash.begin(), hash.end());
  return text;
}

void PpsppPeer::State::sign_munro(Node munro) {
  const Blob hash = hash_of(munro);
  tree_->trust(munro, hash);
  Munro& m = munros_[munro.index];
  m.timestamp = settings_.metadata.munro_form == crypto::MunroForm::kLibswift ? wall_us() : ntp_of(wall_us());
  if (settings_.signing_key)
    if (auto signature = settings_.signing_key->sign(munro_text(munro, m.timestamp, hash))) m.signature = std::move(*signature);
}

// Hash and signature in one datagram.
void PpsppPeer::State::write_munro(Channel& channel, Node munro) {
  const auto it = munros_.find(munro.index);
  if (it == munros_.end()) return;
  Blob signature = it->second.signature;
  if (attack() == Attack::kBadSignature && strikes()) signature = altered(signature);
  if (out(channel).room_left() < wire::integrity_bytes(framing_) + wire::signed_integrity_bytes(framing_)) flush(channel);
  write_hashes(channel, {munro});
  const auto write = [&](wire::MessageWriter& w) { return w.signed_integrity(munro.range(), it->second.timestamp, signature); };
  put(channel, write, wire::MessageType::kSignedIntegrity);
  channel.munros.insert(munro.index);
}

// RFC 7574 §6.1.2.3: whoever joins gets the rightmost signed munro first.
void PpsppPeer::State::tune_in(Channel& channel) {
  if (!munros_.empty()) write_munro(channel, {munro_level_, munros_.rbegin()->first});
}

void PpsppPeer::State::take_munro(Channel& channel, const wire::Message& m) {
  const auto node = node_of(m.range);
  const std::string which = "munro of chunk " + std::to_string(m.range.first);
  if (!settings_.metadata.live || !key_) return finding("sent a SIGNED_INTEGRITY in a swarm without signatures", which);
  if (!node || node->level != munro_level_) return finding("sent a munro of another size than the swarm's", which);
  const Blob* known = tree_->verified(*node);
  const Blob* hash = known != nullptr ? known : channel.pending.find(*node);
  if (hash == nullptr) return;  // its INTEGRITY was in another datagram, or lost
  if (!key_->verify(munro_text(*node, m.timestamp, *hash), m.body)) return finding("sent a munro whose signature is wrong", which);
  const bool rfc = settings_.metadata.munro_form == crypto::MunroForm::kRfc7574;
  if (rfc && m.timestamp > ntp_of(wall_us() + kFutureUs)) finding("sent a munro that was signed in the future", which);
  if (known != nullptr) return;
  tree_->trust(*node, Blob(*hash));
  channel.pending.erase(*node);
  munros_[node->index] = {m.timestamp, Blob(m.body.begin(), m.body.end())};
}

// RFC 7574 §7.9: what is that far behind the newest is forgotten.
void PpsppPeer::State::discard_old() {
  const std::uint64_t window = settings_.metadata.discard_window;
  if (stream_.empty() || window == wire::kDiscardNothing || stream_.rbegin()->first < window) return;
  const std::uint64_t oldest = stream_.rbegin()->first - window + 1;
  if (attack() == Attack::kStaleMunro || stream_.begin()->first >= oldest) return;
  oldest_ = oldest;
  held_.erase({0, oldest - 1});
  stream_.erase(stream_.begin(), stream_.lower_bound(oldest));
  munros_.erase(munros_.begin(), munros_.lower_bound(munro_of(oldest).index));
}

}  // namespace mediaward::tools::ppspp
