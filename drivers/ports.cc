// SPDX-License-Identifier: Apache-2.0
// Life of a port: attach, configure, queues, start, and back. Offloads are asked for only where hardware or the other side of a
// socket does the work; a PMD that would compute a checksum in software gains nothing over ours.
// Main thread.
#include "drivers/ports.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "drivers/dpdk_compat.h"
#include "drivers/port_mtu.h"
#include "drivers/rss.h"

namespace mediaward::drivers {
namespace {

struct OffloadRow {
  std::uint64_t flag;
  const char* name;
};
constexpr OffloadRow kTxOffloads[] = {{RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, "tx-ipv4-cksum"},
                                      {RTE_ETH_TX_OFFLOAD_UDP_CKSUM, "tx-udp-cksum"},
                                      {RTE_ETH_TX_OFFLOAD_VLAN_INSERT, "tx-vlan-insert"},
                                      {RTE_ETH_TX_OFFLOAD_MULTI_SEGS, "tx-multi-segs"}};
constexpr OffloadRow kRxOffloads[] = {{RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, "rx-ipv4-cksum"},
                                      {RTE_ETH_RX_OFFLOAD_UDP_CKSUM, "rx-udp-cksum"},
                                      {RTE_ETH_RX_OFFLOAD_VLAN_STRIP, "rx-vlan-strip"}};

// What each kind really takes off our hands. A guard passes frames as they are: tags stay where they are, and a guest that was not promised
// that unfinished checksums are taken finishes them (or the vhost side does). On virtio and vhost the UDP checksum stays partial and is
// never computed at all; their VLAN work is software in the PMD, as is all that tap offers.
struct OffloadProfile {
  std::uint64_t rx, tx;
};
OffloadProfile wanted_offloads(const PortConfig& config) {
  OffloadProfile profile{0, RTE_ETH_TX_OFFLOAD_MULTI_SEGS};
  if (!config.offloads || config.is_guard()) return profile;
  if (config.kind == PortKind::kVirtioUser || config.kind == PortKind::kVhostUser) {
    profile.rx |= RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
    profile.tx |= RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
  } else if (config.kind == PortKind::kPci) {
    profile.rx |= RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    profile.tx |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
  }
  return profile;
}

std::string describe_offloads(const rte_eth_conf& conf) {
  std::string out;
  const auto add = [&out](const char* name) { out += (out.empty() ? "" : " ") + std::string(name); };
  for (const auto& row : kRxOffloads)
    if ((conf.rxmode.offloads & row.flag) != 0) add(row.name);
  for (const auto& row : kTxOffloads)
    if ((conf.txmode.offloads & row.flag) != 0) add(row.name);
  return out;
}

bool somebody_listens(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const bool connected = fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (fd >= 0) close(fd);
  return connected;
}

// A socket file left by a process that died would make bind() fail; one that somebody listens on is not ours to take.
Result<void> clear_stale_socket(const PortConfig& config) {
  if (!config.server || access(config.path.c_str(), F_OK) != 0) return {};
  if (somebody_listens(config.path))
    return fail(ErrorCode::kConflict, "port \"" + config.name + "\": another process already listens on " + config.path);
  unlink(config.path.c_str());
  return {};
}

std::string attach_hint(const PortConfig& config) {
  switch (config.kind) {
    case PortKind::kPci: return "bind the device to vfio-pci first, see docs/install.md";
    case PortKind::kVirtioUser: return config.server ? "can the directory of the socket be written?" : "is the vhost-user side listening? Start it first, or set server = true";
    case PortKind::kVhostUser: return "can the directory of the socket be written?";
    case PortKind::kTap: return "needs /dev/net/tun and CAP_NET_ADMIN, and the interface name must be free";
    case PortKind::kAfPacket: return "the interface must exist, and CAP_NET_RAW is needed";
    case PortKind::kAfXdp: return "the interface must exist with enough queues, and CAP_NET_ADMIN and CAP_BPF are needed";
    case PortKind::kPcap: return "can rx_pcap be read and tx_pcap be written?";
  }
  return "";
}

template <std::size_t N>
void copy_text(char (&out)[N], std::string_view text) {
  std::memset(out, 0, N);
  text.copy(out, N - 1);
}

}  // namespace

Error Port::error(const std::string& what, int code) const {
  return {ErrorCode::kUnavailable, "port \"" + config_.name + "\": " + what + ": " + rte_strerror(code < 0 ? -code : code)};
}

Result<std::unique_ptr<Port>> Port::open(const PortConfig& config, const PortOpenSettings& settings) {
  std::unique_ptr<Port> port(new Port());  // make_unique cannot reach the private constructor
  port->config_ = config;
  port->index_ = settings.index;
  port->queues_ = settings.queues;
  port->numa_ = settings.numa;
  port->rx_interrupts_ = settings.rx_interrupts;
  port->workers_ = settings.workers;
  port->refused_chains_ = std::make_unique<ChainCount[]>(settings.queues);
  if (auto done = port->attach(); !done) return tl::unexpected<Error>(done.error());
  if (auto fits = port->check_mtu(); !fits) return tl::unexpected<Error>(fits.error());
  if (port->numa_ < 0) port->numa_ = rte_eth_dev_socket_id(port->port_id_);
  auto pool = PacketPool::create(
      {config.name, pool_packets_for(config, settings.queues), data_room_bytes(config), port->numa_, config.kind == PortKind::kAfXdp});
  if (!pool) return tl::unexpected<Error>(pool.error());
  port->pool_ = std::make_unique<PacketPool>(std::move(*pool));
  if (auto done = port->configure(); !done) return tl::unexpected<Error>(done.error());
  port->choose_mac();
  return port;
}

Result<void> Port::attach() {
  if (auto clear = clear_stale_socket(config_); !clear) return clear;
  const VdevArguments device = vdev_arguments(config_, index_, queues_);
  if (config_.kind != PortKind::kPci) {
    device_name_ = device.name;
    const int status = rte_eal_hotplug_add("vdev", device.name.c_str(), device.arguments.c_str());
    if (status != 0) return tl::unexpected<Error>(error("cannot make " + device.name + " (" + device.arguments + "); " + attach_hint(config_), status));
    attached_ = true;
  }
  if (const int status = rte_eth_dev_get_port_by_name(device.name.c_str(), &port_id_); status != 0) {
    port_id_ = 0xffff;
    return tl::unexpected<Error>(error("no Ethernet device " + device.name + "; " + attach_hint(config_), status));
  }
  return {};
}

// Before anything is sent: what does not fit would be dropped later by the driver or the kernel, where nobody looks.
Result<void> Port::check_mtu() const {
  rte_eth_dev_info device{};
  if (const int status = rte_eth_dev_info_get(port_id_, &device); status != 0) return tl::unexpected<Error>(error("cannot be queried", status));
  MtuLimits limits;
  limits.buffers = mtu_of_room(config_.kind, data_room_bytes(config_));
  if (driver_knows_mtu(config_.kind)) limits.driver = driver_mtu(device.max_mtu, device.max_rx_pktlen);
  if (config_.kind == PortKind::kAfPacket || config_.kind == PortKind::kAfXdp) {
    auto mtu = interface_mtu(config_.interface);
    if (!mtu) return fail(mtu.error().code, "port \"" + config_.name + "\": " + mtu.error().message);
    limits.interface = *mtu;
  }
  return drivers::check_mtu(config_, limits);
}

Result<void> Port::configure() {
  rte_eth_dev_info device{};
  if (const int status = rte_eth_dev_info_get(port_id_, &device); status != 0) return tl::unexpected<Error>(error("cannot be queried", status));
  driver_ = compat::driver_name(device);
  if (queues_ > device.max_rx_queues || queues_ > device.max_tx_queues)
    return fail(ErrorCode::kUnsupported, "port \"" + config_.name + "\": " + std::to_string(queues_) + " queues; nearest valid: " +
                                             std::to_string(std::min(device.max_rx_queues, device.max_tx_queues)));
  rte_eth_conf conf{};
  const OffloadProfile wanted = wanted_offloads(config_);
  conf.rxmode.offloads = wanted.rx & device.rx_offload_capa;
  conf.txmode.offloads = wanted.tx & device.tx_offload_capa;
  if (driver_knows_mtu(config_.kind)) conf.rxmode.mtu = config_.mtu;
  RssChoice rss = choose_rss(config_, queues_, device.flow_type_rss_offloads, device.hash_key_size);
  if (rss.types != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = rss.types;
    conf.rx_adv_conf.rss_conf.rss_key = rss.key.empty() ? nullptr : rss.key.data();
    conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<std::uint8_t>(rss.key.size());
  }
  spread_ = rss.spread;
  conf.intr_conf.rxq = rx_interrupts_ ? 1 : 0;
  int status = rte_eth_dev_configure(port_id_, queues_, queues_, &conf);
  if (status != 0 && rx_interrupts_) {
    rx_interrupts_ = false;
    conf.intr_conf.rxq = 0;
    status = rte_eth_dev_configure(port_id_, queues_, queues_, &conf);
  }
  if (status != 0) return tl::unexpected<Error>(error("cannot be configured; " + attach_hint(config_), status));
  const auto sends = [&conf](std::uint64_t flag) { return (conf.txmode.offloads & flag) != 0; };
  capabilities_ = {sends(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM), sends(RTE_ETH_TX_OFFLOAD_UDP_CKSUM), sends(RTE_ETH_TX_OFFLOAD_VLAN_INSERT),
                   sends(RTE_ETH_TX_OFFLOAD_MULTI_SEGS)};
  offload_text_ = describe_offloads(conf);
  if (auto queues = set_up_queues(); !queues) return queues;
  return adopt_mtu();
}

Result<void> Port::set_up_queues() {
  std::uint16_t rx_size = config_.queue_size, tx_size = config_.queue_size;
  rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &rx_size, &tx_size);
  const unsigned node = numa_ >= 0 ? static_cast<unsigned>(numa_) : static_cast<unsigned>(SOCKET_ID_ANY);
  for (std::uint16_t queue = 0; queue < queues_; ++queue) {
    if (const int status = rte_eth_rx_queue_setup(port_id_, queue, rx_size, node, nullptr, pool_->get()); status != 0)
      return tl::unexpected<Error>(error("receive queue " + std::to_string(queue) + " cannot be set up", status));
    if (const int status = rte_eth_tx_queue_setup(port_id_, queue, tx_size, node, nullptr); status != 0)
      return tl::unexpected<Error>(error("transmit queue " + std::to_string(queue) + " cannot be set up", status));
  }
  return {};
}

// The interface of a tap is ours, and a driver may have taken another MTU than it was given: what counts is what it says afterwards.
Result<void> Port::adopt_mtu() const {
  std::uint32_t adopted = config_.mtu;
  if (config_.kind == PortKind::kTap) {
    if (const int status = rte_eth_dev_set_mtu(port_id_, config_.mtu); status != 0)
      return tl::unexpected<Error>(error("mtu " + std::to_string(config_.mtu) + " cannot be set; " + attach_hint(config_), status));
    auto mtu = interface_mtu(config_.interface);
    if (!mtu) return fail(mtu.error().code, "port \"" + config_.name + "\": " + mtu.error().message);
    adopted = *mtu;
  }
  std::uint16_t driver = 0;
  if (driver_knows_mtu(config_.kind) && rte_eth_dev_get_mtu(port_id_, &driver) == 0) adopted = std::min<std::uint32_t>(adopted, driver);
  MtuLimits limits;
  limits.driver = adopted;
  return drivers::check_mtu(config_, limits);
}

// A NIC gets the configured address; interfaces shared with the kernel keep theirs (the port is promiscuous anyway); virtual
// ports have ours. A tap must differ from its kernel side, which the PMD gave the device's address.
void Port::choose_mac() {
  const bool own = config_.kind == PortKind::kPci || config_.kind == PortKind::kAfPacket || config_.kind == PortKind::kAfXdp;
  rte_ether_addr address{};
  if (config_.mac) {
    mac_ = *config_.mac;
    std::memcpy(address.addr_bytes, mac_.data(), mac_.size());
    if (config_.kind == PortKind::kPci) rte_eth_dev_default_mac_addr_set(port_id_, &address);
  } else if (own && rte_eth_macaddr_get(port_id_, &address) == 0) {
    std::memcpy(mac_.data(), address.addr_bytes, mac_.size());
  } else {
    mac_ = stable_mac(config_);
  }
}

Port::~Port() { close(); }

void Port::close() noexcept {
  stop();
  if (port_id_ != 0xffff && config_.kind == PortKind::kPci) rte_eth_dev_close(port_id_);
  if (std::exchange(attached_, false)) rte_eal_hotplug_remove("vdev", device_name_.c_str());
  port_id_ = 0xffff;
}

Result<void> Port::start() {
  if (started_) return {};
  int status = rte_eth_dev_start(port_id_);
  if (status != 0 && rx_interrupts_) {  // some PMDs refuse interrupts only here
    rx_interrupts_ = false;
    if (auto again = configure(); !again) return again;
    status = rte_eth_dev_start(port_id_);
  }
  if (status != 0) return tl::unexpected<Error>(error("cannot be started; " + attach_hint(config_), status));
  started_ = true;
  // Solicited-node multicast must arrive (RFC 4861 §7.2.1). PMDs without a filter refuse both calls and deliver everything.
  status = rte_eth_promiscuous_enable(port_id_);
  rte_eth_allmulticast_enable(port_id_);
  if (config_.is_guard() && status != 0 && status != -ENOTSUP)
    return tl::unexpected<Error>(error("a guard port must take all frames, and cannot be made promiscuous", status));
  install_bucket_rules();
  return {};
}

// Only NICs: of the virtual kinds none takes a masked port. A refusal leaves RSS.
void Port::install_bucket_rules() {
  if (config_.kind != PortKind::kPci || queues_ == 1 || config_.is_guard()) return;
  std::vector<dataplane::Family> families;
  for (const auto& prefix : config_.addresses)
    if (std::find(families.begin(), families.end(), prefix.address.family) == families.end()) families.push_back(prefix.address.family);
  auto rules = std::make_unique<BucketSteering>(make_flow_rules(port_id_), std::move(families), config_.vlan);
  if (rules->install(workers_)) bucket_rules_ = std::move(rules);
}

void Port::steer(std::uint32_t bucket, std::uint16_t queue) {
  if (bucket_rules_ != nullptr) bucket_rules_->steer(bucket, queue);
}

void Port::stop() noexcept {
  bucket_rules_.reset();
  if (started_) rte_eth_dev_stop(port_id_);
  started_ = false;
}

std::unique_ptr<DpdkPacketIo> Port::make_io(std::uint16_t queue) const {
  std::atomic<std::uint64_t>* const refused_chains = config_.is_guard() ? &refused_chains_[queue].frames : nullptr;
  return std::make_unique<DpdkPacketIo>(port_id_, queue, index_, pool_->get(), capabilities_, refused_chains);
}

dataplane::PortSettings Port::settings() const {
  dataplane::PortSettings out;
  out.name = config_.name;
  out.mac = mac_;
  out.vlan = config_.vlan;
  out.mtu = config_.mtu;
  out.addresses = config_.addresses;
  out.gateway_v4 = config_.gateway_v4;
  out.gateway_v6 = config_.gateway_v6;
  out.media_port_first = config_.media_port_first;
  out.media_port_last = config_.media_port_last;
  out.ppspp_port = config_.ppspp_port;
  out.capabilities = capabilities_;
  return out;
}

LinkState Port::link() const noexcept {
  const compat::Link link = compat::read_link(port_id_);
  return {started_ && link.up, link.speed_mbps};
}

PortStatistics Port::statistics() const noexcept {
  rte_eth_stats raw{};
  if (rte_eth_stats_get(port_id_, &raw) != 0) return {};
  std::uint64_t refused = 0;
  for (std::uint16_t q = 0; q < queues_; ++q) refused += refused_chains_[q].frames.load(std::memory_order_relaxed);
  return {raw.ipackets, raw.ibytes, raw.imissed, raw.ierrors + refused, raw.rx_nombuf, raw.opackets, raw.obytes, raw.oerrors};
}

std::vector<std::pair<std::string, std::uint64_t>> Port::extended_statistics() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  const int count = rte_eth_xstats_get_names(port_id_, nullptr, 0);
  if (count <= 0) return out;
  const auto size = static_cast<unsigned>(count);
  std::vector<rte_eth_xstat_name> names(size);
  std::vector<rte_eth_xstat> values(size);
  if (rte_eth_xstats_get_names(port_id_, names.data(), size) != count || rte_eth_xstats_get(port_id_, values.data(), size) != count) return out;
  for (const auto& value : values)
    if (value.id < size) out.emplace_back(names[value.id].name, value.value);
  return out;
}

abi::PortInfo Port::info() const {
  abi::PortInfo out{};
  out.header = {abi::MessageType::kPortInfo, 0, sizeof out, 0};
  copy_text(out.name, config_.name);
  copy_text(out.kind, to_string(config_.kind));
  copy_text(out.driver, driver_);
  const std::string steered(to_string(steering()));
  std::string does = config_.is_guard() ? "guard-of-" + config_.guard : "";
  for (const std::string& part : {steered, offload_text_})
    if (!part.empty()) does += (does.empty() ? "" : " ") + part;
  copy_text(out.offloads, does);
  std::string addresses;
  for (const auto& prefix : config_.addresses) addresses += (addresses.empty() ? "" : " ") + prefix.to_string();
  copy_text(out.addresses, addresses);
  std::memcpy(out.mac, mac_.data(), mac_.size());
  const LinkState state = link();
  out.link_up = state.up ? 1 : 0;
  out.speed_mbps = state.speed_mbps;
  out.vlan = config_.vlan;
  out.mtu = config_.mtu;
  if (!config_.is_guard()) out.media_port_first = config_.media_port_first, out.media_port_last = config_.media_port_last;
  out.rx_queues = out.tx_queues = queues_;
  out.numa_node = numa_;
  const PortStatistics stats = statistics();
  out.rx_packets = stats.rx_packets, out.rx_bytes = stats.rx_bytes, out.rx_missed = stats.rx_missed, out.rx_errors = stats.rx_errors;
  out.rx_no_buffer = stats.rx_no_buffer, out.tx_packets = stats.tx_packets, out.tx_bytes = stats.tx_bytes, out.tx_errors = stats.tx_errors;
  return out;
}

}  // namespace mediaward::drivers
