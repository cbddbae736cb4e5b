// SPDX-License-Identifier: Apache-2.0
// The content peers of a run behind the tool's port: what makes each of them (tools/ppspp) a host on the segment, their datagrams as
// frames, and the bad network on the way to the appliance. Judges nothing: the peers do, and content_report.h reads it.
// Who owns the port calls it and carries the frames. The port's thread; allocates, other than what is done for media.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "tools/ppspp/peer.h"
#include "tools/swarm_file.h"
#include "tools/traffic/endpoint_host.h"
#include "tools/traffic/frame.h"
#include "tools/traffic/impairment.h"

namespace mediaward::tools::traffic {

struct ContentSettings {
  std::string appliance_v4 = "192.0.2.1", appliance_v6 = "2001:db8::1";
  std::uint16_t appliance_port = 6778;     // of PPSPP
  std::uint32_t strangers = 0;             // leechers that nobody admitted
  double seconds = 60;                     // within which every leecher must have its content
  double least_seconds = 0;                // goes on so long although they have, so that attackers have their time
  double dead_after = 180;                 // seconds of silence after which a peer opens its channel anew
  bool in_turn = false;                    // a leecher begins when the one before has everything
  std::uint32_t window = 32;               // chunks that a peer has asked for, or sent, at a time
  std::uint32_t attack_every = 10;         // every n-th chunk, hash or datagram of an attacker
  std::uint32_t attacks_per_second = 200;  // of attacks that have a rate
  std::uint16_t mtu = 1500;
  std::uint64_t seed = 1;
};

class ContentPlayer {
 public:
  struct Peer {
    std::string name;
    ppspp::PeerSettings settings;
    bool admitted = true;
    bool waits = false;        // the appliance speaks first
    bool must_finish = false;  // an honest leecher
    bool begun = false;        // it has made contact
    Mac mac{};
    Address address, appliance;
    std::unique_ptr<ppspp::PpsppPeer> peer;
    std::uint64_t due_us = 0;
    std::uint64_t sent = 0;                                                             // datagrams, before the bad network
    std::uint64_t other_ports = 0, wrong_source = 0, wrong_mac = 0, bad_checksums = 0;  // datagrams that came
    [[nodiscard]] ppspp::Attack attack() const noexcept { return settings.misbehaviour.attack; }
  };

  [[nodiscard]] static Result<std::unique_ptr<ContentPlayer>> build(const SwarmFile& file, const ContentSettings& settings,
                                                                    const ImpairmentSettings& network,
                                                                    const std::optional<Address>& gateway_v4,
                                                                    const std::optional<Address>& gateway_v6);

  [[nodiscard]] EndpointHost& host() noexcept { return *host_; }
  // The first address that cannot be resolved, and who asks; empty: there is none.
  [[nodiscard]] std::string unresolved() const;

  void start(std::uint64_t now_us);
  // True: it was for a content peer.
  [[nodiscard]] bool accept(const UdpView& view, std::uint64_t now_us, bool l4_known_good);
  void poll(std::uint64_t now_us);
  // The next frame to be sent, without VLAN tag; null: none.
  [[nodiscard]] const std::vector<std::byte>* front() const noexcept { return frames_.empty() ? nullptr : &frames_.front(); }
  void pop() { frames_.pop_front(); }

  // Everybody who must finish has finished.
  [[nodiscard]] bool finished() const noexcept;
  [[nodiscard]] bool over(std::uint64_t now_us) const noexcept;  // finished and not too early, or time is up
  void stop(std::uint64_t now_us);                               // channels are closed

  [[nodiscard]] const std::vector<Peer>& peers() const noexcept { return peers_; }
  [[nodiscard]] const ppspp::Content& content() const noexcept { return *content_; }
  [[nodiscard]] const std::string& swarm() const noexcept { return swarm_; }
  [[nodiscard]] double seconds_of(const Peer& peer) const noexcept;  // until it had everything; 0: it has not
  struct Network {
    std::uint64_t lost = 0, duplicated = 0, delayed = 0;
  };
  [[nodiscard]] const Network& network() const noexcept { return counts_; }
  [[nodiscard]] const ContentSettings& settings() const noexcept { return settings_; }

 private:
  struct Late {
    std::uint32_t behind;  // datagrams of its peer that go first
    std::uint64_t due_us;  // or this time
    std::uint32_t peer;
    std::vector<std::byte> frame;
  };
  explicit ContentPlayer(const ContentSettings& settings, const ImpairmentSettings& network) : settings_(settings), impairment_(network) {}
  Result<void> cast(const SwarmFile& file);
  Result<void> add(const SwarmFile::Admission& admission);
  void add_stranger(std::uint32_t number, const Address& address);
  [[nodiscard]] Result<void> place(Peer peer, const Address& address, std::uint16_t udp_port);
  void begin(Peer& peer, std::uint64_t now_us);
  void begin_next(std::uint64_t now_us);
  void send(std::uint32_t number, const ppspp::Datagram& datagram, std::uint64_t now_us);
  void release_late(std::uint64_t now_us);
  [[nodiscard]] std::vector<std::byte> frame_of(std::uint32_t number, const ppspp::Datagram& datagram) const;

  ContentSettings settings_;
  Impairment impairment_;
  std::shared_ptr<const ppspp::Content> content_;
  std::string swarm_;
  std::vector<Peer> peers_;
  std::map<Address, std::uint32_t> by_address_;
  std::optional<EndpointHost> host_;
  std::deque<std::vector<std::byte>> frames_;
  std::vector<Late> late_;
  Network counts_;
  std::uint64_t started_us_ = 0;
  bool started_ = false;
};

}  // namespace mediaward::tools::traffic
