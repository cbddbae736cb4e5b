// SPDX-License-Identifier: Apache-2.0
// The conference file: what is read, and that every mistake is answered with line, column, key and what to write instead.
#include "tools/conference_file.h"

#include <gtest/gtest.h>

namespace mediaward::tools {
namespace {

constexpr const char* kCmKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";   // 30 bytes
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

}  // namespace
}  // namespace mediaward::tools
