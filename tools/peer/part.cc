// SPDX-License-Identifier: Apache-2.0
// One content peer on a UDP socket (see the header). One thread.
#include "tools/peer/part.h"

#include <strings.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <fstream>
#include <string_view>

#include "tools/peer/udp_socket.h"

namespace mediaward::tools::peer {
namespace {

constexpr std::size_t kUdpRoom = 65536;
constexpr std::size_t kPayloadV4 = 1472, kPayloadV6 = 1452;  // of an MTU of 1500
constexpr unsigned kDatagramsPerTurn = 64;                   // taken in before the peer has its say
constexpr std::uint64_t kLongestWaitUs = 100'000;            // signals and the end are seen in between

// Wall-clock time that never goes backwards: munros and ACKs carry it to hosts with clocks of their own.
class Clock {
 public:
  [[nodiscard]] std::uint64_t now_us() const noexcept { return unix_us_ + us_since(start_); }

 private:
  using Steady = std::chrono::steady_clock;
  static std::uint64_t us_since(Steady::time_point start) noexcept {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - start).count());
  }
  Steady::time_point start_ = Steady::now();
  std::uint64_t unix_us_ = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
};

// The same seed loses the same datagrams of the same run.
class Loss {
 public:
  Loss(double probability, std::uint64_t seed) : threshold_(static_cast<std::uint64_t>(probability * 4294967296.0)), state_(seed) {}
  [[nodiscard]] bool strikes() noexcept {
    if (threshold_ == 0 || (ppspp::mix_word(state_ += 0x9e3779b97f4a7c15u) >> 32) >= threshold_) return false;
    ++lost_;
    return true;
  }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  std::uint64_t threshold_, state_, lost_ = 0;
};

Result<ppspp::Blob> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(ErrorCode::kNotFound, path + ": cannot be read");
  ppspp::Blob bytes(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())))
    return fail(ErrorCode::kNotFound, path + ": cannot be read to its end");
  return bytes;
}

Result<void> write_file(const std::string& path, const std::vector<ConstBytes>& pieces) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  for (const ConstBytes piece : pieces) file.write(reinterpret_cast<const char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
  if (!file.flush()) return fail(ErrorCode::kInvalid, path + ": cannot be written");
  return {};
}

bool receives(Kind kind) {
  return kind == Kind::kLeech || kind == Kind::kFollow;
}

class Part {
 public:
  Part(const PartSettings& settings, UdpSocket socket, std::uint64_t now_us)
      : settings_(settings),
        socket_(std::move(socket)),
        loss_(settings.loss, ppspp::mix_word(settings.seed)),
        room_(kUdpRoom),
        began_us_(now_us) {}

  Result<void> cast(const SwarmFile& file, const ppspp::Endpoint& local);
  Result<void> contact(const Clock& clock);
  void run(const Clock& clock, const std::atomic<bool>& stop);
  Result<Outcome> finish(std::uint64_t now_us);

 private:
  Result<void> add_content(const SwarmFile& file, ppspp::PeerSettings& s);
  void send(const std::vector<ppspp::Datagram>& datagrams);
  void take(const Clock& clock);
  void inject(std::uint64_t now_us);
  void follow();
  [[nodiscard]] bool done() const;
  [[nodiscard]] std::uint64_t wait_us(std::uint64_t now_us) const;

  const PartSettings& settings_;
  UdpSocket socket_;
  Loss loss_;
  ppspp::Blob room_, stream_;
  std::optional<ppspp::PpsppPeer> peer_;
  std::uint64_t began_us_;
  std::uint64_t stream_us_ = 0, injected_ = 0;  // inject: when the first chunk was made, and how many were
  std::optional<std::uint64_t> first_;          // follow: where it joined
  std::uint64_t next_ = 0;                      // follow: all from first_ to here are there
  std::vector<ppspp::Blob> kept_;               // follow: they
};

Result<void> Part::add_content(const SwarmFile& file, ppspp::PeerSettings& s) {
  if (settings_.kind == Kind::kInject) {
    auto key = read_key(settings_.key);
    if (!key) return tl::unexpected(key.error());
    if ((*key)->swarm_id() != s.metadata.swarm_id)
      return fail(ErrorCode::kInvalid, settings_.swarm + ": swarm.key is not that of " + settings_.key + " (`mediaward-ppspp-peer key`)");
    s.signing_key = std::move(*key);
  }
  if (receives(settings_.kind)) return {};
  auto bytes = read_file(settings_.file);
  if (!bytes) return tl::unexpected(bytes.error());
  if (bytes->empty()) return fail(ErrorCode::kInvalid, settings_.file + ": is empty");
  if (settings_.kind == Kind::kInject) {
    stream_ = std::move(*bytes);
    return {};
  }
  s.content = std::make_shared<ppspp::Content>(std::move(*bytes), s.metadata.chunk_bytes, s.metadata.hash, s.metadata.addressing);
  if (s.content->metadata().swarm_id != s.metadata.swarm_id || s.content->bytes().size() != file.content_bytes)
    return fail(ErrorCode::kInvalid, settings_.file + ": is not the content of " + settings_.swarm);
  return {};
}

Result<void> Part::cast(const SwarmFile& file, const ppspp::Endpoint& local) {
  const auto metadata = metadata_of(file);
  if (!metadata) return fail(ErrorCode::kInvalid, settings_.swarm + ": " + metadata.error().message);
  const bool live = settings_.kind == Kind::kInject || settings_.kind == Kind::kFollow;
  if (metadata->live != live)
    return fail(ErrorCode::kInvalid, settings_.swarm + ": seed and leech are for static content, inject and follow for live");
  ppspp::PeerSettings s;
  s.name = file.id;
  s.role = receives(settings_.kind) ? ppspp::Role::kLeecher : ppspp::Role::kSeeder;
  s.metadata = *metadata;
  s.local = local;
  s.profile = settings_.libswift ? ppspp::wire::Profile::kLibswift : ppspp::wire::Profile::kRfc;
  s.seed = settings_.seed;
  s.max_payload = local.v6 ? kPayloadV6 : kPayloadV4;
  s.request_window = s.send_window = settings_.window;
  s.request_timeout_us = s.send_timeout_us = static_cast<std::uint64_t>(settings_.patience * 1e6);
  s.dead_us = static_cast<std::uint64_t>(settings_.dead_after * 1e6);
  s.misbehaviour = settings_.misbehaviour;
  if (auto added = add_content(file, s); !added) return added;
  peer_.emplace(std::move(s));
  return {};
}

Result<void> Part::contact(const Clock& clock) {
  for (const std::string& text : settings_.connect) {
    const auto remote = parse_endpoint(text);
    if (!remote) return fail(ErrorCode::kInvalid, "--connect: " + remote.error().message);
    peer_->connect(clock.now_us(), *remote);
  }
  return {};
}

void Part::send(const std::vector<ppspp::Datagram>& datagrams) {
  for (const ppspp::Datagram& d : datagrams)
    if (!loss_.strikes()) socket_.send(d.to, d.payload);
}

void Part::take(const Clock& clock) {
  ppspp::Endpoint from;
  for (unsigned n = 0; n < kDatagramsPerTurn; ++n) {
    const auto bytes = socket_.receive(room_, from);
    if (!bytes) return;
    if (!loss_.strikes()) peer_->handle(clock.now_us(), from, ConstBytes(room_).first(*bytes));
  }
}

// Whole chunks, at the rate that was asked for, from the moment on at which somebody listens.
void Part::inject(std::uint64_t now_us) {
  const auto channels = peer_->channels();
  if (stream_us_ == 0 && std::none_of(channels.begin(), channels.end(), [](const auto& c) { return c.open; })) return;
  if (stream_us_ == 0) stream_us_ = now_us;
  const std::size_t chunk = peer_->settings().metadata.chunk_bytes;
  const auto due = static_cast<std::uint64_t>(static_cast<double>(now_us - stream_us_) * settings_.rate / 1e6) + 1;
  for (; injected_ < due && (injected_ + 1) * chunk <= stream_.size(); ++injected_)
    peer_->inject(now_us, ConstBytes(stream_).subspan(injected_ * chunk, chunk));
}

// Chunks are copied as they come: the peer forgets those that left the discard window.
void Part::follow() {
  if (!first_ && peer_->chunks_held() == 0) return;
  if (!first_) {
    first_ = 0;
    while (!peer_->has(*first_)) ++*first_;
    // A subtree comes from its first chunk on, though not in order (RFC 7574 §6.1.2.1).
    *first_ -= *first_ % peer_->settings().metadata.chunks_per_signature;
    next_ = *first_;
  }
  for (; next_ <= settings_.until && peer_->has(next_); ++next_) {
    const ConstBytes chunk = peer_->chunk(next_);
    kept_.emplace_back(chunk.begin(), chunk.end());
  }
}

bool Part::done() const {
  if (settings_.kind == Kind::kLeech) return peer_->complete();
  return settings_.kind == Kind::kFollow && first_ && next_ > settings_.until;
}

std::uint64_t Part::wait_us(std::uint64_t now_us) const {
  const std::uint64_t due = peer_->next_due_us();
  std::uint64_t wait = due <= now_us ? 0 : std::min(due - now_us, kLongestWaitUs);
  if (settings_.kind == Kind::kInject && settings_.rate > 0) wait = std::min(wait, static_cast<std::uint64_t>(1e6 / settings_.rate));
  return wait;
}

void Part::run(const Clock& clock, const std::atomic<bool>& stop) {
  const auto most_us = static_cast<std::uint64_t>(settings_.seconds * 1e6);
  for (std::uint64_t now = clock.now_us(); !stop && (most_us == 0 || now - began_us_ < most_us); now = clock.now_us()) {
    take(clock);
    if (settings_.kind == Kind::kInject) inject(clock.now_us());
    if (settings_.kind == Kind::kFollow) follow();
    send(peer_->poll(clock.now_us()));
    if (done()) break;
    socket_.wait(wait_us(clock.now_us()));
  }
  const std::uint64_t now = clock.now_us();
  peer_->close(now);
  send(peer_->poll(now));
}

Result<Outcome> Part::finish(std::uint64_t now_us) {
  Outcome out;
  out.done = done();
  out.seconds = static_cast<double>(now_us - began_us_) / 1e6;
  out.datagrams_lost = loss_.lost();
  out.counters = peer_->counters();
  out.findings = peer_->findings();
  if (!out.done) return out;
  out.first_chunk = first_.value_or(0);
  out.chunks_written = settings_.kind == Kind::kFollow ? kept_.size() : peer_->chunks_held();
  std::vector<ConstBytes> pieces(kept_.begin(), kept_.end());
  if (settings_.kind == Kind::kLeech) pieces.push_back(peer_->received());
  if (auto written = write_file(settings_.file, pieces); !written) return tl::unexpected(written.error());
  return out;
}

}  // namespace

Result<ppspp::Metadata> metadata_of(const SwarmFile& file) {
  using F = SwarmFile;
  ppspp::Metadata m;
  m.live = file.kind == F::Kind::kLive;
  for (const std::uint8_t byte : file.key) m.swarm_id.push_back(static_cast<std::byte>(byte));
  // The defaults of the file's fields are those of the daemon (peer.proto); the file's numbers are RFC 7574's and one.
  if (file.hash != F::Hash::kDefault) m.hash = static_cast<ppspp::wire::MerkleFunction>(static_cast<int>(file.hash) - 1);
  if (file.addressing != F::Addressing::kDefault)
    m.addressing = static_cast<ppspp::wire::Addressing>(static_cast<int>(file.addressing) - 1);
  m.chunk_bytes = file.chunk_bytes;
  m.content_bytes = m.live ? 0 : file.content_bytes;
  if (m.swarm_id.empty() || m.chunk_bytes == 0) return fail(ErrorCode::kInvalid, "swarm.key and swarm.chunk_bytes are needed");
  if (!m.live && m.content_bytes == 0) return fail(ErrorCode::kInvalid, "swarm.content_bytes is needed");
  if (!m.live) return m;
  if (!file.live) return fail(ErrorCode::kInvalid, "a live swarm needs a [swarm.live] section");
  m.chunks_per_signature = 1u << file.live->munro_level;
  m.discard_window = file.live->discard_window_chunks == 0 ? ppspp::wire::kDiscardNothing : file.live->discard_window_chunks;
  if (file.live->signature_form == F::SignatureForm::kLibswift) m.munro_form = crypto::MunroForm::kLibswift;
  return m;
}

Result<std::shared_ptr<const crypto::SigningKey>> read_key(const std::string& path) {
  auto pem = read_file(path);
  if (!pem) return tl::unexpected(pem.error());
  const std::string_view text(reinterpret_cast<const char*>(pem->data()), pem->size());
  Result<crypto::SigningKey> key = fail(ErrorCode::kInvalid, "no algorithm takes it");
  for (const auto algorithm :
       {crypto::SignatureAlgorithm::kEcdsaP256Sha256, crypto::SignatureAlgorithm::kEcdsaP384Sha384, crypto::SignatureAlgorithm::kRsaSha256})
    if (key = crypto::SigningKey::from_pem(text, algorithm); key) break;
  explicit_bzero(pem->data(), pem->size());
  if (!key) return fail(key.error().code, path + ": " + key.error().message);
  return std::make_shared<const crypto::SigningKey>(std::move(*key));
}

Result<Outcome> play(const PartSettings& settings, const std::atomic<bool>& stop) {
  const auto local = parse_endpoint(settings.listen);
  if (!local) return fail(ErrorCode::kInvalid, "--listen: " + local.error().message);
  const auto file = read_swarm(settings.swarm);
  if (!file) return tl::unexpected(file.error());
  auto socket = UdpSocket::bind(*local);
  if (!socket) return tl::unexpected(socket.error());
  const Clock clock;
  Part part(settings, std::move(*socket), clock.now_us());
  if (auto cast = part.cast(*file, *local); !cast) return tl::unexpected(cast.error());
  if (auto contacted = part.contact(clock); !contacted) return tl::unexpected(contacted.error());
  part.run(clock, stop);
  return part.finish(clock.now_us());
}

}  // namespace mediaward::tools::peer
