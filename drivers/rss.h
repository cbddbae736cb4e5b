// SPDX-License-Identifier: Apache-2.0
// How a NIC spreads packets over its receive queues by hash (RSS), where it has no rules for buckets (steering.h).
// A guard port sees both directions of a flow, one on each port of the pair: hashed alike, they meet at one worker without being handed
// over. Values only: the port asks for what is chosen here. Main thread.
#pragma once

#include <cstdint>
#include <vector>

#include "drivers/config.h"
#include "drivers/steering.h"

namespace mediaward::drivers {

struct RssChoice {
  std::uint64_t types = 0;        // RTE_ETH_RSS_*; 0: no RSS
  std::vector<std::uint8_t> key;  // empty: the driver's own
  Steering spread = Steering::kSingleQueue;
};

// offered: flow types that the device can hash; key_bytes: of its hash key, 0 when it takes none.
[[nodiscard]] RssChoice choose_rss(const PortConfig& config, std::uint16_t queues, std::uint64_t offered, std::uint8_t key_bytes);

}  // namespace mediaward::drivers
