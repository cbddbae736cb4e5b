// SPDX-License-Identifier: Apache-2.0
// The conference file: what is read, and that every mistake is answered with line, column, key and what to write instead.
#include "tools/conference_file.h"

#include <gtest/gtest.h>

namespace mediaward::tools {
namespace {

constexpr const char* kCmKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";  // 30 bytes
constexpr const char* kCmKey2 = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
constexpr const char* kCmKey3 = "AgECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";
constexpr const char* kGcmKey2 = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
constexpr const char* kGcmKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";  // 28 bytes

std::string alice(const std::string& extra = "", const std::string& local = "192.0.2.1:20000") {
  return "[[participant]]\nid = \"alice\"\nport = \"media0\"\nlocal = \"" + local + "\"\nremote = \"192.0.2.11:5004\"\n" +
         "suite = \"AES_CM_128_HMAC_SHA1_80\"\nreceive_key = \"" + kCmKey + "\"\nsend_key = \"" + kCmKey + "\"\nssrc = [0x10000001]\n" +
         extra;
}

std::string message(const std::string& text) {
  const auto result = parse_conference(text, "c.toml");
  return result ? "no error" : result.error().message;
}

TEST(ConferenceFile, ReadsEveryField) {
  const auto file = parse_conference("id = \"standup\"\n" + alice("dscp = 46\ndirection = \"send-only\"\n"), "c.toml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->id, "standup");
  ASSERT_EQ(file->participants.size(), 1u);
  const auto& p = file->participants[0];
  EXPECT_EQ(p.id, "alice");
  EXPECT_EQ(p.port, "media0");
  EXPECT_EQ(p.local.address, "192.0.2.1");
  EXPECT_EQ(p.remote.udp_port, 5004);
  EXPECT_EQ(p.receive_suite, "AES_CM_128_HMAC_SHA1_80");
  EXPECT_EQ(p.send_suite, p.receive_suite);
  ASSERT_EQ(p.receive_key.size(), 30u);
  EXPECT_EQ(p.receive_key[29], 29);
  EXPECT_EQ(p.ssrcs, std::vector<std::uint32_t>{0x10000001});
  EXPECT_EQ(p.dscp, 46);
  EXPECT_TRUE(p.may_send);
  EXPECT_FALSE(p.may_receive);
}

TEST(ConferenceFile, WritesWhatItReads) {
  const auto first =
      parse_conference("id = \"a \\\"b\\\"\"\n" + alice("dscp = 10\ndirection = \"receive-only\"\n", "192.0.2.1:20002"), "c.toml");
  ASSERT_TRUE(first) << first.error().message;
  const auto second = parse_conference(to_toml(*first), "again.toml");
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(to_toml(*first), to_toml(*second));
  EXPECT_EQ(second->id, "a \"b\"");
  EXPECT_EQ(second->participants[0].send_key, first->participants[0].send_key);
  EXPECT_FALSE(second->participants[0].may_send);
}

TEST(ConferenceFile, DifferentSuitesPerDirectionAndIpv6) {
  const std::string text =
      std::string("id = \"x\"\n[[participant]]\nid = \"bob\"\nport = \"media0\"\nlocal = \"[2001:db8::1]:20000\"\n") +
      "remote = \"[2001:db8::11]:5004\"\nreceive_suite = \"AEAD_AES_128_GCM\"\nsend_suite = \"AES_CM_128_HMAC_SHA1_80\"\n" +
      "receive_key = \"" + kGcmKey + "\"\nsend_key = \"" + kCmKey + "\"\nssrc = [1, 2]\n";
  const auto file = parse_conference(text, "c.toml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->participants[0].local.address, "2001:db8::1");
  EXPECT_EQ(file->participants[0].receive_key.size(), 28u);
  EXPECT_EQ(file->participants[0].ssrcs.size(), 2u);
}

TEST(ConferenceFile, UnknownKeyNamesTheNearest) {
  const std::string text = message("id = \"x\"\n" + alice("dcsp = 46\n"));
  EXPECT_NE(text.find("c.toml:11:1:"), std::string::npos) << text;
  EXPECT_NE(text.find("`dscp`"), std::string::npos) << text;
}

TEST(ConferenceFile, UnknownSuiteNamesTheNearest) {
  std::string text = "id = \"x\"\n" + alice();
  text.replace(text.find("SHA1_80"), 7, "SHA1_8O");
  EXPECT_NE(message(text).find("did you mean `AES_CM_128_HMAC_SHA1_80`"), std::string::npos) << message(text);
}

TEST(ConferenceFile, KeyLengthMustFitTheSuiteAndIsNotPrinted) {
  std::string text = "id = \"x\"\n" + alice();
  text.replace(text.find(kCmKey), 40, kGcmKey);
  EXPECT_NE(message(text).find("c.toml:8:"), std::string::npos) << message(text);
  EXPECT_NE(message(text).find("28 bytes"), std::string::npos) << message(text);
  EXPECT_EQ(message(text).find("AAECAw"), std::string::npos);
}

TEST(ConferenceFile, Rfc4648_4_BadBase64IsRefused) {
  for (const char* bad : {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGx*d", "",
                          "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGx=="}) {
    std::string text = "id = \"x\"\n" + alice();
    text.replace(text.find(kCmKey), 40, bad);
    EXPECT_NE(message(text).find("participant[0].receive_key"), std::string::npos) << bad << ": " << message(text);
  }
}

TEST(ConferenceFile, BadEndpointsAreRefused) {
  for (const char* bad :
       {"192.0.2.1", "192.0.2.1:0", "192.0.2.1:70000", "192.0.2:5", "2001:db8::1:20000", "[192.0.2.1]:5", "[2001:db8::1]", ":5"})
    EXPECT_NE(message("id = \"x\"\n" + alice("", bad)).find("participant[0].local"), std::string::npos) << bad;
  EXPECT_NE(message("id = \"x\"\n" + alice("", "[2001:db8::1]:20000")).find("both be IPv4 or both IPv6"), std::string::npos);
}

TEST(ConferenceFile, DuplicatesAreRefused) {
  const std::string text = message("id = \"x\"\n" + alice() + "\n" + alice());
  EXPECT_NE(text.find("participant[1].id"), std::string::npos) << text;
  EXPECT_NE(text.find("participant[1].local"), std::string::npos) << text;
  EXPECT_NE(text.find("0x10000001 is already used"), std::string::npos) << text;
}

TEST(ConferenceFile, EveryMissingKeyIsNamedAtOnce) {
  const std::string text = message("id = \"x\"\n[[participant]]\nid = \"a\"\n");
  for (const char* key : {"port", "local", "remote", "suite", "receive_key", "send_key"})
    EXPECT_NE(text.find("participant[0]." + std::string(key)), std::string::npos) << key << "\n" << text;
}

TEST(ConferenceFile, BothKindsOfSuiteKeysAreRefused) {
  EXPECT_NE(message("id = \"x\"\n" + alice("send_suite = \"AEAD_AES_128_GCM\"\n")).find("either `suite`"), std::string::npos);
}

// A participant without remote, suite and keys: those are in `more`.
std::string full_participant(const std::string& more, const std::string& id = "alice", int local_port = 20000) {
  return "[[participant]]\nid = \"" + id + "\"\nport = \"media0\"\nlocal = \"192.0.2.1:" + std::to_string(local_port) + "\"\n" + more;
}
std::string receive_only_key() {
  return std::string("suite = \"AES_CM_128_HMAC_SHA1_80\"\nreceive_key = \"") + kCmKey + "\"\n";
}

TEST(ConferenceFile, KeysWithMkiLifetimeAndStagedOnes) {
  const std::string key = kCmKey2;
  const std::string text = "id = \"x\"\n" + alice(
                                                "receive_mki = \"0000000A\"\nreceive_lifetime = 281474976710656\n"
                                                "receive_srtcp_lifetime = 2147483648\nsend_lifetime = 7\nsend_srtcp_lifetime = 8\n"
                                                "more_receive_keys = [{ key = \"" +
                                                key +
                                                "\", mki = \"0000000b\", lifetime = 5, srtcp_lifetime = 6 }]\n"
                                                "more_send_keys = [{ key = \"" +
                                                key + "\", mki = \"0c\" }]\nsend_mki = \"0b\"\n");
  const auto file = parse_conference(text, "c.toml");
  ASSERT_TRUE(file) << file.error().message;
  const auto& p = file->participants[0];
  EXPECT_EQ(p.receive_mki, (std::vector<std::uint8_t>{0, 0, 0, 10}));
  EXPECT_EQ(p.receive_lifetime, std::uint64_t{1} << 48);
  EXPECT_EQ(p.receive_srtcp_lifetime, std::uint64_t{1} << 31);
  EXPECT_EQ(p.send_lifetime, 7u);
  EXPECT_EQ(p.send_srtcp_lifetime, 8u);
  ASSERT_EQ(p.more_receive_keys.size(), 1u);
  EXPECT_EQ(p.more_receive_keys[0].bytes.size(), 30u);
  EXPECT_EQ(p.more_receive_keys[0].mki[3], 11);
  EXPECT_EQ(p.more_receive_keys[0].lifetime, 5u);
  EXPECT_EQ(p.more_receive_keys[0].srtcp_lifetime, 6u);
  ASSERT_EQ(p.more_send_keys.size(), 1u);
  EXPECT_EQ(p.more_send_keys[0].mki, std::vector<std::uint8_t>{12});
  const auto again = parse_conference(to_toml(*file), "again.toml");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(to_toml(*again), to_toml(*file));
  EXPECT_EQ(again->participants[0].more_receive_keys[0].mki, p.more_receive_keys[0].mki);
  EXPECT_EQ(again->participants[0].send_srtcp_lifetime, 8u);
}

TEST(ConferenceFile, PoliciesOfAParticipant) {
  const auto file = parse_conference(
      "id = \"x\"\n" + alice("initial_roc = [7]\nssrc_places = 2\nmuted = true\nsource = \"relatch\"\nsource_filter = \"192.0.2.0/24\"\n"
                             "actual_remote = \"198.51.100.7:6000\"\naudio_level_id = 15\nreplay_window = 1024\nrtcp = \"drop\"\n"
                             "rtcp_mux = false\nremote_rtcp_port = 5009\nallow_unencrypted_srtcp = true\ndirection = \"inactive\"\n"),
      "c.toml");
  ASSERT_TRUE(file) << file.error().message;
  const auto again = parse_conference(to_toml(*file), "again.toml");
  ASSERT_TRUE(again) << again.error().message;
  for (const auto* p : {&file->participants[0], &again->participants[0]}) {
    EXPECT_EQ(p->initial_rocs, std::vector<std::uint32_t>{7});
    EXPECT_EQ(p->ssrc_places, 2);
    EXPECT_TRUE(p->muted);
    EXPECT_EQ(p->source, ConferenceFile::SourcePolicy::kRelatch);
    ASSERT_TRUE(p->source_filter);
    EXPECT_EQ(p->source_filter->address, "192.0.2.0");
    EXPECT_EQ(p->source_filter->bits, 24);
    EXPECT_EQ(p->actual_remote.udp_port, 6000);
    EXPECT_EQ(p->audio_level_id, 15);
    EXPECT_EQ(p->replay_window, 1024);
    EXPECT_TRUE(p->rtcp_drop);
    EXPECT_FALSE(p->rtcp_mux);
    EXPECT_EQ(p->remote_rtcp_port, 5009);
    EXPECT_TRUE(p->allow_unencrypted_srtcp);
    EXPECT_FALSE(p->may_send);
    EXPECT_FALSE(p->may_receive);
  }
}

TEST(ConferenceFile, LatchedParticipantNeedsNoRemote) {
  const auto file = parse_conference(
      "id = \"x\"\n" + full_participant("source = \"latch\"\n" + receive_only_key() + "send_key = \"" + kCmKey + "\"\n"), "c.toml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->participants[0].remote.udp_port, 0);
  EXPECT_TRUE(parse_conference(to_toml(*file), "again.toml"));
}

TEST(ConferenceFile, GroupSpeakersAndTopology) {
  const std::string head = std::string("id = \"x\"\nmode = \"group\"\ngroup_suite = \"AEAD_AES_128_GCM\"\ngroup_keys = [{ key = \"") +
                           kGcmKey + "\", mki = \"00\" }, { key = \"" + kGcmKey2 +
                           "\", mki = \"01\" }]\n[speakers]\nloudest = 3\nhysteresis_db = 6\nhold_ms = 1500\n"
                           "[[topology]]\nfrom = \"alice\"\nto = \"bob\"\nrelation = \"oneway\"\n";
  const std::string bob = full_participant("remote = \"192.0.2.12:5004\"\n" + receive_only_key(), "bob", 20002);
  const auto file = parse_conference(head + full_participant("remote = \"192.0.2.11:5004\"\n" + receive_only_key()) + bob, "c.toml");
  ASSERT_TRUE(file) << file.error().message;
  const auto again = parse_conference(to_toml(*file), "again.toml");
  ASSERT_TRUE(again) << again.error().message;
  for (const auto* one : {&*file, &*again}) {
    EXPECT_EQ(one->mode, ConferenceFile::Mode::kGroup);
    EXPECT_EQ(one->group_suite, "AEAD_AES_128_GCM");
    ASSERT_EQ(one->group_keys.size(), 2u);
    EXPECT_EQ(one->group_keys[1].mki, std::vector<std::uint8_t>{1});
    EXPECT_EQ(one->speakers.loudest, 3);
    EXPECT_EQ(one->speakers.hysteresis_db, 6);
    EXPECT_EQ(one->speakers.hold_ms, 1500);
    EXPECT_EQ(one->participants[0].send_suite, "");
    EXPECT_TRUE(one->participants[0].send_key.empty());
    EXPECT_TRUE(topology_lets_hear(*one, "bob", "alice")) << "alice is heard by bob";
    EXPECT_FALSE(topology_lets_hear(*one, "alice", "bob"));
  }
}

TEST(ConferenceFile, SpreadIsKept) {
  const auto file = parse_conference("id = \"x\"\nspread = true\n" + alice(), "c.toml");
  ASSERT_TRUE(file) << file.error().message;
  const auto again = parse_conference(to_toml(*file), "again.toml");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->spread);
}

TEST(ConferenceFile, RelayWithAndWithoutTheKey) {
  const std::string head = "id = \"x\"\nmode = \"relay\"\n";
  for (const std::string& keys : {std::string(), receive_only_key(), receive_only_key() + "end_to_end = true\n"}) {
    const auto file = parse_conference(head + full_participant("remote = \"192.0.2.11:5004\"\n" + keys), "c.toml");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->participants[0].receive_key.empty(), keys.empty());
    const auto again = parse_conference(to_toml(*file), "again.toml");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->participants[0].end_to_end, keys.find("end_to_end") != std::string::npos);
    EXPECT_EQ(again->participants[0].receive_suite, file->participants[0].receive_suite);
  }
}

// What a wrong file is told: each row is lines added to a good participant (or to the head), and words of the answer.
TEST(ConferenceFile, EachRefusalNamesItsKey) {
  const std::string more = std::string("more_receive_keys = [{ key = \"") + kCmKey2 + "\"";
  const struct {
    std::string head, participant, words;
  } rows[] = {
      {"", "receive_mki = \"1\"\n", "participant[0].receive_mki: must be hex digits"},
      {"", "receive_mki = \"" + std::string(258, '0') + "\"\n", "participant[0].receive_mki: must be hex digits"},
      {"", "send_lifetime = 281474976710657\n", "participant[0].send_lifetime: 281474976710657 is out of range"},
      {"", "send_srtcp_lifetime = 2147483649\n", "participant[0].send_srtcp_lifetime: 2147483649 is out of range"},
      {"", more + ", mki = \"01\" }]\n", "must have one length"},
      {"", "receive_mki = \"01\"\n" + more + ", mki = \"01\" }]\n", "two keys have one MKI"},
      {"", more + " }, { key = \"" + kCmKey3 + "\" }]\n", "at most two receive keys can be told apart"},
      {"", std::string("more_send_keys = [{ key = \"") + kCmKey + "\" }]\n", "participant[0].more_send_keys: one key is given twice"},
      {"", std::string("more_send_keys = [{ key = \"") + kCmKey2 + "\", mki = \"01\" }]\n",
       "participant[0].more_send_keys: the MKIs of all keys"},
      {"", "more_send_keys = [{}, {}, {}, {}]\n", "participant[0].more_send_keys: has 4 keys; at most 3"},
      {"", "more_send_keys = [{ key = \"" + std::string(kGcmKey) + "\" }]\n",
       "participant[0].more_send_keys[0].key: key and salt are 28 bytes"},
      {"", "initial_roc = [1, 2]\n", "participant[0].initial_roc: must have one number for each of the 1 SSRCs"},
      {"", "ssrc_places = 65\n", "participant[0].ssrc_places: 65 is out of range"},
      {"", "source_filter = \"192.0.2.0/24\"\n", "participant[0].source_filter: says where a latched address may lie"},
      {"", "source = \"latch\"\nsource_filter = \"192.0.2.1/24\"\n", "participant[0].source_filter: `192.0.2.1/24` is not a network"},
      {"", "source = \"latch\"\nsource_filter = \"2001:db8::/32\"\n", "participant[0].source_filter: must be of the address family"},
      {"", "source = \"lach\"\n", "did you mean `latch`?"},
      {"", "actual_remote = \"192.0.2.9:1\"\n", "participant[0].actual_remote: is where a latched participant"},
      {"", "audio_level_id = 0\n", "participant[0].audio_level_id: 0 is out of range"},
      {"", "replay_window = 63\n", "participant[0].replay_window: 63 is out of range (64 to 8192)"},
      {"", "remote_rtcp_port = 5005\n", "participant[0].remote_rtcp_port: RTCP shares the RTP port"},
      {"", "rtcp = \"no\"\n", "participant[0].rtcp: `no` is not one of forward drop"},
      {"", "end_to_end = true\n", "participant[0].end_to_end: only a relay"},
      {"mode = \"mesh\"\n", "", "mode: `mesh` is not one of per-participant group relay"},
      {"group_suite = \"AEAD_AES_128_GCM\"\n", "", "group_suite: there is a group key with mode = \"group\" only"},
      {"mode = \"group\"\n", "", "group_keys: missing"},
      {"mode = \"group\"\n", "", "participant[0].send_key: with mode = \"group\" the group key seals"},
      {"mode = \"group\"\ngroup_suite = \"AEAD_AES_128_GCM\"\ngroup_keys = []\n", "", "group_keys: must have one or two keys"},
      {"mode = \"group\"\nspread = true\n", "", "spread: only sealing per participant"},
      {std::string("mode = \"group\"\ngroup_suite = \"AEAD_AES_128_GCM\"\ngroup_keys = [{ key = \"") + kGcmKey + "\" }, { key = \"" +
           kGcmKey + "\" }]\n",
       "", "group_keys: one key is given twice"},
      {"mode = \"relay\"\n", "", "participant[0].send_key: with mode = \"relay\" nothing is sealed"},
      {"mode = \"relay\"\n", "end_to_end = true\nsource = \"latch\"\n", "participant[0].source: is learned from authentic packets"},
      {"mode = \"relay\"\n", "end_to_end = true\nssrc_places = 1\n", "participant[0].ssrc_places: is learned from authentic packets"},
      {"speakers = { loudest = 0 }\n", "", "speakers.loudest: 0 is out of range"},
      {"speakers = { loudest = 1, hysteresis_db = 128 }\n", "", "speakers.hysteresis_db: 128 is out of range"},
      {"topology = [{ from = \"alice\", to = \"eve\", relation = \"both\" }]\n", "", "topology[0].to: `eve` is not a participant"},
      {"topology = [{ from = \"alice\", to = \"alice\", relation = \"both\" }]\n", "", "topology[0].to: must be another participant"},
      {"topology = [{ from = \"alice\", to = \"eve\", relation = \"both\" }, { from = \"eve\", to = \"alice\", relation = \"both\" }]\n",
       "", "topology[1].to: this pair has an entry already"},
  };
  for (const auto& row : rows) {
    const std::string text = message("id = \"x\"\n" + row.head + alice(row.participant));
    EXPECT_NE(text.find(row.words), std::string::npos) << row.head << row.participant << "\n" << text;
    EXPECT_EQ(text.find("AAECAw"), std::string::npos) << "a key in an error";
  }
}

TEST(ConferenceFile, Rfc3550_11_SeparateRtcpTakesTheNextPort) {
  EXPECT_NE(message("id = \"x\"\n" + alice("rtcp_mux = false\n", "192.0.2.1:20001")).find("participant[0].local: without rtcp_mux"),
            std::string::npos);
  const std::string bob =
      full_participant("remote = \"192.0.2.12:5004\"\n" + receive_only_key() + "send_key = \"" + kCmKey + "\"\n", "bob", 20001);
  EXPECT_EQ(message("id = \"x\"\n" + alice() + bob), "no error");
  EXPECT_NE(message("id = \"x\"\n" + alice("rtcp_mux = false\n") + bob).find("participant[1].local"), std::string::npos);
}

}  // namespace
}  // namespace mediaward::tools
