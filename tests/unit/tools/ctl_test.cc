// SPDX-License-Identifier: Apache-2.0
// mediawardctl against a daemon in this process and a fake data plane: text and JSON, answers and errors.
#include "tools/mediawardctl/ctl.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/unit/tools/ctl_fixture.h"
#include "tools/mediawardctl/table.h"

namespace mediaward::tools {
namespace {

using control::test::FakeDataplane;
using control::test::TempDir;
using nlohmann::json;

// 40 characters of base64 are 30 bytes: key and salt of AES_CM_128_HMAC_SHA1_80.
std::string key(char first, int number) {
  return std::string(39, first) + static_cast<char>('A' + number);
}

std::string participant(const std::string& id, int number) {
  return "[[participant]]\nid = \"" + id + "\"\nport = \"media0\"\nlocal = \"192.0.2.1:" + std::to_string(20000 + number) +
         "\"\nremote = \"192.0.2." + std::to_string(10 + number) + ":5004\"\nsuite = \"AES_CM_128_HMAC_SHA1_80\"\n" + "receive_key = \"" +
         key('Q', number) + "\"\nsend_key = \"" + key('R', number) + "\"\n" + "ssrc = [" + std::to_string(number) + "]\n";
}

class Ctl : public test::CtlFixture {
 protected:
  Ctl() { start(); }
  std::string conference_file(int participants) {
    std::string text = "id = \"standup\"\n";
    const char* names[] = {"alice", "bob", "carol"};
    for (int i = 0; i < participants; ++i) text += participant(names[i], i + 1);
    return write("conference.toml", text);
  }
};

TEST_F(Ctl, ApplyShowAndRemoveAConference) {
  ASSERT_EQ(run({"conference", "apply", conference_file(3)}), 0) << err.str();
  EXPECT_EQ(out.str(), "conference standup applied: 7 created, 0 changed, 0 removed; revision 1\n");
  EXPECT_EQ(fake.legs().size(), 3u);
  const json again = run_json({"conference", "apply", conference_file(3)});
  EXPECT_EQ(again["created"], 0);
  ASSERT_EQ(run({"conference", "apply", conference_file(2)}), 0);
  EXPECT_EQ(out.str(), "conference standup applied: 0 created, 0 changed, 2 removed; revision 2\n") << "carol and her stream";
  const json shown = run_json({"show", "conference", "standup"});
  EXPECT_EQ(shown["legs"].size(), 2u);
  EXPECT_EQ(shown["legs"][0]["direction"], "both");
  EXPECT_EQ(shown["legs"][0]["local"]["udp_port"], 20001);
  EXPECT_EQ(shown["legs"][0]["streams"][0]["id"], "standup/alice/00000001");
  ASSERT_EQ(run({"show", "conference", "standup"}), 0);
  EXPECT_NE(out.str().find("alice        media0"), std::string::npos) << out.str();
  EXPECT_EQ(out.str().find("QQQQQQQQ"), std::string::npos) << "a key is shown";
  EXPECT_EQ(run_json({"show", "conferences"})["conferences"][0]["leg_count"], 2);
  EXPECT_EQ(run_json({"conference", "remove", "standup"})["removed"], 5);
  EXPECT_TRUE(fake.conferences().empty());
}

TEST_F(Ctl, DryRunChangesNothing) {
  const json answer = run_json({"conference", "apply", conference_file(2), "--dry-run"});
  EXPECT_EQ(answer["dry_run"], true);
  EXPECT_TRUE(fake.legs().empty());
}

TEST_F(Ctl, EveryShowHasATableAndJson) {
  for (const char* what : {"status", "topology", "ports", "workers", "pipeline", "conferences", "drops", "counters", "neighbours", "memory",
                           "engine", "config"}) {
    EXPECT_TRUE(run_json({"show", what}).is_object()) << what;
    EXPECT_EQ(run({"show", what}), 0) << what;
    EXPECT_FALSE(out.str().empty()) << what;
  }
  EXPECT_EQ(run_json({"show", "status"})["dataplane"]["synchronized"], true);
  EXPECT_EQ(run_json({"show", "ports"})["ports"][0]["rx_packets"], 1234567);
  EXPECT_EQ(run({"show", "topology"}), 0);
  EXPECT_EQ(out.str(), "worker 0 on cpu 1: same node as media0\n");
}

TEST_F(Ctl, ErrorsAreJsonOnStandardOutput) {
  const json error = run_json({"show", "conference", "nobody"}, 1)["error"];
  EXPECT_EQ(error["code"], "not-found");
  EXPECT_EQ(error["object"], "conference nobody");
  EXPECT_EQ(run({"show", "conference", "nobody"}), 1);
  EXPECT_NE(err.str().find("there is no conference `nobody`"), std::string::npos);
  EXPECT_EQ(run_json({"show", "nonsense"}, 2)["error"]["code"], "usage");
  EXPECT_EQ(run_json({"show", "port"}, 2)["error"]["message"], "`port` is not a command here (did you mean `ports`?)");
  EXPECT_EQ(run({"explian", "x"}), 2);
  EXPECT_NE(err.str().find("did you mean `explain`?"), std::string::npos) << err.str();
  EXPECT_EQ(run_json({"conference", "apply", dir.path("absent.toml")}, 1)["error"]["code"], "not-found");
  fake.refuse_next({ErrorCode::kNotFound, 1, "leg.port", "no port is called 'media0'"});
  const json refused = run_json({"conference", "apply", conference_file(2)}, 1)["error"];
  EXPECT_EQ(refused["field"], "leg.port");
  EXPECT_EQ(refused["object"], "leg standup/alice");
  EXPECT_EQ(refused["operation_index"], 0);
}

TEST_F(Ctl, NoDaemonIsNamed) {
  settings.listen = dir.path("nobody.sock");
  const json error = run_json({"show", "status"}, 1)["error"];
  EXPECT_EQ(error["code"], "unavailable");
  EXPECT_NE(error["message"].get<std::string>().find("nobody.sock"), std::string::npos);
}

TEST_F(Ctl, ExplainKnowsReasonsAndTheNearest) {
  fake.write_drop(0, 3);
  const json known = run_json({"explain", "eth.truncated"});
  EXPECT_EQ(known["packets"], 5);
  EXPECT_FALSE(known["what_to_do"].get<std::string>().empty());
  const json unknown = run_json({"explain", "srtp.auth_faild"}, 1)["error"];
  EXPECT_NE(unknown["message"].get<std::string>().find("nearest: srtp.auth_failed"), std::string::npos);
  settings.listen = dir.path("nobody.sock");
  EXPECT_TRUE(run_json({"explain", "eth.truncated"})["packets"].is_null()) << "the meaning needs no daemon";
}

TEST_F(Ctl, ConfigCheckKnowsWhoseFileItIs) {
  EXPECT_EQ(run_json({"config", "check", write("a.toml", "[api]\nlisten = \"/run/x\"\n")})["kind"], "controld");
  EXPECT_EQ(run_json({"config", "check", conference_file(2)})["kind"], "conference");
  const json error = run_json({"config", "check", write("b.toml", "[api]\nlisen = \"/run/x\"\n")}, 1)["error"];
  EXPECT_NE(error["message"].get<std::string>().find("b.toml:2:1: api.lisen: unknown key (did you mean `listen`?)"), std::string::npos);
}

TEST_F(Ctl, WatchPrintsOneLineOrOneObjectPerEvent) {
  ASSERT_EQ(run({"conference", "apply", conference_file(2)}), 0);
  ASSERT_EQ(run({"watch", "--from", "1", "--count", "3", "--json"}), 0);
  std::istringstream lines(out.str());
  std::string line;
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(json::parse(line)["sequence"], sequence);
  }
  EXPECT_EQ(json::parse(line)["type"], "object-created");
  ASSERT_EQ(run({"watch", "--from", "3", "--count", "1"}), 0);
  EXPECT_NE(out.str().find("object-created conference standup"), std::string::npos) << out.str();
}

// Alice and bob under one key; `more` is alice's.
std::string group_file(char group_key, const std::string& more = "") {
  std::string text = "id = \"town\"\nmode = \"group\"\ngroup_suite = \"AES_CM_128_HMAC_SHA1_80\"\ngroup_keys = [{ key = \"" +
                     key(group_key, 0) + "\", mki = \"0a\" }]\n[speakers]\nloudest = 2\nhysteresis_db = 6\nhold_ms = 500\n";
  for (const auto& [id, number] : {std::pair{"alice", 1}, std::pair{"bob", 2}})
    text += std::string("[[participant]]\nid = \"") + id +
            "\"\nport = \"media0\"\nlocal = \"192.0.2.1:" + std::to_string(20000 + 2 * number) +
            "\"\nremote = \"192.0.2.9:" + std::to_string(5000 + number) + "\"\nsuite = \"AES_CM_128_HMAC_SHA1_80\"\nreceive_key = \"" +
            key('Q', number) + "\"\n" + (number == 1 ? more : "");
  return text;
}

TEST_F(Ctl, ConferenceFileReachesTheDataPlaneWhole) {
  const std::string more = "receive_mki = \"01\"\nreceive_lifetime = 1000\nreceive_srtcp_lifetime = 100\nmore_receive_keys = [{ key = \"" +
                           key('S', 0) +
                           "\", mki = \"02\" }]\nssrc = [7]\ninitial_roc = [3]\nssrc_places = 1\nmuted = true\nsource = \"latch\"\n"
                           "source_filter = \"192.0.2.0/24\"\naudio_level_id = 4\nreplay_window = 256\nrtcp = \"drop\"\nrtcp_mux = "
                           "false\nremote_rtcp_port = 5555\n"
                           "allow_unencrypted_srtcp = true\ndscp = 46\n";
  std::string text = group_file('G', more);
  text.insert(text.find("[[participant]]"), "[[topology]]\nfrom = \"alice\"\nto = \"bob\"\nrelation = \"oneway\"\n");
  ASSERT_EQ(run({"conference", "apply", write("town.toml", text)}), 0) << err.str();
  const auto handle = [](const std::string& id) { return control::object_handle(control::ObjectKind::kLeg, id); };
  const auto conference = fake.conferences().begin()->second;
  EXPECT_EQ(conference.mode, abi::ForwardingMode::kGroupKey);
  EXPECT_EQ(conference.loudest, 2);
  EXPECT_EQ(conference.hold_ms, 500);
  EXPECT_EQ(conference.group_keys[0].mki[0], 10);
  const auto leg = fake.legs().at(handle("town/alice"));
  EXPECT_EQ(leg.receive_key_count, 2);
  EXPECT_EQ(leg.receive_keys[0].lifetime_packets, 1000u);
  EXPECT_EQ(leg.receive_keys[0].lifetime_srtcp_packets, 100u);
  EXPECT_EQ(leg.receive_keys[1].mki[0], 2);
  EXPECT_EQ(leg.send_key_count, 0);
  EXPECT_EQ(leg.source_policy, abi::SourcePolicy::kLatch);
  EXPECT_EQ(leg.ssrc_policy, abi::SsrcPolicy::kFirstAuthenticated);
  EXPECT_EQ(leg.rtcp_policy, abi::RtcpPolicy::kDrop);
  EXPECT_EQ(leg.source_filter_bits, 24);
  EXPECT_EQ(leg.audio_level_id, 4);
  EXPECT_EQ(leg.replay_window, 256);
  EXPECT_EQ(leg.remote_rtcp_port, 5555);
  EXPECT_EQ(leg.flags, std::uint32_t{abi::kLegMayReceiveFrom | abi::kLegMaySendTo | abi::kLegMuted | abi::kLegSrtcpPlain});
  ASSERT_EQ(fake.streams().size(), 2u);
  const auto stream = fake.streams().at(control::object_handle(control::ObjectKind::kStream, "town/alice/00000007"));
  EXPECT_EQ(stream.initial_roc, 3u);
  EXPECT_EQ(fake.streams().at(control::object_handle(control::ObjectKind::kStream, "town/alice/place-1")).ssrc, 0u);
  ASSERT_EQ(fake.topology().size(), 1u);
  EXPECT_EQ(fake.topology().begin()->second.leg_a, handle("town/alice"));
  EXPECT_EQ(fake.topology().begin()->second.relation, abi::TopologyRelation::kOneway);
}

TEST_F(Ctl, ShowConferenceSaysWhatIsNotAsUsual) {
  std::string text = group_file('G', "muted = true\nssrc = [7]\nreceive_mki = \"01\"\nmore_receive_keys = [{ key = \"" + key('S', 0) +
                                         "\", mki = \"02\" }]\nsource = \"latch\"\nrtcp = \"drop\"\nssrc_places = 1\n");
  text.insert(text.find("[[participant]]"), "[[topology]]\nfrom = \"bob\"\nto = \"alice\"\nrelation = \"oneway\"\n");
  ASSERT_EQ(run({"conference", "apply", write("town.toml", text)}), 0) << err.str();
  abi::LegSlot latch;
  latch.udp_port = 6000;
  latch.family = 4;
  latch.address[0] = 198;
  fake.write_latch(5, control::object_handle(control::ObjectKind::kLeg, "town/alice"), latch);
  ASSERT_EQ(run({"show", "conference", "town"}), 0);
  for (const char* words :
       {"conference town: group-key, 2 legs", "group key: AES_CM_128_HMAC_SHA1_80 ", " mki 0a",
        "speakers: the 2 loudest, a newcomer must be 6 dB louder, each stays 500 ms", "MUTED, latches, learns SSRCs, no SRTCP",
        "198.0.0.0:6000 (learned)", " mki 01 + ", "bob   alice  oneway", "a place", "(group)", "blocked by topology"})
    EXPECT_NE(out.str().find(words), std::string::npos) << words << "\n" << out.str();
  for (const char* secret : {"QQQQ", "GGGG", "SSSS"}) EXPECT_EQ(out.str().find(secret), std::string::npos);
  const json shown = run_json({"show", "conference", "town"});
  EXPECT_EQ(shown["mode"], "group-key");
  EXPECT_EQ(shown["legs"][0]["muted"], true);
  EXPECT_EQ(shown["legs"][0]["latched"]["udp_port"], 6000);
  EXPECT_EQ(shown["topology"][0]["relation"], "oneway");
  ASSERT_EQ(run({"show", "conferences"}), 0);
  EXPECT_NE(out.str().find("town        group-key"), std::string::npos) << out.str();
}

TEST_F(Ctl, RelayKeepsTheEndToEndKeyToItself) {
  const std::string text =
      "id = \"r\"\nmode = \"relay\"\n[[participant]]\nid = \"a\"\nport = \"media0\"\nlocal = \"192.0.2.1:20000\"\n"
      "remote = \"192.0.2.9:5000\"\nsuite = \"AES_CM_128_HMAC_SHA1_80\"\nreceive_key = \"" +
      key('Q', 1) + "\"\nend_to_end = true\n";
  ASSERT_EQ(run({"conference", "apply", write("r.toml", text)}), 0) << err.str();
  EXPECT_EQ(fake.legs().begin()->second.receive_key_count, 0);
  const json refused = run_json({"rekey", write("r.toml", text)}, 1)["error"];
  EXPECT_EQ(refused["message"], "the file has no key that the appliance knows");
}

TEST_F(Ctl, MuteAndUnmute) {
  ASSERT_EQ(run({"conference", "apply", conference_file(2)}), 0);
  const auto flags = [&] { return fake.legs().at(control::object_handle(control::ObjectKind::kLeg, "standup/bob")).flags; };
  ASSERT_EQ(run({"mute", "standup", "bob"}), 0) << err.str();
  EXPECT_EQ(out.str(), "standup/bob muted: applied: 0 created, 1 changed, 0 removed; revision 2\n");
  EXPECT_NE(flags() & abi::kLegMuted, 0u);
  ASSERT_EQ(run({"unmute", "standup", "standup/bob"}), 0) << "the leg's own id does, too";
  EXPECT_EQ(flags() & abi::kLegMuted, 0u);
  const json wrong = run_json({"mute", "standup", "bop"}, 1)["error"];
  EXPECT_EQ(wrong["message"], "there is no participant `bop` (did you mean `bob`?)");
  EXPECT_EQ(run_json({"mute", "nowhere", "bob"}, 1)["error"]["code"], "not-found");
}

TEST_F(Ctl, TopologyIsSetAndTakenBack) {
  ASSERT_EQ(run({"conference", "apply", conference_file(2)}), 0);
  ASSERT_EQ(run({"topology", "standup", "bob", "alice", "oneway"}), 0) << err.str();
  ASSERT_EQ(fake.topology().size(), 1u);
  EXPECT_EQ(fake.topology().begin()->second.leg_a, control::object_handle(control::ObjectKind::kLeg, "standup/bob"));
  EXPECT_EQ(run_json({"topology", "standup", "bob", "alice", "both"})["removed"], 1);
  EXPECT_TRUE(fake.topology().empty());
  EXPECT_EQ(run({"topology", "standup", "bob", "alice", "twoway"}), 2);
  EXPECT_EQ(run_json({"topology", "standup", "bob", "eve", "isolate"}, 1)["error"]["code"], "not-found");
}

TEST_F(Ctl, RekeySendsKeysOnly) {
  ASSERT_EQ(run({"conference", "apply", write("town.toml", group_file('G'))}), 0) << err.str();
  ASSERT_EQ(run({"mute", "town", "alice"}), 0);
  std::string fresh = group_file('H');
  for (std::size_t at = 0; (at = fresh.find(std::string(39, 'Q'), at)) != std::string::npos;) fresh.replace(at, 39, 39, 'T');
  ASSERT_EQ(run({"rekey", write("fresh.toml", fresh)}), 0) << err.str();
  EXPECT_NE(out.str().find("keys of conference town applied: 0 created, 3 changed"), std::string::npos) << out.str();
  const auto alice = [&] { return fake.legs().at(control::object_handle(control::ObjectKind::kLeg, "town/alice")); };
  EXPECT_NE(alice().flags & abi::kLegMuted, 0u) << "whatever else was set stays";
  EXPECT_EQ(alice().receive_keys[0].key[0], 0x4d) << "base64 TTTT";
  ASSERT_EQ(run({"rekey", write("town.toml", group_file('G')), "alice"}), 0);
  EXPECT_NE(out.str().find("0 created, 1 changed"), std::string::npos) << "neither bob nor the group: " << out.str();
  EXPECT_EQ(run_json({"rekey", write("town.toml", group_file('G')), "eve"}, 1)["error"]["code"], "not-found");
}

TEST_F(Ctl, MoveBucket) {
  ASSERT_EQ(run({"move-bucket", "17", "1"}), 0) << err.str();
  EXPECT_EQ(out.str(), "bucket 17 is worker 1's now\n");
  EXPECT_EQ(run_json({"move-bucket", "17", "9"}, 1)["error"]["field"], "worker");
  EXPECT_EQ(run({"move-bucket", "256", "0"}), 2);
}

TEST(Table, NumbersStandToTheRight) {
  Table table({"NAME", ">COUNT"});
  table.add({"a§", grouped(1234567)});
  table.add({"long name", "1"});
  EXPECT_EQ(table.text(), "NAME           COUNT\na§         1,234,567\nlong name          1\n");
}

}  // namespace
}  // namespace mediaward::tools
