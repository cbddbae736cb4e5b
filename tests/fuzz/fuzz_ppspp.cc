// SPDX-License-Identifier: Apache-2.0
// Any bytes as a PPSPP datagram in any swarm (RFC 7574 §7, §8): every message takes something and refers to the datagram, the reader ends
// with its end or an error, and what was read strictly is written again to the same bytes. First contact agrees with the reader.
// Input: addressing and profile, hash length, signature length / 4, chunk length / 4 (0: variable), then the datagram.
#include <algorithm>
#include <vector>

#include "dataplane/wire/ppspp_message.h"
#include "dataplane/wire/ppspp_swarm_key.h"
#include "dataplane/wire/ppspp_writer.h"
#include "tests/fuzz/exact_buffer.h"
#include "tests/support/ppspp_rewrite.h"

namespace {

using namespace mediaward;
using namespace mediaward::dataplane::ppspp;

bool inside(ConstBytes part, ConstBytes whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void first_contact(ConstBytes after, Profile profile, const MessageReader& reader, bool read) {
  Handshake handshake;
  const OptionsResult result = parse_handshake(after, profile, handshake);
  FUZZ_REQUIRE((result.error == ParseError::kNone) == read);
  FUZZ_REQUIRE(result.bytes <= after.size());
  if (!read) return;
  FUZZ_REQUIRE(result.bytes == reader.offset());
  FUZZ_REQUIRE(handshake.options.present == reader.options().present);
  FUZZ_REQUIRE(inside(handshake.options.swarm_id, after) && inside(handshake.options.supported, after));
  SwarmKey key;
  if (parse_swarm_key(handshake.options.swarm_id, key) == KeyError::kNone)
    FUZZ_REQUIRE(inside(key.point, after) && inside(key.exponent, after) && inside(key.modulus, after) && key.signature_bytes != 0);
  auto rest = MessageReader::after_handshake(after.subspan(result.bytes), framing_of(handshake.options, {}));
  for (Message m; rest.next(m);) FUZZ_REQUIRE(m.type != MessageType::kHandshake && inside(m.body, after));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4 || size > 65536) return 0;
  const Framing framing{.addressing = static_cast<Addressing>(data[0] % 5),
                        .hash_bytes = data[1],
                        .signature_bytes = static_cast<std::uint16_t>(data[2] * 4),
                        .chunk_bytes = data[3] == 0 ? kVariableChunkBytes : data[3] * 4u};
  const Profile profile = data[0] < 128 ? Profile::kRfc : Profile::kLibswift;
  test::ExactPacket exact(data + 4, size - 4);
  const ConstBytes datagram(exact.packet.data, size - 4);
  std::uint32_t channel = 0;
  ConstBytes after;
  if (!split_channel(datagram, channel, after)) return 0;
  std::vector<std::byte> room(datagram.size());
  MessageWriter writer(room, channel, framing);
  MessageReader reader(after, framing, profile);
  std::size_t at = 0;
  for (Message m; reader.next(m); at = reader.offset()) {
    FUZZ_REQUIRE(reader.offset() > at && inside(m.body, after.subspan(at, reader.offset() - at)));
    FUZZ_REQUIRE(m.range.first <= m.range.last);
    if (m.type == MessageType::kHandshake) first_contact(after, profile, reader, true);
    if (profile == Profile::kRfc) FUZZ_REQUIRE(test::write_again(writer, m, reader.options()));
  }
  FUZZ_REQUIRE(reader.offset() == at && (reader.error() == ParseError::kNone) == (at == after.size()));
  if (at == 0 && !after.empty() && begins_with_handshake(after)) first_contact(after, profile, reader, false);
  if (profile == Profile::kRfc) {
    const ConstBytes again = writer.bytes();
    FUZZ_REQUIRE(
        std::equal(again.begin(), again.end(), datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(kChannelBytes + at)));
  }
  return 0;
}
