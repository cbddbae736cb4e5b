// SPDX-License-Identifier: Apache-2.0
// The codec on what the protocol's reference implementation sent (tests/captures/README.md): every datagram is read to its end, every
// message is counted, written again to the same bytes, and cut short at every length.
// Counts come from README.md and from tests/system/ppspp_reader.py, which shares no code with the codec; order is README.md's.
#include <algorithm>
#include <map>

#include "dataplane/wire/ppspp_swarm_key.h"
#include "dataplane/wire/ppspp_writer.h"
#include "tests/support/capture_file.h"
#include "tests/support/guarded_bytes.h"
#include "tests/support/ppspp_rewrite.h"
#include "tests/support/ppspp_text.h"

namespace mediaward::dataplane::ppspp {
namespace {

using test::CapturedDatagram;

struct Counts {
  std::size_t datagrams = 0, keep_alives = 0, handshake = 0, data = 0, ack = 0, have = 0, integrity = 0, pex_req = 0, signed_integrity = 0;
  std::size_t request = 0, closes = 0, chunk_bytes = 0;
  bool operator==(const Counts&) const = default;
};

struct Capture {
  const char* name;
  Counts counts;
};

const Capture kCaptures[] = {
    {"01-sha1-1chunk.pcap", {22, 16, 3, 1, 1, 2, 1, 1, 0, 1, 1, 13}},
    {"02-sha1-7chunks.pcap", {38, 20, 3, 7, 7, 10, 8, 1, 0, 5, 1, 7162}},
    {"04-sha256-1chunk.pcap", {22, 16, 3, 1, 1, 2, 1, 1, 0, 1, 1, 13}},
    {"05-sha256-7chunks.pcap", {36, 17, 3, 7, 7, 10, 7, 1, 0, 5, 1, 7162}},
    {"08-sha256-100chunks-10pct-loss.pcap.gz", {267, 57, 6, 109, 93, 102, 156, 2, 0, 9, 2, 111611}},
    {"09-sha256-7chunks-tampered-4.pcap.gz", {76, 51, 2, 13, 6, 9, 10, 2, 0, 6, 0, 13306}},
    {"11-sha256-7chunks-blackhole.pcap.gz", {400, 198, 2, 0, 0, 3, 585, 1, 0, 5, 0, 0}},
    {"12-live-umt-ecdsap256-sha1.pcap.gz", {52, 0, 2, 23, 23, 37, 40, 6, 1, 25, 0, 5888}},
    {"17-sha1-truncation-attack.pcap", {21, 15, 3, 1, 1, 2, 1, 1, 0, 1, 1, 40}},
    {"19-sha256-integrity-in-separate-datagram.pcap", {14, 0, 2, 7, 1, 7, 26, 1, 0, 3, 0, 7168}},
};

std::vector<CapturedDatagram> datagrams(const std::string& name) {
  return test::read_capture(std::string(PPSPP_CAPTURES) + "/" + name);
}

// Framing as the initiator's HANDSHAKE tells it. The function of a live swarm is not told: README.md says SHA-1.
struct Learned {
  Framing framing{.hash_bytes = 20};
  Handshake initiator;
};
Learned learn(const std::vector<CapturedDatagram>& all) {
  Learned learned;
  for (const auto& d : all) {
    const ConstBytes after = ConstBytes(d.payload).subspan(kChannelBytes);
    if (load_be32(d.payload.data()) != 0 || !begins_with_handshake(after)) continue;
    EXPECT_EQ(parse_handshake(after, Profile::kRfc, learned.initiator).error, ParseError::kNone);
    learned.framing = framing_of(learned.initiator.options, learned.framing);
    break;
  }
  return learned;
}

std::vector<Message> messages(const CapturedDatagram& d, const Framing& framing) {
  ParseError error;
  auto all = test::read_all(MessageReader(ConstBytes(d.payload).subspan(kChannelBytes), framing), error);
  EXPECT_EQ(error, ParseError::kNone);
  return all;
}

class PpsppCapture : public testing::TestWithParam<Capture> {};

TEST_P(PpsppCapture, Rfc7574_8_EveryMessageIsCounted) {
  const auto all = datagrams(GetParam().name);
  const Framing framing = learn(all).framing;
  Counts found{.datagrams = all.size()};
  for (const auto& d : all) {
    const auto list = messages(d, framing);
    found.keep_alives += list.empty();
    for (const Message& m : list) {
      found.handshake += m.type == MessageType::kHandshake;
      found.closes += m.type == MessageType::kHandshake && m.channel == 0;
      found.data += m.type == MessageType::kData;
      found.chunk_bytes += m.type == MessageType::kData ? m.body.size() : 0;
      found.ack += m.type == MessageType::kAck;
      found.have += m.type == MessageType::kHave;
      found.integrity += m.type == MessageType::kIntegrity;
      found.pex_req += m.type == MessageType::kPexReq;
      found.signed_integrity += m.type == MessageType::kSignedIntegrity;
      found.request += m.type == MessageType::kRequest;
    }
  }
  const Counts& wanted = GetParam().counts;
  EXPECT_EQ(found.data, wanted.data);
  EXPECT_EQ(found.integrity, wanted.integrity);
  EXPECT_EQ(found.ack, wanted.ack);
  EXPECT_EQ(found.have, wanted.have);
  EXPECT_EQ(found.request, wanted.request);
  EXPECT_TRUE(found == wanted);
}

TEST_P(PpsppCapture, Rfc7574_8_WrittenAgainToTheSameBytes) {
  const auto all = datagrams(GetParam().name);
  const Framing framing = learn(all).framing;
  for (const auto& d : all) {
    std::vector<std::byte> room(d.payload.size());
    MessageWriter writer(room, load_be32(d.payload.data()), framing);
    MessageReader reader(ConstBytes(d.payload).subspan(kChannelBytes), framing);
    for (Message m; reader.next(m);) ASSERT_TRUE(test::write_again(writer, m, reader.options())) << test::text_of(m);
    ASSERT_EQ(test::hex_of(writer.bytes()), test::hex_of(d.payload));
  }
}

// A datagram that is cut yields what it held whole before the cut, in front of it perhaps a shorter chunk, and otherwise an error.
TEST_P(PpsppCapture, Rfc7574_8_CutShortAtEveryLength) {
  const auto all = datagrams(GetParam().name);
  const Framing framing = learn(all).framing;
  test::GuardedBytes guarded(65536);
  for (const auto& d : all) {
    const ConstBytes whole = ConstBytes(d.payload).subspan(kChannelBytes);
    const auto wanted = messages(d, framing);
    for (std::size_t n = 0; n < whole.size(); ++n) {
      MessageReader reader(guarded.hold(whole.first(n)), framing);
      std::size_t seen = 0;
      bool shorter = false;
      for (Message m; reader.next(m); ++seen) {
        ASSERT_LT(seen, wanted.size());
        ASSERT_EQ(test::text_of(m), test::text_of(wanted[seen]));
        shorter = m.body.size() < wanted[seen].body.size();
      }
      ASSERT_LE(reader.offset(), n);
      ASSERT_TRUE(!shorter || wanted[seen - 1].type == MessageType::kData);
      ASSERT_TRUE(shorter || seen < wanted.size());
      ASSERT_EQ(reader.error() == ParseError::kNone, reader.offset() == n) << "all of it, or an error";
    }
  }
}

std::string suite_name(const testing::TestParamInfo<Capture>& capture) {
  std::string name = capture.param.name;
  name.resize(name.find('.'));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, PpsppCapture, testing::ValuesIn(kCaptures), suite_name);

TEST(PpsppCaptures, Rfc7574_5_6_PeaksLeftToRightThenUnclesThenData) {
  const auto all = datagrams("02-sha1-7chunks.pcap");
  const Framing framing = learn(all).framing;
  std::vector<std::string> first, chunks;
  for (const auto& d : all)
    for (const Message& m : messages(d, framing)) {
      if (m.type == MessageType::kData) chunks.push_back(std::to_string(m.range.first));
      if ((m.type == MessageType::kIntegrity || m.type == MessageType::kData) && (first.empty() || first.back() != "DATA 0-0"))
        first.push_back(test::text_of(m));
    }
  EXPECT_EQ(first,
            (std::vector<std::string>{"INTEGRITY 0-3", "INTEGRITY 4-5", "INTEGRITY 6-6", "INTEGRITY 2-3", "INTEGRITY 1-1", "DATA 0-0"}));
  EXPECT_EQ(chunks, (std::vector<std::string>{"0", "6", "4", "5", "2", "3", "1"}));
}

TEST(PpsppCaptures, Rfc7574_5_3_HashesOneDatagramAheadOfTheirChunk) {
  const auto all = datagrams("19-sha256-integrity-in-separate-datagram.pcap");
  const Framing framing = learn(all).framing;
  const auto ahead = messages(all.at(3), framing), data = messages(all.at(5), framing);
  ASSERT_EQ(ahead.size(), 15u);  // peaks and uncles of chunk 0 of 1000
  EXPECT_TRUE(std::all_of(ahead.begin(), ahead.end(), [](const Message& m) { return m.type == MessageType::kIntegrity; }));
  EXPECT_EQ(test::text_of(ahead.front()), "INTEGRITY 0-511");
  EXPECT_EQ(test::text_of(ahead.back()), "INTEGRITY 1-1");
  ASSERT_EQ(data.size(), 1u);
  EXPECT_EQ(test::text_of(data.front()), "DATA 0-0");
}

TEST(PpsppCaptures, Rfc7574_6_1_2_1_LiveSwarmSignsItsMunro) {
  const auto all = datagrams("12-live-umt-ecdsap256-sha1.pcap.gz");
  const Learned learned = learn(all);
  const HandshakeOptions& o = learned.initiator.options;
  EXPECT_EQ(o.integrity, IntegrityMethod::kUnifiedMerkleTree);
  EXPECT_EQ(o.live_signature, SignatureAlgorithm::kEcdsaP256Sha256);
  EXPECT_EQ(o.discard_window, kDiscardNothing);
  EXPECT_FALSE(o.has(OptionCode::kMerkleFunction));
  EXPECT_EQ(learned.framing, (Framing{Addressing::kChunk32, 20, 64, kVariableChunkBytes}));
  std::vector<std::string> signed_ranges;
  for (const auto& d : all)
    for (const Message& m : messages(d, learned.framing))
      if (m.type == MessageType::kSignedIntegrity) {
        signed_ranges.push_back(test::text_of(m));
        EXPECT_LT(d.time_us - m.timestamp, 60'000'000u) << "microseconds since 1970, not NTP";
      }
  EXPECT_EQ(signed_ranges, std::vector<std::string>{"SIGNED_INTEGRITY 32-63"});
}

TEST(PpsppCaptures, Libswift_4_2_1_ReferenceAsPublishedSendsNoChunkSize) {
  for (const char* name : {"01-sha1-1chunk.pcap", "17-sha1-truncation-attack.pcap", "12-live-umt-ecdsap256-sha1.pcap.gz"}) {
    const HandshakeOptions options = learn(datagrams(name)).initiator.options;
    OptionCode missing{};
    ASSERT_TRUE(find_missing(options, Side::kInitiator, Profile::kRfc, missing)) << name;
    EXPECT_EQ(missing, OptionCode::kChunkSize);
    EXPECT_FALSE(find_missing(options, Side::kInitiator, Profile::kLibswift, missing)) << name;
  }
  OptionCode missing{};
  EXPECT_FALSE(find_missing(learn(datagrams("05-sha256-7chunks.pcap")).initiator.options, Side::kInitiator, Profile::kRfc, missing));
}

}  // namespace
}  // namespace mediaward::dataplane::ppspp
