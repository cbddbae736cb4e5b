// SPDX-License-Identifier: Apache-2.0
// The commented default configuration that --print-default-config shows. A test holds it against the defaults of the structs.
// Text only. Any thread.
#include "drivers/config.h"

namespace mediaward::drivers {
namespace {

constexpr std::string_view kDefaultConfig = R"toml(# mediaward-dataplane configuration. Every commented key shows its default.
# Check a file without starting anything:  mediaward-dataplane --check-config FILE
# See which CPU will poll what, and why:   mediaward-dataplane --config FILE --show-plan

[control]
# socket = "/run/mediaward/dataplane.sock"  # where mediaward-controld connects
# mode = "0660"
# group = ""                                # group that owns the socket; "" keeps the process' own

[memory]
# hugepages = "auto"      # auto: when enough are free; yes: fail without; no: ordinary pages
# megabytes = 0           # 0: as much as the ports' pools and queues need
# lock = true             # keep all memory resident

[workers]
# count = 0               # 0: as many as the ports have queues and the machine has cores to spare
# cpus = []               # explicit CPUs, one worker each, for example [2, 3]
# idle = "auto"           # auto, spin, yield, sleep, interrupt: what a worker does when there is nothing to do
# sleep_us = 100          # longest sleep of "sleep" and of "interrupt" where the port cannot interrupt
# burst = 32              # packets per receive call, 4 to 64

[crypto]
# provider = "auto"       # auto, ipsec-mb, openssl, cryptodev (a crypto device of DPDK: docs/hardware-crypto.md)
# isa = "auto"            # auto (measured at start), avx512, avx2, sse
# device = "crypto_aesni_mb"  # cryptodev: crypto_aesni_mb, crypto_openssl, crypto_qat
# addresses = []          # crypto_qat: PCI addresses of its virtual functions, for example ["0000:3b:01.0"]
# sessions = 16384        # cryptodev: 3 for an AES-CM key, 1 for a NULL cipher's, 2 x gcm_header_bytes for an AES-GCM key
# gcm_header_bytes = [12, 20, 24, 28]  # cryptodev: RTP header lengths that AES-GCM keys are prepared for

[srtp]
# allowed_suites = ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"]
#                         # NULL_HMAC_SHA1_80 and NULL_HMAC_SHA1_32 authenticate without encrypting: only where media may be heard by all

[limits]
# legs = 4096
# slots = 65536           # streams received plus (stream, receiver) pairs sent
# neighbours = 1024       # next hops on all ports
# jobs_per_worker = 4096
# handoff_ring = 1024     # packets between two workers, a power of two

[peer]                    # the network peer (content distribution); taken at start when a port has ppspp_port or guard
# cache = "64 MiB"        # of verified chunks, shared out evenly to the workers: at least "512 KiB" for each
# swarms = 10000
# admissions = 100000
# peers = 4096            # that made contact, all swarms
# channels = 1024         # of these peers, per worker
# guard_flows = 4096      # channels seen in passing between guard ports, per worker

# One [[port]] per network the appliance has a foot in; docs/ports.md has an example of every kind.
[[port]]
name = "media0"
kind = "virtio-user"      # pci, virtio-user, vhost-user, tap, af_packet, af_xdp, pcap
path = "/run/mediaward/media0.sock"   # virtio-user, vhost-user: the unix socket between the two sides
# server = false          # this side listens on path (vhost-user: true)
# packed_ring = true      # virtio-user; false for peers that know split rings only
# address = "0000:3b:00.0"  # pci
# interface = "eth1"      # tap (is made), af_packet and af_xdp (must exist, without addresses of its own)
# rx_pcap = "in.pcap"     # pcap
# tx_pcap = "out.pcap"    # pcap
# mac = "02:00:00:00:00:01"  # without: the device's own, or one made from the port's name
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
# gateway_v4 = "192.0.2.254"
# gateway_v6 = "2001:db8::fe"
# media_ports = "20000-39999"  # UDP ports that legs may use
# ppspp_port = 0          # UDP port of the network peer on each of the addresses, outside media_ports, for example 6778; 0: none
# guard = "lan1"          # the port that this one passes all frames to, and gets its frames from; for a pair without addresses
# vlan = 0                # 1 to 4094: every frame carries this tag
# mtu = 1500              # bytes of IP packet
# queues = 0              # 0: one pair per worker
# queue_size = 256        # descriptors per queue and direction, a power of two
# pool_packets = 0        # 0: 2048, or what several queues need; small pools stay in the cache
# offloads = "auto"       # off: checksums and tags in software
)toml";

}  // namespace

std::string_view default_config_text() noexcept { return kDefaultConfig; }

}  // namespace mediaward::drivers
