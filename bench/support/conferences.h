// SPDX-License-Identifier: Apache-2.0
// The load of the path benchmarks: conferences of two in which each participant sends one stream, every key different. One flow is one
// participant: what it sends is opened under its receive key and sealed for its partner under the partner's send key.
// Addresses are documentation ranges; keys are reproducible and worth nothing. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/suite.h"
#include "dataplane/core.h"

namespace mediaward::bench {

inline constexpr std::size_t kFlows = 64;  // 32 conferences of two: 64 streams

struct Flow {
  std::uint64_t leg_id = 0;
  std::uint32_t remote_address = 0;          // host order
  std::uint16_t local_port = 0, remote_port = 0;
  std::uint32_t ssrc = 0;
  std::size_t partner = 0;                   // index of the flow that receives what this one sends
  std::vector<std::uint8_t> receive_key, send_key;  // key ‖ salt, as libsrtp wants them
};

inline constexpr std::uint32_t kLocalAddress = 0xc0000201;  // 192.0.2.1
inline constexpr dataplane::MacAddress kApplianceMac{std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
inline constexpr dataplane::MacAddress kPeerMac{std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{16}};

[[nodiscard]] std::vector<Flow> make_flows(crypto::Suite suite);
// Everything of one transaction, as the controller would send it.
[[nodiscard]] std::vector<dataplane::Operation> make_operations(crypto::Suite suite, const std::vector<Flow>& flows);
// One port, one worker, burst 32. Owns `io` afterwards.
[[nodiscard]] dataplane::CoreSettings make_settings(std::unique_ptr<dataplane::PacketIo> io);

}  // namespace mediaward::bench
