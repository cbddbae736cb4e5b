// SPDX-License-Identifier: Apache-2.0
// A peer of RFC 7574 for tools and tests: seeder, leecher or both, of one swarm, with any number of channels; static content or a live
// stream. Written apart from the appliance's own service on purpose, of which it shares only the codec: it judges what it gets by
// libcrypto and a plain tree, and says in words what was wrong with the other side. It can misbehave on purpose (misbehaviour.h).
// No sockets and no clock: the caller carries datagrams and tells the time, in microseconds, never backwards. The same calls with the same
// seed yield the same datagrams. It loses nothing by itself: loss, duplicates and reordering are the carrier's. One thread; allocates.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/signature_signing.h"
#include "dataplane/wire/ppspp_options.h"
#include "tools/ppspp/metadata.h"
#include "tools/ppspp/misbehaviour.h"

namespace mediaward::tools::ppspp {

struct Endpoint {
  bool v6 = false;
  std::array<std::byte, 16> address{};  // network order; IPv4 in the first 4, zeros behind
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const noexcept = default;
  [[nodiscard]] std::string to_string() const;
};
[[nodiscard]] Endpoint endpoint_v4(std::uint32_t address, std::uint16_t port) noexcept;  // 0x7f000001: 127.0.0.1

struct Datagram {
  Endpoint from, to;  // `from` is the peer's own but for Attack::kSpoofedPorts
  Blob payload;
};

enum class Role : std::uint8_t { kSeeder, kLeecher, kBoth };  // kBoth: gets the content and serves what it has of it

struct PeerSettings {
  std::string name = "peer";  // in findings
  Role role = Role::kLeecher;
  Metadata metadata{};
  std::shared_ptr<const Content> content{};                 // seeder of static content
  std::shared_ptr<const crypto::SigningKey> signing_key{};  // injector of a live swarm
  Endpoint local{};
  wire::Profile profile = wire::Profile::kRfc;  // kLibswift: behaves like the reference implementation, which has deviations of its own
  std::uint64_t seed = 1;
  std::size_t max_payload = 1472;              // of a UDP datagram, either way
  std::uint32_t request_window = 32;           // chunks asked for and not yet here, per channel; libswift: one chunk per REQUEST
  std::uint32_t send_window = 32;              // chunks sent and not yet acknowledged, per channel
  std::uint64_t request_timeout_us = 500'000;  // asked again then
  std::uint64_t send_timeout_us = 500'000;     // taken as lost then
  std::uint64_t handshake_timeout_us = 500'000;
  std::uint32_t max_handshakes = 20;  // unanswered ones before it gives up
  std::uint64_t keep_alive_us = 20'000'000;
  std::uint64_t dead_us = 180'000'000;     // RFC 7574 §3.12: silence after which a channel is over, and opened anew by who had opened it
  std::optional<wire::ChunkRange> want{};  // leecher: these chunks only; live without it: whatever is announced
  bool random_order = false;               // of REQUESTs
  bool optimistic_hashes = false;          // reckons with hashes that are on their way, as libswift always does (RFC 7574 §5.3)
  bool announces = true;                   // kBoth, libswift: HAVE of chunks that were received
  bool verifies = true;                    // false: everything that has the right length is taken (to see what others let through)
  bool expects_silence = false;            // not admitted: any datagram that comes is a finding
  std::uint64_t unix_us_at_zero = 0;       // live: CLOCK_REALTIME when the caller's clock was 0
  Misbehaviour misbehaviour{};
};

struct PeerCounters {
  std::uint64_t datagrams_sent = 0, datagrams_received = 0, bytes_sent = 0, bytes_received = 0;
  std::array<std::uint64_t, wire::kMessageTypes> sent{}, received{};  // messages by type
  std::uint64_t keep_alives_sent = 0, keep_alives_received = 0;
  std::uint64_t content_bytes_sent = 0;      // of DATA
  std::uint64_t content_bytes_received = 0;  // of chunks that were good and new
  std::uint64_t chunks_good = 0, chunks_bad = 0, chunks_unverifiable = 0, chunks_duplicate = 0, chunks_unrequested = 0;
  std::uint64_t requests_repeated = 0, sends_lost = 0;  // by timeout
  std::uint64_t misdeeds = 0;                           // things done wrong on purpose
  std::uint64_t unreadable = 0;                         // datagrams that the codec refused
  std::uint64_t channels_unknown = 0;                   // datagrams to no channel of ours
  [[nodiscard]] std::uint64_t sent_of(wire::MessageType type) const noexcept { return sent[static_cast<std::size_t>(type)]; }
  [[nodiscard]] std::uint64_t received_of(wire::MessageType type) const noexcept { return received[static_cast<std::size_t>(type)]; }
};

struct ChannelView {
  Endpoint remote;
  std::uint32_t local_id = 0, remote_id = 0;
  bool open = false;  // HANDSHAKEs went both ways
  bool closed_by_remote = false;
  bool choked_by_remote = false;
  std::uint64_t claimed = 0;  // chunks that the remote announced
};

class PpsppPeer {
 public:
  explicit PpsppPeer(PeerSettings settings);
  ~PpsppPeer();
  PpsppPeer(PpsppPeer&&) noexcept;
  PpsppPeer& operator=(PpsppPeer&&) noexcept;

  // Opens a channel; the HANDSHAKE goes with the next poll. Without, the peer waits to be contacted.
  void connect(std::uint64_t now_us, const Endpoint& remote);
  void close(std::uint64_t now_us);  // all channels, with a HANDSHAKE that says so (RFC 7574 §8.4)

  // A datagram has arrived, at `to` when that is not the peer's own endpoint.
  void handle(std::uint64_t now_us, const Endpoint& from, ConstBytes payload);
  void handle(std::uint64_t now_us, const Endpoint& from, const Endpoint& to, ConstBytes payload);
  // Everything that is due, in order. Call it after handle(), and not later than next_due_us().
  [[nodiscard]] std::vector<Datagram> poll(std::uint64_t now_us);
  [[nodiscard]] std::uint64_t next_due_us() const noexcept;

  // Injector: appends a chunk of metadata.chunk_bytes; a munro is signed when its subtree is full.
  void inject(std::uint64_t now_us, ConstBytes chunk);

  [[nodiscard]] const PeerSettings& settings() const noexcept;
  [[nodiscard]] const PeerCounters& counters() const noexcept;
  // What the other side did against the protocol, each once with its number. Empty: nothing.
  [[nodiscard]] const std::vector<std::string>& findings() const noexcept;
  [[nodiscard]] std::vector<ChannelView> channels() const;

  [[nodiscard]] bool has(std::uint64_t chunk) const noexcept;
  [[nodiscard]] std::uint64_t chunks_held() const noexcept;
  [[nodiscard]] ConstBytes chunk(std::uint64_t n) const noexcept;  // empty: not held
  [[nodiscard]] bool complete() const noexcept;                    // all that it wants, verified
  [[nodiscard]] std::optional<std::uint64_t> completed_us() const noexcept;
  // Static: the content as far as it came, gaps as zeros.
  [[nodiscard]] ConstBytes received() const noexcept;
  [[nodiscard]] bool identical_to(ConstBytes content) const noexcept;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace mediaward::tools::ppspp
