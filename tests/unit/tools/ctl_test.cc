// SPDX-License-Identifier: Apache-2.0
// mediawardctl against a daemon in this process and a fake data plane: text and JSON, answers and errors.
#include "tools/mediawardctl/ctl.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "control/daemon.h"
#include "tests/unit/control/fake_dataplane.h"
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

class Ctl : public testing::Test {
 protected:
  Ctl() {
    settings.listen = dir.path("api.sock");
    settings.controller.dataplane.socket_path = dir.path("dp.sock");
    fake.start();
    daemon = std::make_unique<control::Daemon>(settings, log);
    EXPECT_TRUE(daemon->start().has_value());
    EXPECT_TRUE(fake.wait_until([&] { return daemon->controller().dataplane().info().ready; }));
  }
  int run(std::vector<std::string> arguments) {
    out.str("");
    err.str("");
    arguments.insert(arguments.begin(), {"--socket", settings.listen});
    return run_ctl(arguments, out, err);
  }
  json run_json(std::vector<std::string> arguments, int expected = 0) {
    arguments.push_back("--json");
    EXPECT_EQ(run(arguments), expected) << out.str() << err.str();
    EXPECT_EQ(err.str(), "");
    return json::parse(out.str(), nullptr, false);
  }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(dir.path(name)) << text;
    return dir.path(name);
  }
  std::string conference_file(int participants) {
    std::string text = "id = \"standup\"\n";
    const char* names[] = {"alice", "bob", "carol"};
    for (int i = 0; i < participants; ++i) text += participant(names[i], i + 1);
    return write("conference.toml", text);
  }

  TempDir dir;
  FakeDataplane fake{dir.path("dp.sock")};
  control::Settings settings;
  control::Log log{[](std::string_view) {}};
  std::unique_ptr<control::Daemon> daemon;
  std::ostringstream out, err;
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

TEST(Table, NumbersStandToTheRight) {
  Table table({"NAME", ">COUNT"});
  table.add({"a§", grouped(1234567)});
  table.add({"long name", "1"});
  EXPECT_EQ(table.text(), "NAME           COUNT\na§         1,234,567\nlong name          1\n");
}

}  // namespace
}  // namespace mediaward::tools
