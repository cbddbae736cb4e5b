// SPDX-License-Identifier: Apache-2.0
// controld.toml: what is read, and what an error says.
#include "control/config.h"

#include <gtest/gtest.h>

#include "config/nearest.h"
#include "config/toml_reader.h"
#include "tests/unit/control/provider_vectors.h"

namespace mediaward::control::test {
namespace {

std::string error_of(std::string_view text) {
  const auto settings = parse_settings(text, "controld.toml");
  return settings ? "" : settings.error().message;
}

TEST(Config, EmptyFileGivesTheDefaults) {
  const auto settings = parse_settings("", "controld.toml");
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->listen, kDefaultListenPath);
  EXPECT_EQ(settings->mode, 0660u);
}

TEST(Config, PrintedSettingsReadBackTheSame) {
  Settings settings;
  settings.listen = "/tmp/with \"quotes\".sock";
  settings.group = "media";
  settings.controller.limits.legs = 17;
  settings.log_level = LogLevel::kDebug;
  const auto again = parse_settings(to_toml(settings), "printed");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(to_toml(*again), to_toml(settings));
  EXPECT_EQ(again->listen, settings.listen);
}

TEST(Config, UnknownKeyNamesFileLineColumnAndTheNearest) {
  EXPECT_EQ(error_of("[api]\nlisten = \"/x\"\nmax_watcher = 3\n"),
            "controld.toml:3:1: api.max_watcher: unknown key (did you mean `max_watchers`?)");
  EXPECT_EQ(error_of("[dataplan]\n"), "controld.toml:1:2: dataplan: unknown key (did you mean `dataplane`?)");
}

TEST(Config, WrongTypeRangeAndWordAreToldApart) {
  EXPECT_EQ(error_of("[limits]\nlegs = \"many\"\n"), "controld.toml:2:8: limits.legs: must be an integer, not a string");
  EXPECT_EQ(error_of("[limits]\nlegs = 0\n"), "controld.toml:2:8: limits.legs: 0 is out of range (1 to 1000000)");
  EXPECT_EQ(error_of("[log]\nlevel = \"inof\"\n"),
            "controld.toml:2:9: log.level: `inof` is not one of debug info warning error (did you mean `info`?)");
}

TEST(Config, AllErrorsAreToldInTheOrderOfTheFile) {
  EXPECT_EQ(error_of("[api]\nlisten = 1\n[limits]\nleg = 1\n"),
            "controld.toml:2:10: api.listen: must be a string, not an integer\ncontrold.toml:4:1: limits.leg: unknown key (did you mean "
            "`legs`?)");
}

TEST(Config, SocketForEverybodyIsRefused) {
  EXPECT_NE(error_of("[api]\nmode = \"0666\"\n").find("controld.toml:2:8: api.mode: `0666` lets everybody in"), std::string::npos);
  EXPECT_NE(error_of("[api]\nmode = \"rw\"\n").find("not an octal mode"), std::string::npos);
}

TEST(Config, AllowedSuitesAreAllButNullUnlessNamed) {
  const auto defaults = parse_settings("", "controld.toml");
  ASSERT_TRUE(defaults.has_value());
  for (const auto& row : crypto::kSuites)
    EXPECT_EQ(defaults->controller.suites.allows(row.id), row.transform != crypto::Transform::kNullHmacSha1) << row.name;
  const auto named = parse_settings("[policy]\nallowed_suites = [\"NULL_HMAC_SHA1_80\", \"AEAD_AES_256_GCM\"]\n", "controld.toml");
  ASSERT_TRUE(named.has_value()) << named.error().message;
  EXPECT_EQ(named->controller.suites.allowed, (std::vector{crypto::Suite::kNullHmacSha1_80, crypto::Suite::kAeadAes256Gcm}));
  const auto again = parse_settings(to_toml(*named), "printed");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->controller.suites, named->controller.suites);
  EXPECT_EQ(error_of("[policy]\nallowed_suites = [\"AEAD_AES_256_GCN\"]\n"),
            "controld.toml:2:18: policy.allowed_suites: `AEAD_AES_256_GCN` is not a suite (did you mean `AEAD_AES_256_GCM`?)");
  EXPECT_NE(error_of("[policy]\nallowed_suites = []\n").find("must name at least one suite"), std::string::npos);
}

TEST(Config, PeerSettingsReadBackTheSame) {
  std::string pem(kEcP256Key);
  const auto settings = parse_settings(
      "[limits]\nswarms = 3\nadmissions = 4\nadmissions_per_swarm = 2\n[peer]\ncontent_directory = \"/srv/content\"\nevidence_max = "
      "100\naudit_max = 50\nallow_sha1 = false\nrequire_metadata_signature = true\n[[peer.provider_keys]]\nid = "
      "\"studio\"\npublic_key = \"\"\"" +
          pem + "\"\"\"\n",
      "controld.toml");
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  EXPECT_EQ(settings->controller.limits.swarms, 3u);
  EXPECT_EQ(settings->controller.limits.admissions, 4u);
  EXPECT_EQ(settings->controller.limits.admissions_per_swarm, 2u);
  EXPECT_EQ(settings->controller.dataplane.content_directory, "/srv/content");
  EXPECT_EQ(settings->controller.evidence_max, 100u);
  EXPECT_EQ(settings->controller.audit_max, 50u);
  EXPECT_FALSE(settings->controller.swarms.allow_sha1);
  EXPECT_TRUE(settings->controller.swarms.require_metadata_signature);
  EXPECT_TRUE(settings->controller.swarms.provider_keys->knows("studio"));
  const auto again = parse_settings(to_toml(*settings), "printed");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(to_toml(*again), to_toml(*settings));
  EXPECT_TRUE(again->controller.swarms.provider_keys->knows("studio"));
}

TEST(Config, ProviderKeysThatCannotBeUsedAreToldAtTheirPlace) {
  EXPECT_EQ(error_of("[peer]\ncontent_directory = \"here\"\n").find("controld.toml:2:21: peer.content_directory: must be an absolute"), 0u);
  EXPECT_EQ(error_of("[peer]\nrequire_metadata_signature = true\n").find("controld.toml:2:30: peer.require_metadata_signature: needs"), 0u);
  EXPECT_NE(error_of("[[peer.provider_keys]]\nid = \"a\"\npath = \"/nonexistent/key.pem\"\n").find("controld.toml:3:8"), std::string::npos);
  EXPECT_NE(error_of("[[peer.provider_keys]]\nid = \"a\"\n").find("give either `path`"), std::string::npos);
  EXPECT_NE(
      error_of("[[peer.provider_keys]]\nid = \"a\"\npublic_key = \"x\"\n").find("controld.toml:3:14: peer.provider_keys[0].public_key"),
      std::string::npos);
  EXPECT_NE(error_of(std::string("[[peer.provider_keys]]\nid = \"a\"\npublic_key = \"\"\"") + kRsa1024Key + "\"\"\"\n").find("1024 bits"),
            std::string::npos);
}

TEST(Config, BrokenTomlNamesThePlace) {
  EXPECT_EQ(error_of("[api\n").find("controld.toml:1:"), 0u) << error_of("[api\n");
}

TEST(Config, MissingFileIsNamed) {
  const auto settings = read_settings("/nonexistent/controld.toml");
  ASSERT_FALSE(settings.has_value());
  EXPECT_EQ(settings.error().code, ErrorCode::kNotFound);
  EXPECT_NE(settings.error().message.find("/nonexistent/controld.toml"), std::string::npos);
}

TEST(TomlReader, RequiredKeysListsAndNamedTables) {
  const auto document = config::TomlDocument::parse("[[port]]\nqueues = [1, 2, 300]\n[worker.a]\ncpu = 1\n[worker.b]\ncpu = 2\n", "x.toml");
  ASSERT_TRUE(document.has_value());
  auto root = document->root();
  for (auto& port : root.tables("port")) {
    port.require("name");
    std::vector<std::uint8_t> queues;
    EXPECT_FALSE(port.read_list("queues", queues));
  }
  std::string names;
  for (auto& [name, table] : root.named_tables("worker")) {
    int cpu = 0;
    EXPECT_TRUE(table.read("cpu", cpu));
    names += name + std::to_string(cpu);
  }
  EXPECT_EQ(names, "a1b2");
  const auto good = document->finish();
  ASSERT_FALSE(good.has_value());
  EXPECT_EQ(good.error().message,
            "x.toml:1:1: port[0].name: missing; this key is required\nx.toml:2:17: port[0].queues[2]: 300 is out of range (0 to 255)");
}

TEST(Nearest, DistancesAndOrder) {
  EXPECT_EQ(config::edit_distance("kitten", "sitting"), 3u);
  const std::vector<std::string> names{"srtp.auth_failed", "srtp.replayed", "eth.truncated"};
  EXPECT_EQ(config::nearest_names("srtp.auth_faild", names), std::vector<std::string>{"srtp.auth_failed"});
  EXPECT_EQ(config::nearest_names("replayed", names), std::vector<std::string>{"srtp.replayed"});
  EXPECT_TRUE(config::nearest_names("zzz", names).empty());
}

}  // namespace
}  // namespace mediaward::control::test
