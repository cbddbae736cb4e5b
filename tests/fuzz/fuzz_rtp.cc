// SPDX-License-Identifier: Apache-2.0
// Any UDP payload through the RTP parser: the header it measures lies inside, and is as long as RFC 3550 §5.1 says, counted again here.
// Input: an RTP packet.
#include "crypto/bytes.h"
#include "dataplane/classify.h"
#include "dataplane/wire/rtp.h"
#include "tests/fuzz/exact_buffer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mediaward;
  using namespace mediaward::dataplane;
  if (size > 65535) return 0;
  test::ExactPacket exact(data, size);
  if (!is_media(exact.packet.data, exact.packet.bytes)) (void)not_media(exact.packet.data, exact.packet.bytes);
  wire::RtpHeaderInfo rtp;
  const auto error = wire::parse_rtp({exact.packet.data, size}, rtp);
  std::size_t want = 12;
  bool good = size >= 12 && (data[0] >> 6) == 2;
  if (good) want += 4u * (data[0] & 15u);
  good = good && want <= size;
  if (good && (data[0] & 0x10) != 0) {
    good = want + 4 <= size;
    if (good) want += 4 + 4 * (std::size_t{data[want + 2]} << 8 | data[want + 3]);
    good = good && want <= size;
  }
  FUZZ_REQUIRE(good == (error == wire::RtpError::kNone));
  if (good) FUZZ_REQUIRE(rtp.header_bytes == want);
  return 0;
}
