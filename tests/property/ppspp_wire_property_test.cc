// SPDX-License-Identifier: Apache-2.0
// PPSPP codec over random swarms and messages (RFC 7574 §7, §8): written bytes equal those of a plain encoder that is kept here, what was
// written is read back, and whatever bytes arrive end with the datagram or with an error. Seeded; the seed is in the failure's trace.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "dataplane/wire/ppspp_writer.h"
#include "tests/support/guarded_bytes.h"
#include "tests/support/ppspp_rewrite.h"
#include "tests/support/ppspp_text.h"

namespace mediaward::dataplane::ppspp {
namespace {

using Octets = std::vector<std::byte>;

constexpr Addressing kAddressings[] = {Addressing::kBin32, Addressing::kByte64, Addressing::kChunk32, Addressing::kBin64,
                                       Addressing::kChunk64};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : engine_() % n; }
  std::uint64_t bits(unsigned n) { return n == 0 ? 0 : engine_() >> (64 - n); }
  Octets octets(std::size_t n) {
    Octets out(n);
    for (auto& b : out) b = static_cast<std::byte>(engine_());
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

// The plain encoder: appends big-endian numbers octet by octet.
void put(Octets& out, std::uint64_t value, unsigned bytes) {
  while (bytes-- != 0) out.push_back(static_cast<std::byte>(value >> (8 * bytes)));
}
void put(Octets& out, ConstBytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Layer and offset of a bin, the way RFC 7574 §4.2 draws the tree and not by its bits.
std::uint64_t plain_bin(const ChunkRange& range) {
  std::uint64_t bin = 2 * range.first, step = 1;
  for (std::uint64_t width = 1; width != range.last - range.first + 1; width *= 2, step *= 2) bin += step;
  return bin;
}

void put_range(Octets& out, Addressing a, const ChunkRange& range) {
  switch (a) {
    case Addressing::kBin32:
      return put(out, plain_bin(range), 4);
    case Addressing::kBin64:
      return put(out, plain_bin(range), 8);
    case Addressing::kChunk32:
      return put(out, range.first, 4), put(out, range.last, 4);
    case Addressing::kByte64:
    case Addressing::kChunk64:
      return put(out, range.first, 8), put(out, range.last, 8);
  }
}

struct Case {
  Framing framing;
  std::vector<Message> messages;
  std::vector<Octets> bodies;  // what the messages refer to
  HandshakeOptions options;
  std::uint32_t channel = 0;
};

ChunkRange node(Random& random, Addressing a) {
  const unsigned bits = is_bin(a) ? (is_32_bit(a) ? 31 : 63) : (is_32_bit(a) ? 32 : 64);
  const auto level = static_cast<unsigned>(random.below(bits));
  const std::uint64_t first = random.bits(bits - level) << level;
  return {first, first + ((std::uint64_t{1} << level) - 1)};
}

ChunkRange any_range(Random& random, Addressing a) {
  if (is_bin(a)) return node(random, a);
  const unsigned bits = is_32_bit(a) ? 32 : 64;
  const std::uint64_t x = random.bits(1 + static_cast<unsigned>(random.below(bits))),
                      y = random.bits(1 + static_cast<unsigned>(random.below(bits)));
  return {std::min(x, y), std::max(x, y)};
}

Message any_message(Random& random, const Framing& f, Case& c, MessageType type) {
  Message m{.type = type};
  const auto body = [&c, &random](std::size_t n) { return ConstBytes(c.bodies.emplace_back(random.octets(n))); };
  using enum MessageType;
  if (test::has_range(type)) m.range = any_range(random, f.addressing);
  if (type == kAck || type == kSignedIntegrity || type == kData) m.timestamp = random.bits(64);
  if (type == kIntegrity || type == kSignedIntegrity) m.range = node(random, f.addressing);
  if (type == kIntegrity) m.body = body(f.hash_bytes);
  if (type == kSignedIntegrity) m.body = body(f.signature_bytes);
  if (type == kPexResV4 || type == kPexResV6)
    m.body = body(type == kPexResV4 ? 4 : 16), m.port = static_cast<std::uint16_t>(random.bits(16));
  if (type == kPexResCert) m.body = body(random.below(300));
  return m;
}

Message any_data(Random& random, const Framing& f, Case& c, bool last) {
  const bool fixed = f.chunk_bytes != kVariableChunkBytes;
  const std::size_t bytes = !last ? f.chunk_bytes : 1 + random.below(fixed ? f.chunk_bytes : 2000);
  const unsigned bits = is_bin(f.addressing) ? (is_32_bit(f.addressing) ? 31 : 63) : (is_32_bit(f.addressing) ? 32 : 63);
  Message m{.type = MessageType::kData, .timestamp = random.bits(64)};
  m.range.first = m.range.last = random.bits(bits);
  if (f.addressing == Addressing::kByte64) m.range.last += bytes - 1;
  m.body = c.bodies.emplace_back(random.octets(bytes));
  return m;
}

HandshakeOptions any_options(Random& random, Case& c) {
  HandshakeOptions o;
  const auto maybe = [&random] { return random.below(4) != 0; };
  if (maybe()) o.set_version(static_cast<std::uint8_t>(1 + random.below(255)), static_cast<std::uint8_t>(1 + random.below(255)));
  if (maybe()) o.set_swarm_id(c.bodies.emplace_back(random.octets(1 + random.below(100))));
  if (maybe()) o.set_integrity(static_cast<IntegrityMethod>(random.below(4)));
  if (maybe()) o.set_merkle(static_cast<MerkleFunction>(random.below(5)));
  if (maybe()) o.set_live_signature(static_cast<SignatureAlgorithm>(random.below(256)));
  if (maybe()) o.set_addressing(kAddressings[random.below(5)]).set_discard_window(random.below(2) == 0 ? kDiscardNothing : random.bits(31));
  if (maybe()) o.set_supported(c.bodies.emplace_back(random.octets(random.below(33))));
  if (maybe()) o.set_chunk_bytes(static_cast<std::uint32_t>(1 + random.bits(31)));
  return o;
}

Case any_case(Random& random) {
  Case c;
  c.bodies.reserve(64);
  c.framing.addressing = kAddressings[random.below(5)];
  c.framing.hash_bytes = static_cast<std::uint8_t>(digest_bytes(static_cast<MerkleFunction>(random.below(5))));
  c.framing.signature_bytes = static_cast<std::uint16_t>(64 + random.below(449));
  c.framing.chunk_bytes = random.below(2) == 0 ? kVariableChunkBytes : static_cast<std::uint32_t>(1 + random.below(1500));
  c.channel = static_cast<std::uint32_t>(random.bits(32));
  if (random.below(3) == 0) {
    c.options = any_options(random, c);
    c.messages.push_back({.type = MessageType::kHandshake, .channel = static_cast<std::uint32_t>(random.bits(32))});
  }
  const bool fixed = c.framing.chunk_bytes != kVariableChunkBytes;
  for (auto n = random.below(20); n != 0; --n) {
    const auto type = static_cast<MessageType>(1 + random.below(13));
    if (type != MessageType::kData) c.messages.push_back(any_message(random, c.framing, c, type));
    if (type == MessageType::kData && fixed) c.messages.push_back(any_data(random, c.framing, c, false));
  }
  if (random.below(2) == 0) c.messages.push_back(any_data(random, c.framing, c, true));
  return c;
}

void put_options(Octets& out, const HandshakeOptions& o) {
  const auto number = [&out](unsigned code, std::uint64_t value, unsigned bytes) { put(out, code, 1), put(out, value, bytes); };
  if (o.has(OptionCode::kVersion)) number(0, o.version, 1);
  if (o.has(OptionCode::kMinimumVersion)) number(1, o.minimum_version, 1);
  if (o.has(OptionCode::kSwarmId)) number(2, o.swarm_id.size(), 2), put(out, o.swarm_id);
  if (o.has(OptionCode::kContentIntegrity)) number(3, static_cast<unsigned>(o.integrity), 1);
  if (o.has(OptionCode::kMerkleFunction)) number(4, static_cast<unsigned>(o.merkle), 1);
  if (o.has(OptionCode::kLiveSignature)) number(5, static_cast<unsigned>(o.live_signature), 1);
  if (o.has(OptionCode::kAddressing)) number(6, static_cast<unsigned>(o.addressing), 1);
  if (o.has(OptionCode::kDiscardWindow))
    number(7, o.discard_window, o.addressing == Addressing::kBin32 || o.addressing == Addressing::kChunk32 ? 4 : 8);
  if (o.has(OptionCode::kSupportedMessages)) number(8, o.supported.size(), 1), put(out, o.supported);
  if (o.has(OptionCode::kChunkSize)) number(9, o.chunk_bytes, 4);
  put(out, 255, 1);
}

Octets plainly(const Case& c) {
  Octets out;
  put(out, c.channel, 4);
  for (const Message& m : c.messages) {
    put(out, static_cast<unsigned>(m.type), 1);
    if (m.type == MessageType::kHandshake) put(out, m.channel, 4), put_options(out, c.options);
    if (test::has_range(m.type)) put_range(out, c.framing.addressing, m.range);
    if (m.type == MessageType::kData || m.type == MessageType::kAck || m.type == MessageType::kSignedIntegrity) put(out, m.timestamp, 8);
    if (m.type == MessageType::kPexResCert) put(out, m.body.size(), 2);
    put(out, m.body);
    if (m.type == MessageType::kPexResV4 || m.type == MessageType::kPexResV6) put(out, m.port, 2);
  }
  return out;
}

void expect_same(const Message& got, const Message& wanted) {
  ASSERT_EQ(got.type, wanted.type);
  ASSERT_EQ(got.range, wanted.range);
  ASSERT_EQ(got.timestamp, wanted.timestamp);
  ASSERT_EQ(got.channel, wanted.channel);
  ASSERT_EQ(got.port, wanted.port);
  if (got.type == MessageType::kHandshake) return;  // its options are looked at apart
  ASSERT_TRUE(std::equal(got.body.begin(), got.body.end(), wanted.body.begin(), wanted.body.end()));
}

void expect_same(const HandshakeOptions& got, const HandshakeOptions& wanted, ConstBytes list) {
  Octets plain;
  put_options(plain, got);
  ASSERT_EQ(test::hex_of(plain), test::hex_of(list));
  ASSERT_EQ(got.present, wanted.present);
  ASSERT_EQ(got.discard_window, wanted.discard_window) << "all ones in either width";
  ASSERT_EQ(got.chunk_bytes, wanted.chunk_bytes);
}

TEST(PpsppWireProperty, Rfc7574_8_WrittenAsAPlainEncoderWritesAndReadBack) {
  test::GuardedBytes guarded(65536);
  for (unsigned seed = 1; seed <= 4000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Case c = any_case(random);
    const Octets plain = plainly(c);
    std::vector<std::byte> room(plain.size());  // exactly enough
    MessageWriter writer(room, c.channel, c.framing);
    for (const Message& m : c.messages) ASSERT_TRUE(test::write_again(writer, m, c.options)) << test::text_of(m);
    ASSERT_EQ(test::hex_of(writer.bytes()), test::hex_of(plain));
    MessageReader reader(guarded.hold(plain).subspan(kChannelBytes), c.framing);
    Message got;
    for (const Message& m : c.messages) {
      ASSERT_TRUE(reader.next(got)) << to_string(reader.error());
      ASSERT_NO_FATAL_FAILURE(expect_same(got, m));
      if (m.type != MessageType::kHandshake) continue;
      ASSERT_NO_FATAL_FAILURE(expect_same(reader.options(), c.options, got.body));
    }
    ASSERT_FALSE(reader.next(got));
    ASSERT_EQ(reader.error(), ParseError::kNone);
  }
}

// Cut anywhere, a datagram yields a beginning of its messages: the last perhaps a DATA with less content, otherwise all of them whole.
TEST(PpsppWireProperty, Rfc7574_8_CutAnywhere) {
  test::GuardedBytes guarded(65536);
  for (unsigned seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Case c = any_case(random);
    const Octets plain = plainly(c);
    for (std::size_t n = kChannelBytes; n < plain.size(); ++n) {
      MessageReader reader(guarded.hold(ConstBytes(plain).first(n)).subspan(kChannelBytes), c.framing);
      std::size_t seen = 0;
      Message m;
      for (; reader.next(m); ++seen) {
        ASSERT_LT(seen, c.messages.size());
        ASSERT_EQ(test::text_of(m), test::text_of(c.messages[seen]));
      }
      const bool shorter = seen != 0 && m.type == MessageType::kData && m.body.size() < c.messages[seen - 1].body.size();
      ASSERT_TRUE(seen < c.messages.size() || shorter);
      ASSERT_EQ(reader.error() == ParseError::kNone, reader.offset() == n - kChannelBytes);
    }
  }
}

TEST(PpsppWireProperty, Rfc7574_8_AnyBytesEndWithTheDatagramOrAnError) {
  test::GuardedBytes guarded(65536);
  for (unsigned seed = 1; seed <= 60000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Framing framing{.addressing = kAddressings[random.below(5)]};
    framing.hash_bytes = static_cast<std::uint8_t>(random.below(4) * 20);
    framing.signature_bytes = static_cast<std::uint16_t>(random.below(3) * 64);
    framing.chunk_bytes = random.below(2) == 0 ? kVariableChunkBytes : static_cast<std::uint32_t>(random.below(64));
    Octets bytes = random.octets(random.below(120));
    // Mostly types that exist and small numbers, else a random datagram ends at once.
    for (auto& b : bytes)
      if (random.below(3) != 0) b = static_cast<std::byte>(random.below(15));
    const ConstBytes held = guarded.hold(bytes);
    MessageReader reader(held, framing, random.below(2) == 0 ? Profile::kRfc : Profile::kLibswift);
    std::size_t before = 0;
    for (Message m; reader.next(m); before = reader.offset()) {
      ASSERT_GT(reader.offset(), before) << "every message takes something";
      if (!m.body.empty()) {
        ASSERT_GE(m.body.data(), held.data() + before);
        ASSERT_LE(m.body.data() + m.body.size(), held.data() + reader.offset());
      }
      ASSERT_LE(m.range.first, m.range.last);
    }
    ASSERT_EQ(reader.error() == ParseError::kNone, reader.offset() == held.size());
  }
}

TEST(PpsppWireProperty, Rfc7574_4_2_BinsAreNodesBothWays) {
  Random random(7);
  for (int i = 0; i < 200000; ++i) {
    const bool wide = random.below(2) == 0;
    const std::uint64_t bin = random.bits(1 + static_cast<unsigned>(random.below(wide ? 64 : 32)));
    ChunkRange range;
    if (!bin_to_range(bin, wide, range)) {
      ASSERT_EQ(bin, wide ? ~std::uint64_t{0} : std::uint64_t{0xffffffff});
      continue;
    }
    ASSERT_TRUE(is_node(range)) << bin;
    ASSERT_EQ(plain_bin(range), bin);
    std::uint64_t back = 0;
    ASSERT_TRUE(range_to_bin(range, wide, back));
    ASSERT_EQ(back, bin);
  }
}

}  // namespace
}  // namespace mediaward::dataplane::ppspp
