// SPDX-License-Identifier: Apache-2.0
// Checks across the keys of a configuration, one function per rule, each naming the nearest valid value where there is one.
// Values only: nothing here looks at the machine. Main thread.
#include "drivers/config_check.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <regex>

#include "drivers/pool_size.h"

namespace mediaward::drivers {
namespace {

using config::TomlTable;
using dataplane::Family;
using dataplane::IpPrefix;

constexpr std::size_t kMaxSocketPath = 107;    // sizeof(sockaddr_un::sun_path) - 1
constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ - 1

bool plain_word(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || more.find(c) != std::string_view::npos;
  });
}

// What the key itself may hold. Commas would end a device argument.
void check_words(TomlTable& table, const PortConfig& port) {
  if (table.has("name") && (port.name.size() > 31 || !plain_word(port.name, "_.-")))
    table.fail("name", "`" + port.name + "` is not 1 to 31 letters, digits, '_', '.' or '-'");
  if (table.has("path") && (port.path.size() > kMaxSocketPath || !port.path.starts_with('/') || port.path.find(',') != std::string::npos))
    table.fail("path", "`" + port.path + "` is not an absolute socket path of at most " + std::to_string(kMaxSocketPath) +
                           " characters without ','");
  if (table.has("interface") && (port.interface.size() > kMaxInterfaceName || !plain_word(port.interface, "_.-@")))
    table.fail("interface", "`" + port.interface + "` is not an interface name (1 to 15 letters, digits, '_', '.', '-')");
  for (const auto& [key, file] : {std::pair{"rx_pcap", &port.rx_pcap}, std::pair{"tx_pcap", &port.tx_pcap}})
    if (table.has(key) && (file->empty() || file->find(',') != std::string::npos)) table.fail(key, "must be a file name without ','");
}

void check_pci_address(TomlTable& table, const char* key, const std::string& address) {
  static const std::regex kFull("[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\\.[0-7]");
  static const std::regex kShort("[0-9a-fA-F]{2}:[01][0-9a-fA-F]\\.[0-7]");
  if (std::regex_match(address, kFull)) return;
  const std::string nearest = std::regex_match(address, kShort) ? "0000:" + address : "0000:3b:00.0";
  table.fail(key, "`" + address + "` is not a PCI address; nearest valid: \"" + nearest + "\"");
}

void check_pci(TomlTable& table, const PortConfig& port) {
  if (port.kind == PortKind::kPci && table.has("address")) check_pci_address(table, "address", port.address);
}

void check_sizes(TomlTable& table, const PortConfig& port) {
  if (!std::has_single_bit(port.queue_size))
    table.fail("queue_size", std::to_string(port.queue_size) + " is not a power of two; nearest valid: " +
                                 std::to_string(std::bit_ceil(static_cast<unsigned>(port.queue_size))));
  const std::uint16_t queues = std::max<std::uint16_t>(port.queues, 1);
  const std::uint32_t least = minimum_pool_packets(port.kind, queues, port.queue_size);
  if (port.pool_packets != 0 && port.pool_packets < least)
    table.fail("pool_packets", std::to_string(port.pool_packets) + " cannot fill " + std::to_string(queues) + " queue(s) of " +
                                   std::to_string(port.queue_size) + "; nearest valid: " + std::to_string(least));
  if (port.kind == PortKind::kPcap && port.queues > 1) table.fail("queues", "a pcap port has one queue; nearest valid: 1");
  if (port.kind == PortKind::kPcap && port.rx_pcap.empty() && port.tx_pcap.empty())
    table.fail("", "a pcap port needs rx_pcap, tx_pcap or both");
}

void check_mac(TomlTable& table, const PortConfig& port) {
  if (!port.mac) return;
  const bool zero = std::all_of(port.mac->begin(), port.mac->end(), [](std::byte b) { return b == std::byte{0}; });
  auto nearest = *port.mac;
  nearest[0] = (nearest[0] & std::byte{0xfe}) | (zero ? std::byte{0x02} : std::byte{0});
  if (zero || nearest != *port.mac)
    table.fail("mac", to_string(*port.mac) + " is not a unicast address; nearest valid: \"" + to_string(nearest) + "\"");
}

bool is_network_or_broadcast(const IpPrefix& prefix) {
  if (prefix.address.family != Family::kIpv4 || prefix.bits > 30) return false;  // RFC 3021: /31 has neither
  const std::uint32_t host_mask = prefix.bits == 0 ? ~0u : (1u << (32 - prefix.bits)) - 1;
  const std::uint32_t host = load_be32(prefix.address.bytes.data()) & host_mask;
  return host == 0 || host == host_mask;
}

void check_addresses(TomlTable& table, const PortConfig& port) {
  for (const auto& prefix : port.addresses) {
    const auto& address = prefix.address;
    if (prefix.bits == 0) table.fail("addresses", "`" + prefix.to_string() + "`: prefix length 0 makes every host on-link; use a gateway");
    if (address.is_multicast() || address.is_loopback() || address.is_unspecified() || is_network_or_broadcast(prefix))
      table.fail("addresses", "`" + prefix.to_string() + "` is not an address of one host (multicast, loopback, network, broadcast or zero)");
    if (address.family == Family::kIpv6 && port.mtu < 1280)
      table.fail("mtu", std::to_string(port.mtu) + " is below what IPv6 requires (RFC 8200 §5); nearest valid: 1280");
  }
}

void check_gateway(TomlTable& table, const char* key, const PortConfig& port, const std::optional<dataplane::IpAddress>& gateway, Family family) {
  if (!gateway) return;
  if (gateway->family != family) return table.fail(key, "`" + gateway->to_string() + "` belongs to the other address family");
  bool on_link = family == Family::kIpv6 && gateway->is_link_local();
  for (const auto& prefix : port.addresses) {
    if (prefix.address == *gateway) table.fail(key, "`" + gateway->to_string() + "` is an address of this port itself");
    on_link = on_link || prefix.contains(*gateway);
  }
  if (!on_link) table.fail(key, "`" + gateway->to_string() + "` lies in none of the networks of this port's addresses");
}

// Two ports that claim one thing. `what` names it, an empty value claims nothing.
void check_collision(TomlTable& table, const char* key, const std::string& mine, const std::string& other, const PortConfig& owner) {
  if (!mine.empty() && mine == other) table.fail(key, "`" + mine + "` is already taken by port \"" + owner.name + "\"");
}

bool networks_overlap(const IpPrefix& a, const IpPrefix& b) {
  if (a.address.family != b.address.family) return false;
  if (a.address.is_link_local() && b.address.is_link_local()) return a.address == b.address;
  return a.contains(b.address) || b.contains(a.address);
}

void check_pair(TomlTable& table, const PortConfig& port, const PortConfig& earlier) {
  if (port.name == earlier.name && !port.name.empty()) table.fail("name", "`" + port.name + "` is the name of an earlier port");
  check_collision(table, "address", port.address, earlier.address, earlier);
  check_collision(table, "path", port.path, earlier.path, earlier);
  check_collision(table, "interface", port.interface, earlier.interface, earlier);
  check_collision(table, "tx_pcap", port.tx_pcap, earlier.tx_pcap, earlier);
  for (const auto& mine : port.addresses)
    for (const auto& theirs : earlier.addresses)
      if (networks_overlap(mine, theirs))
        table.fail("addresses", "`" + mine.to_string() + "` overlaps `" + theirs.to_string() + "` of port \"" + earlier.name + "\"");
}

void check_duplicate_addresses(TomlTable& table, const PortConfig& port) {
  for (std::size_t i = 0; i < port.addresses.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (port.addresses[i].address == port.addresses[j].address)
        table.fail("addresses", "`" + port.addresses[i].address.to_string() + "` is named twice");
}

void check_workers(TomlTable table, const DataplaneConfig& config) {
  const auto& cpus = config.workers.cpus;
  for (std::size_t i = 0; i < cpus.size(); ++i)
    if (std::find(cpus.begin(), cpus.begin() + static_cast<std::ptrdiff_t>(i), cpus[i]) != cpus.begin() + static_cast<std::ptrdiff_t>(i))
      table.fail("cpus", "CPU " + std::to_string(cpus[i]) + " is named twice");
  if (!cpus.empty() && config.workers.count != 0 && config.workers.count != cpus.size())
    table.fail("count", std::to_string(config.workers.count) + " workers, but cpus names " + std::to_string(cpus.size()) +
                            "; nearest valid: leave count out");
  if (cpus.size() > 64) table.fail("cpus", "at most 64 workers");
}

void check_crypto_device(TomlTable& table, const DataplaneConfig& config) {
  const CryptoConfig& crypto = config.crypto;
  const bool qat = crypto.device == "crypto_qat";
  if (!qat && crypto.device != "crypto_aesni_mb" && crypto.device != "crypto_openssl")
    table.fail("device", "`" + crypto.device +
                             "` is not known; nearest valid: \"crypto_aesni_mb\", \"crypto_openssl\", \"crypto_qat\" or a PCI address");
  if (qat && crypto.addresses.empty())
    table.fail("addresses", "crypto_qat needs the PCI addresses of its virtual functions; nearest valid: [\"0000:3b:01.0\"]");
  if (!qat && !crypto.addresses.empty()) table.fail("addresses", "belongs to device \"crypto_qat\"; " + crypto.device + " has no address");
  if (qat && config.memory.hugepages == HugepageUse::kNo)
    table.fail("device", "crypto_qat needs hugepages; nearest valid: memory.hugepages = \"auto\"");
  for (const std::string& address : crypto.addresses) {
    check_pci_address(table, "addresses", address);
    if (std::count(crypto.addresses.begin(), crypto.addresses.end(), address) > 1)
      table.fail("addresses", "`" + address + "` is named twice");
    for (const auto& port : config.ports)
      if (port.address == address) table.fail("addresses", "`" + address + "` is already taken by port \"" + port.name + "\"");
  }
}

void check_gcm_header_bytes(TomlTable& table, const std::vector<std::uint16_t>& lengths) {
  if (lengths.empty() || lengths.size() > 8) table.fail("gcm_header_bytes", "must name 1 to 8 lengths; nearest valid: [12, 20, 24, 28]");
  for (const std::uint16_t bytes : lengths) {
    if (bytes % 4 != 0)  // RFC 3550 §5.1
      table.fail("gcm_header_bytes",
                 std::to_string(bytes) + " is not a length of RTP headers; nearest valid: " + std::to_string(bytes / 4 * 4));
    if (std::count(lengths.begin(), lengths.end(), bytes) > 1) table.fail("gcm_header_bytes", std::to_string(bytes) + " is named twice");
  }
}

void check_crypto(TomlTable table, const DataplaneConfig& config) {
  const CryptoConfig& crypto = config.crypto;
  if (crypto.provider == "openssl" && crypto.isa != "auto")
    table.fail("isa", "the OpenSSL provider picks its own instruction set; nearest valid: isa = \"auto\"");
  if (crypto.provider == "cryptodev" && crypto.isa != "auto")
    table.fail("isa", "the driver of the device picks its own instruction set; nearest valid: isa = \"auto\"");
  check_gcm_header_bytes(table, crypto.gcm_header_bytes);
  if (crypto.provider == "cryptodev") return check_crypto_device(table, config);
  if (crypto.device != CryptoConfig{}.device || !crypto.addresses.empty())
    table.fail("device", "is used by provider = \"cryptodev\" only, and provider is \"" + crypto.provider + "\"");
}

void check_worker_queues(TomlTable& table, const PortConfig& port, const DataplaneConfig& config) {
  const std::size_t workers = config.workers.cpus.empty() ? config.workers.count : config.workers.cpus.size();
  const std::size_t queues = port.kind == PortKind::kPcap ? 1 : port.queues;
  if (queues != 0 && workers > queues)
    table.fail("queues", std::to_string(queues) + " queue(s) for " + std::to_string(workers) + " workers: every worker sends on a queue of its own; " +
                             (port.kind == PortKind::kPcap ? "nearest valid: workers.count = 1" : "nearest valid: " + std::to_string(workers)));
}

}  // namespace

void check_config(TomlTable& root, std::vector<TomlTable>& port_tables, const DataplaneConfig& config) {
  if (config.ports.empty()) root.fail("port", "no [[port]] is configured; at least one is needed");
  if (config.ports.size() > 16) root.fail("port", "at most 16 ports");
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    TomlTable& table = port_tables[i];
    const PortConfig& port = config.ports[i];
    check_words(table, port);
    check_pci(table, port);
    check_sizes(table, port);
    check_mac(table, port);
    check_addresses(table, port);
    check_duplicate_addresses(table, port);
    check_gateway(table, "gateway_v4", port, port.gateway_v4, Family::kIpv4);
    check_gateway(table, "gateway_v6", port, port.gateway_v6, Family::kIpv6);
    check_worker_queues(table, port, config);
    for (std::size_t j = 0; j < i; ++j) check_pair(table, port, config.ports[j]);
    if (port.path == config.control.socket_path && !port.path.empty()) table.fail("path", "`" + port.path + "` is the control socket");
    if (port.kind == PortKind::kPci && config.memory.hugepages == HugepageUse::kNo)
      table.fail("kind", "a pci port needs hugepages; nearest valid: memory.hugepages = \"auto\"");
  }
  check_peer(root, port_tables, config);
  if (auto control = root.table("control"); control && (config.control.socket_path.size() > kMaxSocketPath || !config.control.socket_path.starts_with('/')))
    control->fail("socket", "must be an absolute path of at most " + std::to_string(kMaxSocketPath) + " characters");
  if (auto memory = root.table("memory"); memory && config.memory.megabytes != 0 && config.memory.megabytes < 32)
    memory->fail("megabytes", std::to_string(config.memory.megabytes) + " is too little; nearest valid: 0 (automatic) or 32");
  if (auto workers = root.table("workers")) check_workers(*workers, config);
  if (auto crypto = root.table("crypto")) check_crypto(*crypto, config);
  if (auto limits = root.table("limits"); limits && !std::has_single_bit(config.limits.handoff_ring))
    limits->fail("handoff_ring", std::to_string(config.limits.handoff_ring) + " is not a power of two; nearest valid: " +
                                     std::to_string(std::bit_ceil(config.limits.handoff_ring)));
}

}  // namespace mediaward::drivers
