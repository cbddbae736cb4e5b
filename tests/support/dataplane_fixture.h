// SPDX-License-Identifier: Apache-2.0
// A whole data plane without EAL: core and workers over ports in memory, run loop by loop on the test's own thread, and the
// messages a controller would send. Participants are libsrtp (srtp_peer.h).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crypto/openssl_provider.h"
#include "dataplane/core.h"
#include "tests/support/frames.h"
#include "tests/support/memory_io.h"
#include "tests/support/srtp_peer.h"

namespace mediaward::test {

struct Participant {
  std::string id;
  std::string local = "192.0.2.1", remote;
  std::uint16_t local_port = 0, remote_port = 0;
  crypto::Suite receive_suite = crypto::Suite::kAesCm128HmacSha1_80, send_suite = crypto::Suite::kAesCm128HmacSha1_80;  // kNone: no key
  std::vector<std::uint8_t> receive_key, send_key;
  std::vector<std::uint32_t> ssrcs;
  std::uint8_t dscp = 0;
  std::uint32_t flags = abi::kLegMayReceiveFrom | abi::kLegMaySendTo | abi::kLegRtcpMux;
  std::uint64_t leg_id = 0;
  std::vector<std::uint8_t> receive_mki, send_mki;                  // of the keys above
  std::vector<SrtpMasterKey> more_receive_keys, more_send_keys;     // of the same suites
  std::uint64_t receive_lifetime = 0, receive_srtcp_lifetime = 0, send_lifetime = 0, send_srtcp_lifetime = 0;
  abi::SourcePolicy source_policy = abi::SourcePolicy::kExact;
  abi::SsrcPolicy ssrc_policy = abi::SsrcPolicy::kFixed;
  abi::RtcpPolicy rtcp_policy = abi::RtcpPolicy::kForward;
  std::uint16_t remote_rtcp_port = 0;                               // without kLegRtcpMux
  std::uint16_t replay_window = 0;
  std::uint8_t audio_level_id = 0;
  std::string source_filter;                                        // "192.0.2.0/24"
  unsigned places = 0;                                              // streams for SSRCs that are not known yet

  [[nodiscard]] std::uint16_t remote_rtcp() const { return remote_rtcp_port != 0 ? remote_rtcp_port : static_cast<std::uint16_t>(remote_port + 1); }
};

struct ConferenceOptions {
  abi::ForwardingMode mode = abi::ForwardingMode::kPerParticipantKeys;
  crypto::Suite group_suite = crypto::Suite::kNone;
  std::vector<SrtpMasterKey> group_keys;
  std::uint8_t loudest = 0, hysteresis_db = 0;
  std::uint16_t hold_ms = 0;
  bool spread = false;
};

class Dataplane {
 public:
  struct Options {
    std::size_t workers = 1;
    std::uint16_t burst = 32;
    std::uint16_t vlan = 0;
    std::uint16_t mtu = 1500;
    MemoryIo::Options io{.buffers = 1024};
    std::uint32_t allowed_suites = ~std::uint32_t{0};  // the tests' own policy: NULL ciphers as well
    dataplane::CoreLimits limits{.legs = 256, .slots = 4096, .neighbours = 64, .jobs_per_worker = 1024, .handoff_ring = 256};
    std::function<void(std::uint32_t, std::uint32_t)> steer = {};
    std::uint16_t ppspp_port = 0;                      // of the network peer; 0: none
    dataplane::PeerLimits peer_limits{.cache_bytes = 4 << 20, .swarms = 64, .admissions = 256, .peers = 64, .channels = 64, .guard_flows = 64};
  };

  static constexpr Mac kApplianceMac{0x02, 0, 0, 0, 0, 0x01};
  static constexpr Mac kPeerMac{0x02, 0, 0, 0, 0, 0x10};

  explicit Dataplane(std::unique_ptr<crypto::CryptoProvider> provider) : Dataplane(std::move(provider), Options{}) {}
  Dataplane(std::unique_ptr<crypto::CryptoProvider> provider, Options options);
  Dataplane(Dataplane&&) = delete;  // the core reads the clock of this very object

  // Objects as the controller would send them; the caller batches them into one transaction.
  [[nodiscard]] static dataplane::Operation conference(std::uint64_t id, const ConferenceOptions& options = {});
  [[nodiscard]] static dataplane::Operation leg(std::uint64_t conference, const Participant& p);
  [[nodiscard]] static dataplane::Operation stream(std::uint64_t id, std::uint64_t leg, std::uint32_t ssrc, std::uint32_t roc = 0);
  [[nodiscard]] static dataplane::Operation remove(abi::MessageType type, std::uint64_t id);
  // Between two legs; kOneway: `to` hears `from`.
  [[nodiscard]] static dataplane::Operation topology(std::uint64_t conference, const Participant& from, const Participant& to, abi::TopologyRelation relation);
  [[nodiscard]] static std::vector<dataplane::Operation> conference_of(std::uint64_t id, std::vector<Participant>& participants, const ConferenceOptions& options = {});
  [[nodiscard]] static std::uint64_t place_id(std::uint64_t leg, unsigned number) { return std::uint64_t{1} << 63 | leg << 16 | number; }
  [[nodiscard]] static std::uint64_t stream_id(std::uint64_t leg, std::uint32_t ssrc) { return leg << 32 | ssrc; }

  // Submits and runs the workers until it is applied.
  tl::expected<void, dataplane::Refusal> apply(const std::vector<dataplane::Operation>& operations, dataplane::TransactionOptions options = {});
  // The data plane's clock stands still but for this: tests do not depend on how fast the machine is.
  void advance_ms(std::uint64_t ms) { now_ += ms * 1000; }
  void advance_us(std::uint64_t us) { now_ += us; }
  [[nodiscard]] std::uint64_t now() const { return now_; }
  static constexpr std::uint64_t kTicksPerSecond = 1'000'000;

  // Answers every next hop with kPeerMac, without ARP on the wire.
  void resolve_neighbours();
  // Runs loops until nothing moves any more, at most `most`.
  void run(std::size_t most = 1000);
  // One loop of every worker. True when there was anything to do.
  bool run_once();
  // Everything transmitted since the last call, frame by frame; what it takes, received_by does not see.
  [[nodiscard]] std::vector<Frame> take_frames();

  void send_rtp(const Participant& from, const std::vector<std::uint8_t>& srtp, std::size_t worker = 0);
  // From the participant's RTCP port to ours, or, multiplexed, from and to the RTP ports.
  void send_rtcp(const Participant& from, const std::vector<std::uint8_t>& srtcp, std::size_t worker = 0);
  // From somewhere else than the participant's address.
  void send_from(const std::string& address, std::uint16_t port, const Participant& to, const std::vector<std::uint8_t>& payload);
  [[nodiscard]] UdpFlow flow_from(const Participant& p) const;
  // What went out to this participant since the last call, as UDP payloads; every header is checked on the way.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> received_by(const Participant& p) { return received_at(p, p.local_port, p.remote_port); }
  // The same for RTCP ports of their own.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> rtcp_received_by(const Participant& p) {
    return received_at(p, static_cast<std::uint16_t>(p.local_port + 1), p.remote_rtcp());
  }

  [[nodiscard]] std::uint64_t drops(dataplane::DropReason reason) const;
  [[nodiscard]] std::uint64_t count(dataplane::Counter counter) const;
  // Every counter and drop that is not 0, by name, over all workers.
  [[nodiscard]] std::map<std::string, std::uint64_t> counters() const;
  [[nodiscard]] std::uint64_t leaked() const;

  [[nodiscard]] dataplane::Core& core() { return *core_; }
  [[nodiscard]] MemoryIo& io(std::size_t worker = 0) { return *ios_[worker]; }

 private:
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> received_at(const Participant& p, std::uint16_t local_port, std::uint16_t remote_port);

  std::unique_ptr<crypto::CryptoProvider> provider_;
  std::vector<MemoryIo*> ios_;
  std::unique_ptr<dataplane::Core> core_;
  std::vector<UdpDatagram> inbox_;
  std::uint64_t now_ = 100 * kTicksPerSecond;
};

// Distinct, reproducible key ‖ salt for a suite.
[[nodiscard]] std::vector<std::uint8_t> test_key(crypto::Suite suite, unsigned number);
// A participant with its own addresses, ports, keys and one SSRC, all derived from its number.
[[nodiscard]] Participant make_participant(unsigned number, crypto::Suite suite = crypto::Suite::kAesCm128HmacSha1_80, bool v6 = false);

}  // namespace mediaward::test
