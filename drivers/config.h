// SPDX-License-Identifier: Apache-2.0
// The configuration of mediaward-dataplane as typed values: what config.cc read from TOML, checked as far as text can be checked.
// Ports, EAL and the plan take these structs and nothing else, so that tools and tests fill them without a file.
// Deliberately no look at the machine: whether a CPU or a device exists is found out by the topology and by the port.
// Main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/error.h"
#include "dataplane/ip_address.h"
#include "dataplane/settings.h"

namespace mediaward::drivers {

enum class PortKind : std::uint8_t { kPci, kVirtioUser, kVhostUser, kTap, kAfPacket, kAfXdp, kPcap };
inline constexpr std::size_t kPortKindCount = 7;
[[nodiscard]] std::string_view to_string(PortKind kind) noexcept;  // "pci", "virtio-user", ...

enum class HugepageUse : std::uint8_t { kAuto, kYes, kNo };

// Bytes of IP packet: what IPv4 hosts must take (RFC 791 §3.1), and jumbo frames.
inline constexpr std::uint16_t kLeastMtu = 576, kMostMtu = 9216;

// Idle policy as asked for; the plan turns it into a dataplane::IdlePolicy.
enum class IdleChoice : std::uint8_t { kAuto, kSpin, kYield, kSleep, kInterrupt };

struct ControlConfig {
  std::string socket_path = "/run/mediaward/dataplane.sock";
  std::uint32_t mode = 0660;  // of the socket
  std::string group;          // empty: the group of the process
};

struct MemoryConfig {
  HugepageUse hugepages = HugepageUse::kAuto;
  std::uint32_t megabytes = 0;  // 0: as much as pools and queues need
  bool lock = true;             // mlockall; a refusal is reported, not fatal
};

// One [[port]]. Only the fields of its kind are set.
struct PortConfig {
  std::string name;             // at most 31 characters, unique
  PortKind kind = PortKind::kVirtioUser;
  std::string address;          // pci: "0000:3b:00.0"
  std::string path;             // virtio-user, vhost-user: unix socket
  bool server = false;          // virtio-user, vhost-user: this side listens
  std::string interface;        // tap (made), af_packet, af_xdp (must exist)
  std::optional<dataplane::MacAddress> mac;  // without: the port's own, or one made from the name
  std::uint16_t queues = 0;     // 0: one per worker
  std::uint16_t queue_size = 256;            // descriptors per queue and direction, power of two
  bool packed_ring = true;      // virtio-user
  std::string rx_pcap, tx_pcap; // pcap: files read and written
  std::uint16_t vlan = 0;       // 0: untagged
  std::uint16_t mtu = 1500;     // bytes of IP packet
  std::vector<dataplane::IpPrefix> addresses;
  std::optional<dataplane::IpAddress> gateway_v4, gateway_v6;
  std::uint16_t media_port_first = 20000, media_port_last = 39999;
  std::uint16_t ppspp_port = 0;  // UDP port of the network peer; 0: none
  std::string guard;            // the other port of a bump in the wire; empty: an ordinary port
  std::uint32_t pool_packets = 0;            // 0: 2048, or what several queues need
  bool offloads = true;         // false: everything in software

  [[nodiscard]] bool is_guard() const noexcept { return !guard.empty(); }  // passes frames unmodified
};

struct WorkersConfig {
  std::uint32_t count = 0;           // 0: the plan decides
  std::vector<std::uint32_t> cpus;   // explicit; its length is the count
  IdleChoice idle = IdleChoice::kAuto;
  std::uint32_t sleep_us = 100;      // longest sleep of the policy "sleep"
  std::uint16_t burst = 32;          // packets per receive call, 4..64
};

struct CryptoConfig {
  std::string provider = "auto";  // auto, ipsec-mb, openssl, cryptodev
  std::string isa = "auto";       // auto, avx512, avx2, sse
  // Only for provider cryptodev (docs/hardware-crypto.md)
  std::string device = "crypto_aesni_mb";  // crypto_aesni_mb, crypto_openssl, crypto_qat
  std::vector<std::string> addresses;      // crypto_qat: PCI addresses of its virtual functions
  std::uint32_t sessions = 16384;          // of DPDK: three for a key of AES-CM, two for each length below for one of AES-GCM
  std::vector<std::uint16_t> gcm_header_bytes{12, 20, 24, 28};  // RTP header lengths that AES-GCM keys are prepared for
};

struct DataplaneConfig {
  std::string file;  // where it came from, for messages
  ControlConfig control;
  MemoryConfig memory;
  std::vector<PortConfig> ports;
  WorkersConfig workers;
  CryptoConfig crypto;
  std::uint32_t allowed_suites = dataplane::kEncryptingSuites;  // [srtp] allowed_suites, as CoreSettings has them
  dataplane::CoreLimits limits;
  dataplane::PeerLimits peer_limits;
};

// What a worker's share of peer.cache must hold at least: 8 extents.
inline constexpr std::uint64_t kLeastCachePerWorker = 8 * 64 * 1024;

// Whether a port has a part in content distribution, as dataplane::has_network_peer.
[[nodiscard]] bool has_network_peer(const DataplaneConfig& config) noexcept;
// "64 MiB"; also KiB and GiB. Nothing when the text is no such size, or more than 2^63 bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;
[[nodiscard]] std::string size_text(std::uint64_t bytes);  // the largest of the units that divides it

// Errors are one line per finding: "FILE:LINE:COLUMN: KEY: what is wrong; nearest valid: ...".
[[nodiscard]] Result<DataplaneConfig> load_config(const std::string& file);
[[nodiscard]] Result<DataplaneConfig> parse_config(std::string_view text, const std::string& file);

// A commented file that parses to the defaults (plus one example port). --print-default-config.
[[nodiscard]] std::string_view default_config_text() noexcept;

// For tools that build a port from a command line: "aa:bb:cc:dd:ee:ff".
[[nodiscard]] std::optional<dataplane::MacAddress> parse_mac(std::string_view text) noexcept;
[[nodiscard]] std::string to_string(const dataplane::MacAddress& mac);

}  // namespace mediaward::drivers
