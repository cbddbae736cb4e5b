// SPDX-License-Identifier: Apache-2.0
// Any frame to the host's handlers: whole through the classifier, and straight to each handler with an l2 length of the fuzzer's choice,
// for a handler must not rely on a classifier for memory safety. Input: one byte that says how, then a frame.
#include "tests/fuzz/exact_buffer.h"
#include "tests/fuzz/host_port.h"

namespace {

using namespace mediaward;
using namespace mediaward::dataplane;

void check(const Packet& packet, const HostVerdict& verdict) {
  FUZZ_REQUIRE(packet.bytes <= packet.room);
  if (verdict.action == HostAction::kDrop) return FUZZ_REQUIRE(verdict.reason < DropReason::kCount);
  if (verdict.is_reply()) FUZZ_REQUIRE(packet.bytes >= 14 + 28);
}

void handle(test::FuzzPort& port, Packet& packet, unsigned which) {
  static std::uint64_t now = 100 * test::FuzzPort::kHz;
  now += 1000;
  if (which == 0) check(packet, port.host.handle_arp(packet, now));
  if (which == 1) check(packet, port.host.handle_icmp(packet, now));
  if (which == 2) check(packet, port.host.handle_icmpv6(packet, now));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static test::FuzzPort untagged, tagged(100);
  if (size < 1 || size > 2048) return 0;
  const std::uint8_t how = data[0];
  test::FuzzPort& port = (how & 1) != 0 ? tagged : untagged;
  test::ExactPacket frame(data + 1, size - 1, (how & 2) != 0 ? 64 : 0);
  if ((how & 4) != 0) {
    frame.packet.l2_bytes = static_cast<std::uint16_t>(how >> 3);
    handle(port, frame.packet, how % 3u);
    return 0;
  }
  Datagram datagram;
  const Classified c = port.classifier.classify(frame.packet, datagram);
  if (c.lane == Lane::kArp) handle(port, frame.packet, 0);
  if (c.lane == Lane::kIcmp) handle(port, frame.packet, 1);
  if (c.lane == Lane::kIcmpv6) handle(port, frame.packet, 2);
  return 0;
}
