// SPDX-License-Identifier: Apache-2.0
// The port that frames of the corpus are addressed to: that of the packet cases.
// Fuzz targets only; single thread.
#pragma once

#include "dataplane/classify.h"
#include "dataplane/host.h"

namespace mediaward::test {

struct FuzzPort {
  explicit FuzzPort(std::uint16_t vlan = 0) : settings(make(vlan)) {
    for (const char* text : {"192.0.2.11", "2001:db8::d"})
      if (!table.acquire(*dataplane::IpAddress::parse(text))) std::abort();
  }
  static dataplane::PortSettings make(std::uint16_t vlan) {
    dataplane::PortSettings port;
    port.name = "media0";
    port.mac = {std::byte{2}, {}, {}, {}, {}, std::byte{1}};
    port.vlan = vlan;
    for (const char* text : {"192.0.2.1/24", "2001:db8::1/64", "198.51.100.1/24"}) port.addresses.push_back(*dataplane::IpPrefix::parse(text));
    return port;
  }
  static constexpr std::uint64_t kHz = 1'000'000;
  dataplane::PortSettings settings;
  dataplane::NeighbourBudget budget{8};
  dataplane::NeighbourTable table{settings, 0, budget, kHz};
  dataplane::TokenBucket bucket{kHz, 1'000'000, 1'000'000};
  dataplane::Host host{settings, table, bucket};
  dataplane::Classifier classifier{settings, host};
};

}  // namespace mediaward::test
