// SPDX-License-Identifier: Apache-2.0
// What a PpsppPeer is made of: its channels and what is known of each other's chunks and hashes. Private to tools/ppspp.
// Functions are grouped by the file that has them. One thread; allocates.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dataplane/wire/ppspp_message.h"
#include "dataplane/wire/ppspp_writer.h"
#include "tools/ppspp/hash_tree.h"
#include "tools/ppspp/peer.h"
#include "tools/ppspp/ranges.h"

namespace mediaward::tools::ppspp {

inline constexpr std::uint64_t kNever = ~std::uint64_t{0};
inline constexpr wire::ChunkRange kAllChunks{0, ~std::uint64_t{0} >> 1};

struct Channel {
  enum class Phase : std::uint8_t { kOpening, kAnswered, kOpen, kClosed };
  struct Ack {
    std::uint64_t chunk, delay_us;
  };

  Endpoint remote;
  Phase phase = Phase::kOpening;
  bool initiator = false;
  std::uint32_t local_id = 0, remote_id = 0;
  unsigned handshakes = 0;  // sent
  std::uint64_t handshake_due = 0;
  bool answers = false;     // owes the HANDSHAKE that answers
  bool third_sent = false;  // initiator: something went out behind the answer
  bool poke = false;        // a datagram is owed, if only a keep-alive
  bool announced = false;   // all that was there when it opened
  bool closed_by_remote = false;
  std::uint64_t last_sent = 0, last_heard = 0;
  unsigned sent_since_heard = 0;
  std::uint64_t idle_since = 0;  // of the remote's keep-alives: the second in which they are counted
  unsigned idle_count = 0;

  // What the remote wants and has of ours.
  std::deque<std::uint64_t> wanted;  // in the order of REQUESTs
  std::set<std::uint64_t> wanted_set;
  std::map<std::uint64_t, std::uint64_t> in_flight;  // chunk → when sent
  Ranges sent;                                       // ever
  Ranges acked;                                      // by ACK or HAVE
  Ranges told;                                       // announced to it
  std::uint64_t tell_again = 0;                      // HAVEs may be lost, and nothing acknowledges them
  unsigned told_again = 0;
  std::set<std::uint64_t> munros;  // sent to it, by index
  std::uint64_t next_send_at = 0;  // Attack::kSlow
  bool choking = false;            // the remote was told so
  std::uint64_t choke_change = 0;

  // What we want of the remote.
  Ranges claimed;
  bool choked = false;                           // by the remote
  HashBook pending;                              // told by it, not verified
  std::map<std::uint64_t, std::uint64_t> asked;  // chunk → when
  Ranges ever_asked;
  std::vector<Ack> acks;             // to be told
  Ranges news;                       // to be announced
  std::vector<std::uint64_t> cancels;

  [[nodiscard]] bool open() const noexcept { return phase == Phase::kOpen; }
};

class PpsppPeer::State {
 public:
  explicit State(PeerSettings settings);

  // peer_channels.cc
  void connect(const Endpoint& remote);
  void close_all();
  Channel& make_channel(const Endpoint& remote, Channel::Phase phase);
  [[nodiscard]] Channel* find(std::uint32_t local_id);
  void end_channel(Channel& channel);
  void run_timers(Channel& channel);
  void reconnect();
  [[nodiscard]] std::uint64_t due_of(const Channel& channel) const;
  [[nodiscard]] std::uint64_t next_due() const;

  // peer_handshake.cc
  [[nodiscard]] wire::HandshakeOptions options(wire::Side side) const;
  [[nodiscard]] std::string mismatch(const wire::HandshakeOptions& offered, wire::Side side) const;
  void take_first(const Endpoint& from, ConstBytes messages);
  bool take_handshake(Channel& channel, const wire::Message& message, const wire::HandshakeOptions& offered);
  void send_handshake(Channel& channel);

  // peer_intake.cc
  void take(const Endpoint& from, const Endpoint& to, ConstBytes payload);
  void take_messages(Channel& channel, wire::MessageReader& reader);
  bool take_message(Channel& channel, const wire::Message& message);
  void take_keep_alive(Channel& channel);
  void take_integrity(Channel& channel, const wire::Message& message);
  void take_have(Channel& channel, const wire::Message& message);
  void take_ack(Channel& channel, const wire::Message& message);
  void take_request(Channel& channel, const wire::Message& message);
  [[nodiscard]] bool clip(wire::ChunkRange& range, wire::MessageType type);

  // peer_fetch.cc
  void take_data(Channel& channel, const wire::Message& message);
  void keep_chunk(Channel& channel, std::uint64_t chunk, ConstBytes bytes, std::uint64_t delay_us);
  [[nodiscard]] std::optional<std::uint64_t> next_to_ask(const Channel& channel);
  void write_requests(Channel& channel);
  void write_acks(Channel& channel);
  void expire_requests(Channel& channel);
  [[nodiscard]] bool wants(std::uint64_t chunk) const;
  [[nodiscard]] wire::ChunkRange complete_around(std::uint64_t chunk) const;
  [[nodiscard]] bool by_nodes() const noexcept;  // ranges of ACK, HAVE and REQUEST must be nodes
  void each_range(const wire::ChunkRange& range, const std::function<void(const wire::ChunkRange&)>& say) const;

  // peer_serve.cc
  void announce(Channel& channel);
  void tell_again(Channel& channel);
  void write_haves(Channel& channel, const wire::ChunkRange& range);
  void serve(Channel& channel);
  bool serve_chunk(Channel& channel, std::uint64_t chunk);
  void send_chunk(Channel& channel, std::uint64_t chunk, ConstBytes bytes);
  [[nodiscard]] std::vector<Node> hashes_for(const Channel& channel, std::uint64_t chunk) const;
  void write_hashes(Channel& channel, const std::vector<Node>& nodes);
  [[nodiscard]] Blob hash_of(Node node) const;
  [[nodiscard]] bool may_serve(std::uint64_t chunk) const;  // has it, and admits it

  // peer_live.cc
  void inject(ConstBytes chunk);
  void sign_munro(Node munro);
  void take_munro(Channel& channel, const wire::Message& message);
  void write_munro(Channel& channel, Node munro);
  void tune_in(Channel& channel);
  [[nodiscard]] Node munro_of(std::uint64_t chunk) const noexcept { return {munro_level_, chunk >> munro_level_}; }
  [[nodiscard]] Blob munro_text(Node munro, std::uint64_t timestamp, ConstBytes hash) const;
  void discard_old();

  // attack.cc
  [[nodiscard]] Attack attack() const noexcept { return settings_.misbehaviour.attack; }
  [[nodiscard]] bool strikes();  // this one of `every`
  void attack_now();
  void strike(Channel* channel);
  void flood_hashes(Channel& channel);
  void push_chunk(Channel& channel);
  void storm_have(Channel& channel);
  void guess_channel();
  void flood_handshakes(bool same_swarm);
  void send_long_path(Channel& channel, std::uint64_t chunk);
  void toggle_choke(Channel& channel);
  [[nodiscard]] Blob altered(ConstBytes bytes);

  // peer.cc: what goes out, and small things
  [[nodiscard]] wire::MessageWriter& out(Channel& channel);  // the datagram that is being filled
  void put(Channel& channel, const std::function<bool(wire::MessageWriter&)>& write, wire::MessageType type);
  void flush(Channel& channel);  // sends it, if there is anything in it
  void send(Channel* channel, const Endpoint& from, const Endpoint& to, ConstBytes payload);
  void finding(const std::string& text, const std::string& example = {});
  [[nodiscard]] std::uint64_t random() noexcept { return mix_word(random_ += 0x9e3779b97f4a7c15u); }
  [[nodiscard]] bool libswift() const noexcept { return settings_.profile == wire::Profile::kLibswift; }
  [[nodiscard]] bool leeches() const noexcept { return settings_.role != Role::kSeeder; }
  [[nodiscard]] bool serves() const noexcept { return settings_.role != Role::kLeecher || libswift(); }
  [[nodiscard]] ConstBytes chunk(std::uint64_t n) const;
  [[nodiscard]] bool complete() const;
  [[nodiscard]] std::uint64_t wall_us() const noexcept { return settings_.unix_us_at_zero + now_; }

  struct Target {
    Endpoint remote;
    unsigned tries = 0;
    std::uint64_t due = 0;
  };
  struct Munro {
    std::uint64_t timestamp = 0;
    Blob signature;
  };
  struct Note {
    std::string text, example;
    std::uint64_t times = 0;
  };

  PeerSettings settings_;
  PeerCounters counters_;
  wire::Framing framing_;
  std::uint64_t now_ = 0, random_ = 0;
  bool dirty_ = false;  // something arrived since the last poll
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<Target> targets_;
  std::vector<Datagram> outgoing_;

  Channel* filling_ = nullptr;
  Blob room_;
  std::optional<wire::MessageWriter> writer_;

  // Content.
  Blob received_;                         // static, leecher
  std::map<std::uint64_t, Blob> stream_;  // live
  Ranges held_;
  std::map<std::uint64_t, std::uint64_t> asked_;  // chunk → channels that were asked
  std::unique_ptr<ReceiverTree> tree_;
  std::optional<std::uint64_t> completed_;

  // Live.
  unsigned munro_level_ = 0;
  std::optional<crypto::SignatureKey> key_;
  std::map<std::uint64_t, Munro> munros_;  // by index
  std::uint64_t injected_ = 0;
  std::uint64_t oldest_ = 0;  // what is before it has been discarded

  std::uint64_t opportunities_ = 0;  // to misbehave
  std::uint64_t next_strike_ = 0, pushed_ = 0;

  std::vector<Note> notes_;
  std::vector<std::string> findings_;
};

}  // namespace mediaward::tools::ppspp
