// SPDX-License-Identifier: Apache-2.0
// PPSPP messages (RFC 7574 §8) and chunk addressing (§4): bytes written out from the RFC's figures, every kind of malformed message, and
// the writer at the edges of its room.
#include <array>

#include "dataplane/wire/ppspp_writer.h"
#include "tests/support/guarded_bytes.h"
#include "tests/support/ppspp_text.h"

namespace mediaward::dataplane::ppspp {
namespace {

using test::bytes_of;
using test::hex_of;

constexpr Framing kChunk32{.addressing = Addressing::kChunk32, .hash_bytes = 4, .signature_bytes = 6, .chunk_bytes = kVariableChunkBytes};

// The one message in `hex`, which must be read to its end.
Message one(std::string_view hex, const Framing& framing = kChunk32) {
  static std::vector<std::byte> bytes;  // the message refers to it
  bytes = bytes_of(hex);
  MessageReader reader(bytes, framing);
  Message message;
  EXPECT_TRUE(reader.next(message)) << hex << ": " << to_string(reader.error());
  EXPECT_EQ(reader.offset(), bytes.size());
  Message more;
  EXPECT_FALSE(reader.next(more));
  EXPECT_EQ(reader.error(), ParseError::kNone);
  return message;
}

// What stops the reader in `hex`, and that it stays stopped where the bad message begins.
ParseError refusal(std::string_view hex, const Framing& framing = kChunk32, std::size_t good_bytes = 0) {
  test::GuardedBytes guarded(4096);
  const auto bytes = bytes_of(hex);
  MessageReader reader(guarded.hold(bytes), framing);
  Message message{.port = 77};
  while (reader.next(message)) message = {.port = 77};
  EXPECT_EQ(message.port, 77) << "written without success";
  EXPECT_FALSE(reader.next(message));
  EXPECT_EQ(reader.offset(), good_bytes);
  return reader.error();
}

TEST(PpsppBins, Rfc7574_4_2_LeavesAndParents) {
  // The tree of RFC 7574 §4.2, eight chunks wide: bin, first and last chunk.
  constexpr std::array<std::array<std::uint64_t, 3>, 15> kTree{{{7, 0, 7},
                                                                {3, 0, 3},
                                                                {11, 4, 7},
                                                                {1, 0, 1},
                                                                {5, 2, 3},
                                                                {9, 4, 5},
                                                                {13, 6, 7},
                                                                {0, 0, 0},
                                                                {2, 1, 1},
                                                                {4, 2, 2},
                                                                {6, 3, 3},
                                                                {8, 4, 4},
                                                                {10, 5, 5},
                                                                {12, 6, 6},
                                                                {14, 7, 7}}};
  for (const auto& [bin, first, last] : kTree)
    for (const bool wide : {false, true}) {
      ChunkRange range;
      ASSERT_TRUE(bin_to_range(bin, wide, range));
      EXPECT_EQ(range, (ChunkRange{first, last})) << bin;
      std::uint64_t back = 99;
      ASSERT_TRUE(range_to_bin(range, wide, back));
      EXPECT_EQ(back, bin);
    }
}

TEST(PpsppBins, Rfc7574_4_2_EverythingAndEmpty) {
  ChunkRange range{5, 6};
  EXPECT_FALSE(bin_to_range(0xffffffffu, false, range));
  EXPECT_FALSE(bin_to_range(~std::uint64_t{0}, true, range));
  EXPECT_EQ(range, (ChunkRange{5, 6})) << "written without success";
  ASSERT_TRUE(bin_to_range(0x7fffffffu, false, range));
  EXPECT_EQ(range, (ChunkRange{0, 0x7fffffffu}));
  ASSERT_TRUE(bin_to_range(~std::uint64_t{0} >> 1, true, range));
  EXPECT_EQ(range, (ChunkRange{0, ~std::uint64_t{0} >> 1}));
  EXPECT_EQ(range.count(), std::uint64_t{1} << 63);
  ASSERT_TRUE(bin_to_range(0xffffffffu, true, range)) << "in 64 bits an ordinary node";
  EXPECT_EQ(range, (ChunkRange{0, 0xffffffffu}));
  ASSERT_TRUE(bin_to_range(0xfffffffeu, false, range)) << "the last leaf";
  EXPECT_EQ(range, (ChunkRange{0x7fffffffu, 0x7fffffffu}));
}

TEST(PpsppBins, Rfc7574_4_2_OnlyNodesHaveABin) {
  std::uint64_t bin = 99;
  for (const ChunkRange range : {ChunkRange{0, 2}, {1, 2}, {2, 5}, {4, 3}, {6, 9}, {0, 0xfffffffeu}})
    EXPECT_FALSE(range_to_bin(range, true, bin));
  EXPECT_FALSE(range_to_bin({0x80000000u, 0x80000000u}, false, bin)) << "no room in 32 bits";
  EXPECT_FALSE(range_to_bin({0, ~std::uint64_t{0}}, true, bin)) << "no room in 64 bits";
  EXPECT_EQ(bin, 99u);
  EXPECT_TRUE(is_node({0, ~std::uint64_t{0}}));
  EXPECT_FALSE(is_node({1, 0}));
}

TEST(PpsppRanges, Rfc7574_7_8_AllFiveAddressings) {
  struct Case {
    Addressing addressing;
    const char* hex;
    ChunkRange range;
  };
  const Case cases[] = {{Addressing::kBin32, "0000000b", {4, 7}},
                        {Addressing::kByte64, "0000000000000400 00000000000007ff", {1024, 2047}},
                        {Addressing::kChunk32, "00000004 00000009", {4, 9}},
                        {Addressing::kBin64, "000001ffffffffff", {0, (std::uint64_t{1} << 41) - 1}},
                        {Addressing::kChunk64, "0000000100000000 ffffffffffffffff", {std::uint64_t{1} << 32, ~std::uint64_t{0}}}};
  for (const auto& c : cases) {
    const auto bytes = bytes_of(c.hex);
    ASSERT_EQ(bytes.size(), range_bytes(c.addressing));
    ChunkRange range;
    ASSERT_TRUE(load_range(c.addressing, bytes.data(), range));
    EXPECT_EQ(range, c.range);
    std::array<std::byte, kMaxRangeBytes> again{};
    ASSERT_TRUE(store_range(c.addressing, range, again.data()));
    EXPECT_EQ(hex_of(ConstBytes(again).first(bytes.size())), hex_of(bytes));
  }
}

TEST(PpsppRanges, Rfc7574_4_WhatCannotBeSaidIsNotWritten) {
  std::array<std::byte, kMaxRangeBytes> out{};
  for (const Addressing a : {Addressing::kBin32, Addressing::kByte64, Addressing::kChunk32, Addressing::kBin64, Addressing::kChunk64})
    EXPECT_FALSE(store_range(a, {9, 4}, out.data()));
  EXPECT_FALSE(store_range(Addressing::kChunk32, {0, std::uint64_t{1} << 32}, out.data()));
  EXPECT_FALSE(store_range(Addressing::kBin64, {0, 2}, out.data()));
  EXPECT_EQ(out, (std::array<std::byte, kMaxRangeBytes>{}));
}

TEST(PpsppReader, Rfc7574_8_3_ChannelAndKeepAlive) {
  std::uint32_t channel = 0;
  ConstBytes rest;
  const auto bytes = bytes_of("a1b2c3d4 06");
  for (std::size_t n = 0; n < 4; ++n) EXPECT_FALSE(split_channel(ConstBytes(bytes).first(n), channel, rest));
  ASSERT_TRUE(split_channel(ConstBytes(bytes).first(4), channel, rest));
  EXPECT_EQ(channel, 0xa1b2c3d4u);
  EXPECT_TRUE(rest.empty()) << "RFC 7574 §8.14: a keep-alive";
  MessageReader reader(rest, kChunk32);
  Message message;
  EXPECT_FALSE(reader.next(message));
  EXPECT_EQ(reader.error(), ParseError::kNone);
  ASSERT_TRUE(split_channel(bytes, channel, rest));
  EXPECT_EQ(rest.size(), 1u);
}

TEST(PpsppReader, Rfc7574_8_5_To_8_12_RangedMessages) {
  for (const auto& [hex, type] : {std::pair{"03 00000002 00000005", MessageType::kHave},
                                  {"08 00000002 00000005", MessageType::kRequest},
                                  {"09 00000002 00000005", MessageType::kCancel}}) {
    const Message m = one(hex);
    EXPECT_EQ(m.type, type);
    EXPECT_EQ(m.range, (ChunkRange{2, 5}));
    EXPECT_TRUE(m.body.empty());
  }
  const Message ack = one("02 00000000 00000003 fffffffffffffff0");
  EXPECT_EQ(ack.type, MessageType::kAck);
  EXPECT_EQ(ack.timestamp, ~std::uint64_t{0} - 15) << "clocks are not synchronised: a delay may look negative";
  const Message integrity = one("04 00000004 00000007 a1a2a3a4");
  EXPECT_EQ(integrity.range, (ChunkRange{4, 7}));
  EXPECT_EQ(hex_of(integrity.body), "a1a2a3a4");
  const Message munro = one("07 00000000 0000001f 0102030405060708 b1b2b3b4b5b6");
  EXPECT_EQ(munro.type, MessageType::kSignedIntegrity);
  EXPECT_EQ(munro.timestamp, 0x0102030405060708u);
  EXPECT_EQ(hex_of(munro.body), "b1b2b3b4b5b6");
  for (const auto& [hex, type] : {std::pair{"06", MessageType::kPexReq}, {"0a", MessageType::kChoke}, {"0b", MessageType::kUnchoke}})
    EXPECT_EQ(one(hex).type, type);
}

TEST(PpsppReader, Rfc7574_8_13_PeerExchange) {
  const Message v4 = one("05 c0000201 1a7a");
  EXPECT_EQ(hex_of(v4.body), "c0000201");
  EXPECT_EQ(v4.port, 6778);
  const Message v6 = one("0c 20010db8000000000000000000000001 ffff");
  EXPECT_EQ(v6.type, MessageType::kPexResV6);
  EXPECT_EQ(hex_of(v6.body), "20010db8000000000000000000000001");
  EXPECT_EQ(v6.port, 65535);
  const Message certificate = one("0d 0003 308201");
  EXPECT_EQ(certificate.type, MessageType::kPexResCert);
  EXPECT_EQ(hex_of(certificate.body), "308201");
  EXPECT_TRUE(one("0d 0000").body.empty());
}

TEST(PpsppReader, Rfc7574_8_4_HandshakeAndWhatFollows) {
  const auto bytes = bytes_of("00 cafef00d 0001 0301 0402 0602 0900000400 ff 03 00000000 00000006 06");
  MessageReader reader(bytes, kChunk32);
  Message m;
  ASSERT_TRUE(reader.next(m));
  EXPECT_EQ(m.type, MessageType::kHandshake);
  EXPECT_EQ(m.channel, 0xcafef00du);
  EXPECT_EQ(hex_of(m.body),
            "0001030104020602"
            "0900000400ff");
  EXPECT_EQ(reader.options().chunk_bytes, 1024u);
  ASSERT_TRUE(reader.next(m));
  EXPECT_EQ(test::text_of(m), "HAVE 0-6");
  ASSERT_TRUE(reader.next(m));
  EXPECT_EQ(m.type, MessageType::kPexReq);

  // The same for one who does not know the swarm yet.
  Handshake handshake;
  const OptionsResult result = parse_handshake(bytes, Profile::kRfc, handshake);
  ASSERT_EQ(result.error, ParseError::kNone);
  EXPECT_EQ(result.bytes, bytes.size() - 10);
  EXPECT_FALSE(handshake.closes());
  auto rest = MessageReader::after_handshake(ConstBytes(bytes).subspan(result.bytes), framing_of(handshake.options, {}));
  ASSERT_TRUE(rest.next(m));
  EXPECT_EQ(test::text_of(m), "HAVE 0-6");
}

TEST(PpsppReader, Rfc7574_8_4_CloseHasNoOptionsOrVersionOnly) {
  for (const char* hex : {"00 00000000 ff", "00 00000000 0001 ff"}) {
    Handshake handshake{.source_channel = 1};
    ASSERT_EQ(parse_handshake(bytes_of(hex), Profile::kRfc, handshake).error, ParseError::kNone);
    EXPECT_TRUE(handshake.closes());
  }
}

TEST(PpsppReader, Rfc7574_8_4_HandshakeFirstOrNotAtAll) {
  EXPECT_EQ(refusal("06 00 cafef00d 0001 ff", kChunk32, 1), ParseError::kHandshakeNotFirst);
  EXPECT_EQ(refusal("00 cafef00d 0001 ff 00 cafef00d 0001 ff", kChunk32, 8), ParseError::kHandshakeNotFirst);
  const auto again = bytes_of("00 cafef00d 0001 ff");
  auto reader = MessageReader::after_handshake(again, kChunk32);
  Message m;
  EXPECT_FALSE(reader.next(m));
  EXPECT_EQ(reader.error(), ParseError::kHandshakeNotFirst);
  Handshake handshake;
  EXPECT_EQ(parse_handshake(bytes_of("03 0000000000000000"), Profile::kRfc, handshake).error, ParseError::kHandshakeNotFirst);
  EXPECT_EQ(parse_handshake({}, Profile::kRfc, handshake).error, ParseError::kTruncated);
}

TEST(PpsppReader, Rfc7574_8_6_DataTakesTheRest) {
  const Message m = one("01 00000003 00000003 0000000000000064 68656c6c6f");
  EXPECT_EQ(m.range, (ChunkRange{3, 3}));
  EXPECT_EQ(m.timestamp, 100u);
  EXPECT_EQ(hex_of(m.body), "68656c6c6f");
  Framing fixed = kChunk32;
  fixed.chunk_bytes = 8;
  EXPECT_EQ(one("01 00000003 00000003 0000000000000064 68656c6c6f", fixed).body.size(), 5u) << "a short last chunk";
}

TEST(PpsppReader, Rfc7574_8_6_SeveralDataOfFixedSize) {
  Framing fixed = kChunk32;
  fixed.chunk_bytes = 2;
  const auto bytes = bytes_of(
      "01 00000003 00000003 0000000000000064 6865"
      "04 00000004 00000004 a1a2a3a4"
      "01 00000004 00000004 0000000000000064 6c6c"
      "01 00000005 00000005 0000000000000064 6f");
  ParseError error;
  const auto all = test::read_all(MessageReader(bytes, fixed), error);
  EXPECT_EQ(error, ParseError::kNone);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(hex_of(all[0].body), "6865");
  EXPECT_EQ(test::text_of(all[1]), "INTEGRITY 4-4");
  EXPECT_EQ(hex_of(all[2].body), "6c6c");
  EXPECT_EQ(hex_of(all[3].body), "6f");
}

TEST(PpsppReader, Rfc7574_8_6_DataThatCannotBe) {
  EXPECT_EQ(refusal("01 00000003 00000003 0000000000000064"), ParseError::kEmptyChunk);
  EXPECT_EQ(refusal("01 00000003 00000004 0000000000000064 68"), ParseError::kBadRange) << "two chunks";
  EXPECT_EQ(refusal("01 00000004 00000003 0000000000000064 68"), ParseError::kBadRange);
  EXPECT_EQ(refusal("01 00000003 00000003 00000000000000"), ParseError::kTruncated);
}

TEST(PpsppReader, Rfc7574_4_1_2_ByteRangesCountTheirContent) {
  Framing bytes = kChunk32;
  bytes.addressing = Addressing::kByte64;
  bytes.chunk_bytes = 4;
  const Message m = one("01 0000000000000004 0000000000000007 0000000000000064 61626364", bytes);
  EXPECT_EQ(m.range, (ChunkRange{4, 7}));
  EXPECT_EQ(refusal("01 0000000000000004 0000000000000008 0000000000000064 61626364", bytes), ParseError::kBadChunkBytes);
  EXPECT_EQ(refusal("01 0000000000000000 ffffffffffffffff 0000000000000064 61626364", bytes), ParseError::kBadChunkBytes);
  EXPECT_EQ(one("04 0000000000000000 0000000000001bf9 a1a2a3a4", bytes).range.last, 7161u) << "a peak's end is the content's";
}

TEST(PpsppReader, Rfc7574_5_2_IntegrityOfNodesOnly) {
  for (const char* range : {"00000000 00000002", "00000001 00000002", "00000002 00000005", "00000003 00000002"}) {
    EXPECT_EQ(refusal("04" + std::string(range) + "a1a2a3a4"), ParseError::kBadRange) << range;
    EXPECT_EQ(refusal("07" + std::string(range) + "0102030405060708 b1b2b3b4b5b6"), ParseError::kBadRange) << range;
  }
  EXPECT_EQ(one("03 00000001 00000002").range, (ChunkRange{1, 2})) << "HAVE may name any range";
  Framing bins = kChunk32;
  bins.addressing = Addressing::kBin32;
  EXPECT_EQ(refusal("03 ffffffff", bins), ParseError::kBadRange) << "the empty bin";
  EXPECT_EQ(one("04 00000007 a1a2a3a4", bins).range, (ChunkRange{0, 7}));
}

TEST(PpsppReader, Rfc7574_8_2_TypesThatAreNotAssigned) {
  for (unsigned type = 14; type < 255; ++type) {
    const std::string hex = hex_of(std::array{std::byte(type)}) + "00000000 00000000";
    EXPECT_EQ(refusal(hex), ParseError::kUnknownType) << type;
    EXPECT_EQ(to_string(static_cast<MessageType>(type)), "unassigned");
  }
  EXPECT_EQ(refusal("ff"), ParseError::kReservedType);
  EXPECT_EQ(refusal("03 00000000 00000001 ff", kChunk32, 9), ParseError::kReservedType) << "what came before it counts";
}

TEST(PpsppReader, Rfc7574_5_HashesAndSignaturesNeedASwarmThatHasThem) {
  const Framing none{.addressing = Addressing::kChunk32};
  EXPECT_EQ(refusal("04 00000004 00000007 a1a2a3a4", none), ParseError::kNoHash);
  EXPECT_EQ(refusal("07 00000000 0000001f 0102030405060708 b1", none), ParseError::kNoSignature);
}

TEST(PpsppReader, Rfc7574_8_EveryTruncationOfEveryMessage) {
  const char* messages[] = {"00 cafef00d 0001 0101 0200021234 0301 0402 0602 0802d9f0 0900000400 ff",
                            "02 00000000 00000003 fffffffffffffff0",
                            "03 00000002 00000005",
                            "04 00000004 00000007 a1a2a3a4",
                            "05 c0000201 1a7a",
                            "07 00000000 0000001f 0102030405060708 b1b2b3b4b5b6",
                            "08 00000002 00000005",
                            "09 00000002 00000005",
                            "0c 20010db8000000000000000000000001 ffff",
                            "0d 0003 308201"};
  test::GuardedBytes guarded(4096);
  for (const char* hex : messages) {
    const auto bytes = bytes_of(hex);
    for (std::size_t n = 1; n < bytes.size(); ++n) {
      MessageReader reader(guarded.hold(ConstBytes(bytes).first(n)), kChunk32);
      Message m;
      EXPECT_FALSE(reader.next(m)) << hex << " cut to " << n;
      const bool between_options = reader.error() == ParseError::kNoEnd && bytes[0] == std::byte{0};
      EXPECT_TRUE(reader.error() == ParseError::kTruncated || between_options) << hex << " cut to " << n;
    }
  }
}

TEST(PpsppWriter, Rfc7574_8_EveryMessage) {
  std::array<std::byte, 512> room{};
  MessageWriter w(room, 0xa1b2c3d4, kChunk32);
  EXPECT_TRUE(w.is_keep_alive());
  HandshakeOptions options;
  options.set_version(1, 1).set_integrity(IntegrityMethod::kNone);
  ASSERT_TRUE(w.handshake(0xcafef00d, options));
  ASSERT_TRUE(w.have({0, 6}));
  ASSERT_TRUE(w.ack({0, 3}, 0x17));
  ASSERT_TRUE(w.request({1, 2}));
  ASSERT_TRUE(w.cancel({3, 3}));
  ASSERT_TRUE(w.choke());
  ASSERT_TRUE(w.unchoke());
  ASSERT_TRUE(w.pex_req());
  ASSERT_TRUE(w.pex_res_v4(bytes_of("c0000201"), 6778));
  ASSERT_TRUE(w.pex_res_v6(bytes_of("20010db8000000000000000000000001"), 6778));
  ASSERT_TRUE(w.pex_res_cert(bytes_of("308201")));
  ASSERT_TRUE(w.integrity({4, 7}, bytes_of("a1a2a3a4")));
  ASSERT_TRUE(w.signed_integrity({0, 31}, 0x0102030405060708, bytes_of("b1b2b3b4b5b6")));
  ASSERT_TRUE(w.data({4, 4}, 100, bytes_of("68656c6c6f")));
  EXPECT_FALSE(w.is_keep_alive());
  EXPECT_EQ(hex_of(w.bytes()),
            "a1b2c3d4"
            "00cafef00d"
            "0001"
            "0101"
            "0300"
            "ff"
            "030000000000000006"
            "0200000000000000030000000000000017"
            "080000000100000002"
            "090000000300000003"
            "0a"
            "0b"
            "06"
            "05c00002011a7a"
            "0c20010db80000000000000000000000011a7a"
            "0d0003308201"
            "040000000400000007a1a2a3a4"
            "07000000000000001f0102030405060708b1b2b3b4b5b6"
            "010000000400000004000000000000006468656c6c6f");
}

TEST(PpsppWriter, Rfc7574_8_14_KeepAliveAndClose) {
  std::array<std::byte, 10> room{};
  MessageWriter w(room, 0x01020304, kChunk32);
  EXPECT_EQ(hex_of(w.bytes()), "01020304");
  ASSERT_TRUE(w.close());
  EXPECT_EQ(hex_of(w.bytes()), "010203040000000000ff") << "what libswift sends (tests/captures/01)";
  EXPECT_FALSE(w.close());
}

TEST(PpsppWriter, Rfc7574_8_WhatDoesNotFitLeavesTheDatagram) {
  using Write = bool (*)(MessageWriter&);
  const std::pair<std::size_t, Write> writes[] = {
      {9,
       [](MessageWriter& w) {
         return w.have({0, 1});
       }},
      {17,
       [](MessageWriter& w) {
         return w.ack({0, 1}, 5);
       }},
      {1, [](MessageWriter& w) { return w.choke(); }},
      {7, [](MessageWriter& w) { return w.pex_res_v4(bytes_of("c0000201"), 1); }},
      {5, [](MessageWriter& w) { return w.pex_res_cert(bytes_of("3082")); }},
      {13,
       [](MessageWriter& w) {
         return w.integrity({0, 1}, bytes_of("a1a2a3a4"));
       }},
      {23,
       [](MessageWriter& w) {
         return w.signed_integrity({0, 1}, 9, bytes_of("b1b2b3b4b5b6"));
       }},
      {19,
       [](MessageWriter& w) {
         return w.data({0, 0}, 9, bytes_of("6162"));
       }},
      {17,
       [](MessageWriter& w) {
         return w.data_header({0, 0}, 9);
       }},
      {8, [](MessageWriter& w) { return w.handshake(7, HandshakeOptions{}.set_integrity(IntegrityMethod::kNone)); }},
      {6, [](MessageWriter& w) { return w.close(); }},
  };
  for (const auto& [bytes, write] : writes)
    for (std::size_t room_bytes = 0; room_bytes <= 4 + bytes; ++room_bytes) {
      std::vector<std::byte> room(room_bytes);  // exactly, for the sanitizer
      MessageWriter w(room, 1, kChunk32);
      const std::size_t before = w.bytes().size();
      EXPECT_EQ(before, room_bytes < 4 ? 0u : 4u);
      const bool fits = room_bytes == 4 + bytes;
      EXPECT_EQ(write(w), fits) << bytes << " in " << room_bytes;
      EXPECT_EQ(w.bytes().size(), fits ? 4 + bytes : before);
      EXPECT_EQ(w.room_left(), room_bytes < 4 ? 0u : room_bytes - w.bytes().size());
    }
}

TEST(PpsppWriter, Rfc7574_8_WhatCannotBeSaidIsRefused) {
  std::array<std::byte, 200> room{};
  MessageWriter w(room, 1, kChunk32);
  EXPECT_FALSE(w.have({4, 3}));
  EXPECT_FALSE(w.have({0, std::uint64_t{1} << 32}));
  EXPECT_FALSE(w.integrity({0, 1}, bytes_of("a1a2a3"))) << "not the swarm's hash";
  EXPECT_FALSE(w.signed_integrity({0, 1}, 9, bytes_of("b1")));
  EXPECT_FALSE(w.data({0, 0}, 9, {}));
  EXPECT_FALSE(w.pex_res_v4(bytes_of("c000020101"), 1));
  EXPECT_FALSE(w.pex_res_v6(bytes_of("c0000201"), 1));
  EXPECT_FALSE(w.pex_res_cert(std::vector<std::byte>(65536)));
  Framing none = kChunk32;
  none.hash_bytes = 0;
  MessageWriter without(room, 1, none);
  EXPECT_FALSE(without.integrity({0, 1}, {}));
  EXPECT_TRUE(w.is_keep_alive());
  ASSERT_TRUE(w.choke());
  EXPECT_FALSE(w.handshake(7, {})) << "RFC 7574 §8.4: first in its datagram";
}

TEST(PpsppWriter, Rfc7574_5_3_RoomForHashesInEthernetFrames) {
  Framing f{.addressing = Addressing::kChunk32, .hash_bytes = 32, .chunk_bytes = 1024};
  EXPECT_EQ(room_for_hashes(f, 1500 - 20 - 8, 1024), 10u);  // IPv4
  EXPECT_EQ(room_for_hashes(f, 1500 - 40 - 8, 1024), 9u);   // IPv6
  EXPECT_EQ(room_for_hashes(f, 100, 1024), 0u);
  f.hash_bytes = 20;
  const std::size_t hashes = room_for_hashes(f, 1472, 1024);
  std::vector<std::byte> room(1472);
  MessageWriter w(room, 1, f);
  const std::vector<std::byte> hash(20, std::byte{7});
  for (std::size_t i = 0; i < hashes; ++i) ASSERT_TRUE(w.integrity({i, i}, hash));
  ASSERT_TRUE(w.data({0, 0}, 1, std::vector<std::byte>(1024)));
  EXPECT_LT(w.room_left(), integrity_bytes(f)) << "one more would not have fitted";
}

TEST(PpsppTypes, Rfc7574_8_2_Names) {
  EXPECT_EQ(to_string(MessageType::kHandshake), "HANDSHAKE");
  EXPECT_EQ(to_string(MessageType::kSignedIntegrity), "SIGNED_INTEGRITY");
  EXPECT_EQ(to_string(MessageType::kPexResCert), "PEX_REScert");
  EXPECT_EQ(to_string(static_cast<MessageType>(255)), "reserved");
  for (std::size_t i = 0; i < kParseErrors; ++i) EXPECT_FALSE(to_string(static_cast<ParseError>(i)).empty()) << i;
}

}  // namespace
}  // namespace mediaward::dataplane::ppspp
