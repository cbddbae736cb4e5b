// SPDX-License-Identifier: Apache-2.0
// Any bytes as decrypted RTCP, and as RTP with header extensions: whether a compound's lengths add up is counted again here
// (RFC 3550 A.2), and the audio level lies inside the header it was found in (RFC 6464, RFC 8285).
// Input: extension id, then a packet.
#include "crypto/bytes.h"
#include "dataplane/speaker_level.h"
#include "dataplane/wire/rtcp.h"
#include "dataplane/wire/rtp.h"
#include "tests/fuzz/exact_buffer.h"

namespace {

bool adds_up(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return false;
  for (std::size_t at = 0; at < size;) {
    if (size - at < 4 || (data[at] >> 6) != 2 || data[at + 1] < 192 || data[at + 1] > 223) return false;
    const std::size_t bytes = 4 * ((std::size_t{data[at + 2]} << 8 | data[at + 3]) + 1);
    if (bytes > size - at) return false;
    if ((data[at] & 0x20) != 0) {
      const std::size_t padding = data[at + bytes - 1];
      if (at + bytes != size || padding == 0 || padding % 4 != 0 || padding > bytes - 4) return false;
    }
    at += bytes;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mediaward;
  using namespace mediaward::dataplane;
  if (size < 1 || size > 65536) return 0;
  const std::uint8_t id = data[0];
  test::ExactPacket exact(data + 1, size - 1);
  FUZZ_REQUIRE(wire::is_compound({exact.packet.data, size - 1}) == adds_up(data + 1, size - 1));
  wire::RtpHeaderInfo rtp;
  if (wire::parse_rtp({exact.packet.data, size - 1}, rtp) != wire::RtpError::kNone) return 0;
  const auto level = parse_audio_level({exact.packet.data, rtp.header_bytes}, id);
  FUZZ_REQUIRE(!level || *level <= 127);
  FUZZ_REQUIRE(!level || (data[1] & 0x10) != 0);
  return 0;
}
