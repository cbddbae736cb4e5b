// SPDX-License-Identifier: Apache-2.0
// Protocol options of HANDSHAKE (RFC 7574 §7): the option lists of a codec that is not ours (tests/captures/handshake-options-vectors.txt),
// what both profiles take and refuse, what is obligatory, and the public keys in live swarm ids (§7.4).
#include <array>
#include <fstream>
#include <map>

#include "dataplane/wire/ppspp_options.h"
#include "dataplane/wire/ppspp_swarm_key.h"
#include "tests/support/guarded_bytes.h"
#include "tests/support/ppspp_text.h"

namespace mediaward::dataplane::ppspp {
namespace {

using test::bytes_of;
using test::hex_of;

const std::map<std::string, std::vector<std::byte>>& vectors() {
  static const auto all = [] {
    std::map<std::string, std::vector<std::byte>> found;
    std::ifstream in(std::string(PPSPP_CAPTURES) + "/handshake-options-vectors.txt");
    for (std::string line; std::getline(in, line);) {
      const auto tab = line.find('\t');
      if (!line.starts_with('#') && tab != std::string::npos) found[line.substr(0, tab)] = bytes_of(line.substr(tab + 1));
    }
    return found;
  }();
  return all;
}

HandshakeOptions vector(const std::string& name) {
  const auto found = vectors().find(name);
  EXPECT_NE(found, vectors().end()) << name;
  HandshakeOptions options;
  if (found == vectors().end()) return options;
  const OptionsResult result = parse_options(found->second, Profile::kRfc, options);
  EXPECT_EQ(result.error, ParseError::kNone) << name;
  EXPECT_EQ(result.bytes, found->second.size()) << name;
  return options;
}

ParseError refusal(std::string_view hex, Profile profile = Profile::kRfc) {
  test::GuardedBytes guarded(4096);
  HandshakeOptions options;
  return parse_options(guarded.hold(bytes_of(hex)), profile, options).error;
}

TEST(PpsppOptions, Rfc7574_7_VectorsOfAnotherCodecAreReadAndWrittenAgain) {
  ASSERT_EQ(vectors().size(), 12u);
  std::size_t good = 0;
  for (const auto& [name, list] : vectors()) {
    if (name == "pyppspp") continue;
    const HandshakeOptions options = vector(name);
    std::vector<std::byte> again(list.size());
    EXPECT_EQ(write_options(again, options), list.size()) << name;
    EXPECT_EQ(hex_of(again), hex_of(list)) << name;
    OptionCode missing;
    const Side side = options.has(OptionCode::kSwarmId) ? Side::kInitiator : Side::kResponder;
    EXPECT_FALSE(find_missing(options, side, Profile::kRfc, missing)) << name << " lacks option " << static_cast<int>(missing);
    ++good;
  }
  EXPECT_EQ(good, 11u);
}

TEST(PpsppOptions, Rfc7574_7_NegativeVectorHasAnUnassignedOption) {
  const auto& list = vectors().at("pyppspp");
  HandshakeOptions options;
  for (const Profile profile : {Profile::kRfc, Profile::kLibswift}) {
    const OptionsResult result = parse_options(list, profile, options);
    EXPECT_EQ(result.error, ParseError::kUnassignedOption);
    EXPECT_EQ(list[result.bytes], std::byte{10});
  }
}

TEST(PpsppOptions, Rfc7574_7_3_To_7_11_ValuesOfTheVectors) {
  const HandshakeOptions sha1 = vector("static sha1, 32-bit chunk ranges, 1024");
  EXPECT_EQ(sha1.version, 1);
  EXPECT_EQ(sha1.minimum_version, 1);
  EXPECT_EQ(hex_of(sha1.swarm_id), "47a013e660d408619d894b20806b1d5086aab03b");
  EXPECT_EQ(sha1.integrity, IntegrityMethod::kMerkleTree);
  EXPECT_EQ(sha1.merkle, MerkleFunction::kSha1);
  EXPECT_EQ(sha1.addressing, Addressing::kChunk32);
  EXPECT_EQ(sha1.chunk_bytes, 1024u);
  EXPECT_FALSE(sha1.has(OptionCode::kLiveSignature));
  EXPECT_FALSE(sha1.has(OptionCode::kDiscardWindow));
  const HandshakeOptions sha384 = vector("static sha384, 64-bit chunk ranges, 8192");
  EXPECT_EQ(sha384.merkle, MerkleFunction::kSha384);
  EXPECT_EQ(sha384.addressing, Addressing::kChunk64);
  EXPECT_EQ(sha384.chunk_bytes, 8192u);
  EXPECT_EQ(sha384.swarm_id.size(), 48u);
  EXPECT_EQ(vector("static sha512, 64-bit bins").addressing, Addressing::kBin64);
  EXPECT_EQ(vector("static sha224, 64-bit byte ranges, variable chunks").chunk_bytes, kVariableChunkBytes);
  EXPECT_FALSE(vector("responder: no swarm id").has(OptionCode::kSwarmId));
}

TEST(PpsppOptions, Rfc7574_7_9_DiscardWindowAsWideAsAddressing) {
  const HandshakeOptions narrow = vector("live UMT ecdsa p256, 32-bit chunk ranges, discard window 65536");
  EXPECT_EQ(narrow.integrity, IntegrityMethod::kUnifiedMerkleTree);
  EXPECT_EQ(narrow.live_signature, SignatureAlgorithm::kEcdsaP256Sha256);
  EXPECT_EQ(narrow.discard_window, 65536u);
  EXPECT_EQ(vector("live UMT, 64-bit chunk ranges, keep-all window").discard_window, kDiscardNothing);
  const HandshakeOptions all = vector("live sign-all rsasha256, 32-bit bins");
  EXPECT_EQ(all.discard_window, kDiscardNothing) << "all ones in 32 bits say the same";
  EXPECT_EQ(all.live_signature, SignatureAlgorithm::kRsaSha256);
  std::array<std::byte, 40> room{};
  const auto written = [&room](Addressing a, std::uint64_t window) {
    const std::size_t bytes = write_options(room, HandshakeOptions{}.set_addressing(a).set_discard_window(window));
    return hex_of(ConstBytes(room).first(bytes));
  };
  EXPECT_EQ(written(Addressing::kBin32, kDiscardNothing), "060007ffffffffff");
  EXPECT_EQ(written(Addressing::kByte64, 0x100000000), "0601070000000100000000ff");
  EXPECT_EQ(written(Addressing::kChunk32, 0xfffffffe), "060207fffffffeff");
  EXPECT_EQ(written(Addressing::kChunk32, 0xffffffff), "") << "would be read as keeping everything";
}

TEST(PpsppOptions, Rfc7574_7_10_SupportedMessages) {
  // The RFC's own example: every message but ACK and PEX.
  const HandshakeOptions some = vector("all but ACK and PEX supported");
  EXPECT_EQ(hex_of(some.supported), "d9f0");
  EXPECT_EQ(hex_of(kAllButAckAndPex), "d9f0");
  std::string types, without_pex;
  const HandshakeOptions ours = HandshakeOptions{}.set_supported(kAllButPex);
  for (unsigned type = 0; type < 256; ++type) {
    if (some.supports(static_cast<MessageType>(type))) types += std::to_string(type) + " ";
    if (ours.supports(static_cast<MessageType>(type))) without_pex += std::to_string(type) + " ";
  }
  EXPECT_EQ(types, "0 1 3 4 7 8 9 10 11 ");
  EXPECT_EQ(without_pex, "0 1 2 3 4 7 8 9 10 11 ");
  const HandshakeOptions few = vector("only HANDSHAKE DATA ACK HAVE INTEGRITY REQUEST");
  EXPECT_TRUE(few.supports(MessageType::kRequest));
  EXPECT_FALSE(few.supports(MessageType::kSignedIntegrity));
  EXPECT_TRUE(HandshakeOptions{}.supports(MessageType::kPexResCert)) << "no option: all";
  EXPECT_FALSE(HandshakeOptions{}.set_supported({}).supports(MessageType::kHandshake)) << "an empty bitmap: none";
  EXPECT_EQ(refusal("0001 0821" + std::string(66, 'f') + "ff"), ParseError::kBadOptionValue) << "33 bytes";
  EXPECT_EQ(refusal("0001 0820" + std::string(64, 'f') + "ff"), ParseError::kNone);
}

TEST(PpsppOptions, Rfc7574_7_AscendingOnceAndEnded) {
  for (const char* hex : {"0101 0001 ff", "0001 0301 0101 ff", "0001 0602 0301 ff"}) {
    EXPECT_EQ(refusal(hex), ParseError::kOptionOrder) << hex;
    EXPECT_EQ(refusal(hex, Profile::kLibswift), ParseError::kNone) << hex;
  }
  EXPECT_EQ(refusal("0001 0001 ff"), ParseError::kOptionOrder) << "twice";
  EXPECT_EQ(refusal("0001 0301"), ParseError::kNoEnd);
  EXPECT_EQ(refusal(""), ParseError::kNoEnd);
  EXPECT_EQ(refusal("ff"), ParseError::kNone);
  EXPECT_EQ(refusal("ff 0a"), ParseError::kNone) << "what follows End are messages";
}

TEST(PpsppOptions, Libswift_4_2_5_WhatTheReferenceTakes) {
  HandshakeOptions options;
  const auto list = bytes_of("0002 0102 0602 0301 0200021234 02000156 0402");
  OptionsResult result = parse_options(list, Profile::kLibswift, options);
  EXPECT_EQ(result.error, ParseError::kNone);
  EXPECT_EQ(result.bytes, 19u);
  EXPECT_EQ(options.version, 2);
  EXPECT_EQ(options.minimum_version, 2);
  EXPECT_EQ(hex_of(options.swarm_id), "56") << "the last of two";
  EXPECT_EQ(options.merkle, MerkleFunction::kSha256);
  result = parse_options(bytes_of("07 00010000 0602 ff"), Profile::kLibswift, options);
  EXPECT_EQ(result.error, ParseError::kNone);
  EXPECT_EQ(options.discard_window, 65536u) << "as wide as the default addressing";
  EXPECT_EQ(refusal("0001 07 00010000 ff"), ParseError::kNoAddressing);
}

TEST(PpsppOptions, Rfc7574_7_WhatNeitherProfileTakes) {
  for (const Profile profile : {Profile::kRfc, Profile::kLibswift}) {
    for (unsigned code = 10; code < 255; ++code)
      EXPECT_EQ(refusal("0001" + hex_of(std::array{std::byte(code)}) + "00ff", profile), ParseError::kUnassignedOption) << code;
    for (const char* hex : {"0000 ff", "0001 0100 ff", "0304 ff", "03ff ff", "0405 ff", "0605 ff", "020000 ff", "0900000000 ff"})
      EXPECT_EQ(refusal(hex, profile), ParseError::kBadOptionValue) << hex;
    for (const char* hex : {"00", "01", "02", "0200", "0200ff 1234", "03", "04", "05", "06", "0602 07 000000", "0604 07 00000000", "08",
                            "0802d9", "09000004"})
      EXPECT_EQ(refusal(hex, profile), ParseError::kTruncated) << hex;
  }
}

TEST(PpsppOptions, Rfc7574_7_EveryTruncationOfTheVectors) {
  test::GuardedBytes guarded(4096);
  for (const auto& [name, list] : vectors())
    for (std::size_t n = 0; n < list.size(); ++n)
      for (const Profile profile : {Profile::kRfc, Profile::kLibswift}) {
        HandshakeOptions options;
        const OptionsResult result = parse_options(guarded.hold(ConstBytes(list).first(n)), profile, options);
        EXPECT_LE(result.bytes, n);
        EXPECT_TRUE(profile == Profile::kLibswift || result.error != ParseError::kNone) << name << " cut to " << n;
      }
}

TEST(PpsppOptions, Rfc7574_7_WriterNeedsRoomForAllOfIt) {
  for (const auto& [name, list] : vectors()) {
    if (name == "pyppspp") continue;
    const HandshakeOptions options = vector(name);
    for (std::size_t n = 0; n < list.size(); ++n) {
      std::vector<std::byte> room(n);
      EXPECT_EQ(write_options(room, options), 0u) << name << " in " << n;
    }
  }
  std::vector<std::byte> room(70000);
  EXPECT_EQ(write_options(room, HandshakeOptions{}.set_swarm_id(std::vector<std::byte>(65536))), 0u);
  EXPECT_EQ(write_options(room, HandshakeOptions{}.set_swarm_id({})), 0u);
  EXPECT_EQ(write_options(room, HandshakeOptions{}.set_supported(std::vector<std::byte>(33))), 0u);
  EXPECT_EQ(write_options(room, HandshakeOptions{}.set_swarm_id(std::vector<std::byte>(65535))), 65539u);
}

TEST(PpsppOptions, Rfc7574_7_WhatASideMustSay) {
  const auto lacks = [](std::string_view hex, Side side, Profile profile) -> int {
    HandshakeOptions options;
    const auto list = bytes_of(hex);
    EXPECT_EQ(parse_options(list, Profile::kRfc, options).error, ParseError::kNone) << hex;
    OptionCode missing{};
    return find_missing(options, side, profile, missing) ? static_cast<int>(missing) : -1;
  };
  using enum Profile;
  constexpr Side kFirst = Side::kInitiator, kSecond = Side::kResponder;
  EXPECT_EQ(lacks("0001 0101 0200021234 0301 0402 0602 0900000400 ff", kFirst, kRfc), -1);
  EXPECT_EQ(lacks("0101 0200021234 0301 0402 0602 0900000400 ff", kFirst, kRfc), 0);
  EXPECT_EQ(lacks("0001 0200021234 0301 0402 0602 0900000400 ff", kFirst, kRfc), 1);
  EXPECT_EQ(lacks("0001 0101 0301 0402 0602 0900000400 ff", kFirst, kRfc), 2);
  EXPECT_EQ(lacks("0001 0301 0402 0602 0900000400 ff", kSecond, kRfc), -1);
  EXPECT_EQ(lacks("0001 0402 0602 0900000400 ff", kSecond, kRfc), 3);
  EXPECT_EQ(lacks("0001 0301 0602 0900000400 ff", kSecond, kRfc), 4);
  EXPECT_EQ(lacks("0001 0300 0602 0900000400 ff", kSecond, kRfc), -1) << "no hashes, no function";
  EXPECT_EQ(lacks("0001 0303 0602 0700000001 0900000400 ff", kSecond, kRfc), 5);
  EXPECT_EQ(lacks("0001 0301 0402 0900000400 ff", kSecond, kRfc), 6);
  EXPECT_EQ(lacks("0001 0302 050d 0602 0900000400 ff", kSecond, kRfc), 7);
  EXPECT_EQ(lacks("0001 0303 050d 0602 0700000001 0900000400 ff", kSecond, kRfc), -1) << "§7.6 asks a function of static swarms only";
  EXPECT_EQ(lacks("0001 0301 0402 0602 ff", kSecond, kRfc), 9);
  EXPECT_EQ(lacks("0001 0301 0402 0602 ff", kSecond, kLibswift), -1);
}

TEST(PpsppOptions, Rfc7574_7_FramingFollows) {
  const Framing base{.addressing = Addressing::kBin32, .hash_bytes = 99, .signature_bytes = 98, .chunk_bytes = 97};
  const auto framing = [&base](const std::string& name) { return framing_of(vector(name), base); };
  EXPECT_EQ(framing("static sha1, 32-bit chunk ranges, 1024"), (Framing{Addressing::kChunk32, 20, 0, 1024}));
  EXPECT_EQ(framing("static sha224, 64-bit byte ranges, variable chunks"), (Framing{Addressing::kByte64, 28, 0, kVariableChunkBytes}));
  EXPECT_EQ(framing("static sha256 (default set)"), (Framing{Addressing::kChunk32, 32, 0, 1024}));
  EXPECT_EQ(framing("static sha384, 64-bit chunk ranges, 8192"), (Framing{Addressing::kChunk64, 48, 0, 8192}));
  EXPECT_EQ(framing("static sha512, 64-bit bins"), (Framing{Addressing::kBin64, 64, 0, 1024}));
  EXPECT_EQ(framing("live UMT ecdsa p256, 32-bit chunk ranges, discard window 65536"), (Framing{Addressing::kChunk32, 99, 64, 1024}))
      << "the function of a live swarm is not on the wire";
  EXPECT_EQ(framing("live sign-all rsasha256, 32-bit bins"), (Framing{Addressing::kBin32, 0, 0, 1024})) << "its modulus is all zeros";
  HandshakeOptions none;
  none.set_integrity(IntegrityMethod::kNone).set_merkle(MerkleFunction::kSha1);
  EXPECT_EQ(framing_of(none, base), (Framing{Addressing::kBin32, 0, 0, 97}));
  EXPECT_EQ(framing_of({}, base), base);
}

TEST(PpsppSwarmKey, Rfc6605_4_Points) {
  SwarmKey key;
  const auto p256 = bytes_of("0d" + std::string(128, '5')), p384 = bytes_of("0e" + std::string(192, '6'));
  ASSERT_EQ(parse_swarm_key(p256, key), KeyError::kNone);
  EXPECT_EQ(key.algorithm, SignatureAlgorithm::kEcdsaP256Sha256);
  EXPECT_EQ(key.signature_bytes, 64);
  EXPECT_EQ(hex_of(key.point), std::string(128, '5'));
  ASSERT_EQ(parse_swarm_key(p384, key), KeyError::kNone);
  EXPECT_EQ(key.signature_bytes, 96);
  EXPECT_TRUE(key.modulus.empty() && key.exponent.empty());
  test::GuardedBytes guarded(4096);
  for (const auto& id : {p256, p384}) {
    for (std::size_t n = 1; n < id.size(); ++n)
      EXPECT_EQ(parse_swarm_key(guarded.hold(ConstBytes(id).first(n)), key), KeyError::kBadLength);
    auto longer = id;
    longer.push_back({});
    EXPECT_EQ(parse_swarm_key(longer, key), KeyError::kBadLength);
  }
  EXPECT_EQ(key.signature_bytes, 96) << "written without success";
}

TEST(PpsppSwarmKey, Rfc3110_2_ExponentAndModulus) {
  SwarmKey key;
  const std::string modulus(256, 'c');
  const auto brief = bytes_of("05 03 010001" + modulus), lengthy = bytes_of("08 00 0101 01" + std::string(512, '0') + modulus);
  ASSERT_EQ(parse_swarm_key(brief, key), KeyError::kNone);
  EXPECT_EQ(key.algorithm, SignatureAlgorithm::kRsaSha1);
  EXPECT_EQ(hex_of(key.exponent), "010001");
  EXPECT_EQ(hex_of(key.modulus), modulus);
  EXPECT_EQ(key.signature_bytes, 128);
  ASSERT_EQ(parse_swarm_key(lengthy, key), KeyError::kNone);
  EXPECT_EQ(key.algorithm, SignatureAlgorithm::kRsaSha256);
  EXPECT_EQ(key.exponent.size(), 257u);
  EXPECT_EQ(hex_of(key.modulus), modulus);
  EXPECT_TRUE(key.point.empty());
}

TEST(PpsppSwarmKey, Rfc3110_2_KeysThatCannotBe) {
  test::GuardedBytes guarded(4096);
  const auto error = [&guarded](std::string_view hex) {
    SwarmKey key{.signature_bytes = 7};
    const KeyError found = parse_swarm_key(guarded.hold(bytes_of(hex)), key);
    EXPECT_EQ(key.signature_bytes, 7);
    return found;
  };
  for (const char* hex : {"", "08", "08 00", "08 00 00", "08 03 0100", "08 03 010001", "08 00 0003 010001"})
    EXPECT_EQ(error(hex), KeyError::kTruncated) << hex;
  for (const char* hex : {"08 03 000001 cc", "08 03 010001 00cc", "08 00 0000 cc"}) EXPECT_EQ(error(hex), KeyError::kLeadingZero) << hex;
  EXPECT_EQ(error("08 03 010001" + std::string(2 * 513, 'c')), KeyError::kBadLength);
  for (const char* hex : {"00 03 010001 cc", "07 03 010001 cc", "0f 03 010001 cc", "ff 03 010001 cc"})
    EXPECT_EQ(error(hex), KeyError::kUnknownAlgorithm) << hex;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(to_string(static_cast<KeyError>(i)).empty());
}

TEST(PpsppSwarmKey, Rfc7574_7_4_OfTheLiveCapture) {
  // tests/captures/README.md names this swarm: first octet 13, then X‖Y of the P-256 key.
  const auto id = bytes_of(
      "0dc03814d83597c2a73103b03bda72b5225fc1d04170dcff925d708b438d8dd36f23cb98976a99c0b276a2a9bc3c6ef3dc3bddc76546c9b880eadc587a35a504f1");
  SwarmKey key;
  ASSERT_EQ(parse_swarm_key(id, key), KeyError::kNone);
  EXPECT_EQ(key.algorithm, SignatureAlgorithm::kEcdsaP256Sha256);
  EXPECT_EQ(key.signature_bytes, 64);
  EXPECT_EQ(key.point.data(), id.data() + 1);
}

}  // namespace
}  // namespace mediaward::dataplane::ppspp
