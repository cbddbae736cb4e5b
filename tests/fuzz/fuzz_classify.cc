// SPDX-License-Identifier: Apache-2.0
// Any frame, on an untagged and on a tagged port: a lane or a reason, every offset inside the frame, nothing changed, then the RTP parser
// on what is media. Input: a frame.
#include "dataplane/wire/rtp.h"
#include "tests/fuzz/exact_buffer.h"
#include "tests/fuzz/host_port.h"

namespace {

using namespace mediaward;
using namespace mediaward::dataplane;

void classify(test::FuzzPort& port, const std::uint8_t* data, std::size_t size) {
  test::ExactPacket frame(data, size);
  Packet& packet = frame.packet;
  Datagram d;
  const Classified c = port.classifier.classify(packet, d);
  FUZZ_REQUIRE(size == 0 || std::memcmp(packet.data, data, size) == 0);
  if (c.lane == Lane::kDrop) return FUZZ_REQUIRE(c.reason < DropReason::kCount);
  FUZZ_REQUIRE(packet.l2_bytes >= 14 && packet.l2_bytes <= size);
  if (c.lane != Lane::kMedia) return;
  FUZZ_REQUIRE(d.payload >= packet.data + packet.l2_bytes + packet.l3_bytes + 8);
  FUZZ_REQUIRE(d.payload + d.bytes <= packet.data + size);
  FUZZ_REQUIRE(d.source >= packet.data + packet.l2_bytes && d.source < d.payload);
  FUZZ_REQUIRE(d.address_index < port.settings.addresses.size());
  if (!is_media(d.payload, d.bytes)) return (void)not_media(d.payload, d.bytes);
  wire::RtpHeaderInfo rtp;
  if (wire::parse_rtp({d.payload, d.bytes}, rtp) == wire::RtpError::kNone) FUZZ_REQUIRE(rtp.header_bytes <= d.bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static test::FuzzPort untagged, tagged(100);
  if (size > 2048) return 0;
  classify(untagged, data, size);
  classify(tagged, data, size);
  return 0;
}
