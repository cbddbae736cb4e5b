// SPDX-License-Identifier: Apache-2.0
// The swarm file: what is read, what is written, and what an error says.
#include "tools/swarm_file.h"

#include <gtest/gtest.h>

namespace mediaward::tools {
namespace {

const std::string kRoot = "03edf9f3c6fbb9b141ac8efbcf6ff0ace556c70f317ad092b4d1d9f003b307ec";  // gen(7162) of the captures

std::string head(const std::string& more = "") {
  return "[swarm]\nid = \"movie\"\nkey = \"" + kRoot + "\"\nchunk_bytes = 1024\ncontent_bytes = 7162\n" + more;
}

std::string admission(const std::string& more = "") {
  return "[[admission]]\nid = \"alice\"\nport = \"media0\"\npeers = \"192.0.2.7\"\n" + more;
}

std::string error_of(const std::string& text) {
  const auto swarm = parse_swarm(text, "movie.toml");
  return swarm ? "" : swarm.error().message;
}

TEST(SwarmFile, SmallestFileIsMetadataAlone) {
  const auto swarm = parse_swarm(head(), "movie.toml");
  ASSERT_TRUE(swarm.has_value()) << swarm.error().message;
  EXPECT_EQ(swarm->id, "movie");
  EXPECT_EQ(swarm->key.size(), 32u);
  EXPECT_EQ(swarm->key[0], 3);
  EXPECT_EQ(swarm->kind, SwarmFile::Kind::kDefault);
  EXPECT_EQ(to_toml(*swarm), head());
}

TEST(SwarmFile, EverythingReadsBackTheSame) {
  const std::string text =
      head(
          "source = \"preloaded\"\nfetch = \"nothing\"\nexpires = \"2027-01-31T12:00:00Z\"\ncache_quota_bytes = 1073741824\n"
          "send_bytes_per_s = 5\nstored_level = 4\nguard = \"drop\"\ncontent_key_id = \"k\"\ncontent_key_version = 2\n"
          "signature_key_id = \"studio\"\nsignature = \"AAEC\"\n\n[swarm.conduct]\nban_s = 60\nreport_bytes = 5000000000\n\n"
          "[swarm.conduct.actions]\nblack-hole = \"ban\"\nhash-flood = \"observe\"\n\n") +
      admission(
          "udp_port = 6778\nprovide = true\nreceive = true\nconnect = true\nlibswift = true\nrank = 3\n"
          "local_address = \"192.0.2.1\"\nmax_peers = 2\nexpires = \"2027-01-31T12:00:01Z\"\nsend_bytes_per_s = 7\n") +
      "\n[content]\nkind = \"content\"\nfile = \"films/movie.bin\"\n";
  const auto swarm = parse_swarm(text, "movie.toml");
  ASSERT_TRUE(swarm.has_value()) << swarm.error().message;
  EXPECT_EQ(to_toml(*swarm), text);
  EXPECT_EQ(swarm->expires_unix_ns, 1801396800ull * 1000000000);
  EXPECT_EQ(swarm->conduct.at("report_bytes"), 5000000000u);
  EXPECT_EQ(swarm->actions[2], SwarmFile::Action::kBan);
  EXPECT_EQ(swarm->signature, (std::vector<std::uint8_t>{0, 1, 2}));
  EXPECT_TRUE(swarm->admissions.at(0).connect);
}

TEST(SwarmFile, LiveSwarmReadsBackTheSame) {
  const std::string text = "[swarm]\nid = \"news\"\nkind = \"live\"\nkey = \"0d" + std::string(128, 'a') +
                           "\"\nhash = \"sha1\"\naddressing = \"chunk64\"\nchunk_bytes = 1024\nguard_only = true\n\n[swarm.live]\n"
                           "munro_level = 5\ndiscard_window_chunks = 4096\nsignature_form = \"libswift\"\nmunro_max_age_ms = 5000\n";
  const auto swarm = parse_swarm(text, "news.toml");
  ASSERT_TRUE(swarm.has_value()) << swarm.error().message;
  EXPECT_EQ(to_toml(*swarm), text);
}

TEST(SwarmFile, ErrorsNamePlaceAndRemedy) {
  EXPECT_EQ(error_of(""), "movie.toml:1:1: swarm: missing; this key is required");
  EXPECT_EQ(error_of(head("chunk_byte = 1\n")).find("movie.toml:6:1: swarm.chunk_byte: unknown key (did you mean `chunk_bytes`?)"), 0u);
  EXPECT_EQ(error_of(head("hash = \"sha265\"\n")).find("movie.toml:6:8: swarm.hash: `sha265` is not one of"), 0u);
  EXPECT_EQ(error_of(head("hash = \"sha1\"\n")), "movie.toml:3:7: swarm.key: has 32 bytes; the root hash of this `hash` has 20");
  EXPECT_NE(error_of("[swarm]\nid = \"m\"\nkey = \"" + kRoot + "\"\nchunk_bytes = 1024\n").find("RFC 7574 §3.1 (f)"), std::string::npos);
  EXPECT_NE(error_of(head("expires = \"tomorrow\"\n")).find("movie.toml:6:11: swarm.expires: `tomorrow` is not a time"), std::string::npos);
  EXPECT_NE(error_of(head("signature = \"AAEC\"\n")).find("goes together with signature_key_id"), std::string::npos);
  EXPECT_NE(error_of(head("kind = \"live\"\n")).find("needs [swarm.live]"), std::string::npos);
  EXPECT_NE(error_of(head("[swarm.live]\nmunro_level = 5\n")).find("belongs to a live swarm"), std::string::npos);
  EXPECT_NE(error_of(head("source = \"preloaded\"\n")).find("needs [content]"), std::string::npos);
  EXPECT_NE(error_of(head("[swarm.conduct]\nban_s = -1\n")).find("movie.toml:7:9: swarm.conduct.ban_s: -1 is out of range"),
            std::string::npos);
  EXPECT_NE(error_of(head("[swarm.conduct.actions]\nblack-hole = \"kill\"\n")).find("`kill` is not one of observe throttle ban"),
            std::string::npos);
}

TEST(SwarmFile, AdmissionsAreCheckedInTheirPlace) {
  const auto refused = [&](const std::string& more, const std::string& words) {
    EXPECT_NE(error_of(head() + admission(more)).find(words), std::string::npos) << error_of(head() + admission(more));
  };
  refused("connect = true\nprovide = true\n", "movie.toml:10:11: admission[0].connect: needs the peer's udp_port");
  refused("udp_port = 1\n", "movie.toml:6:1: admission[0].provide: or receive must be true");
  refused("local_address = \"192.0.2.1\"\n", "set connect = true");
  refused("udp_port = 65536\n", "65536 is out of range (1 to 65535)");
  refused("rank = 256\n", "256 is out of range (0 to 255)");
  std::string network = head() + admission("connect = true\nudp_port = 1\nreceive = true\n");
  network.replace(network.find("192.0.2.7"), 9, "192.0.2.0/24");
  EXPECT_NE(error_of(network).find("one address in peers"), std::string::npos);
  std::string unclean = head() + admission();
  unclean.replace(unclean.find("192.0.2.7"), 9, "192.0.2.7/24");
  EXPECT_NE(error_of(unclean).find("no bit behind the length"), std::string::npos);
  EXPECT_NE(error_of(head("guard_only = true\n") + admission("provide = true\n")).find("no peer of this swarm"), std::string::npos);
  EXPECT_NE(error_of(head() + admission() + admission()).find("`alice` is named twice"), std::string::npos);
  for (const char* good : {"0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::7"}) {
    std::string text = head() + admission("provide = true\n");
    text.replace(text.find("192.0.2.7"), 9, good);
    EXPECT_EQ(error_of(text), "") << good;
  }
}

TEST(SwarmFile, ContentComesFromOnePlace) {
  EXPECT_NE(error_of(head("[content]\nkind = \"content\"\n")).find("give either `file`"), std::string::npos);
  EXPECT_NE(error_of(head("[content]\nkind = \"content\"\nfile = \"a\"\ninline_file = \"b\"\n")).find("give either `file`"),
            std::string::npos);
  EXPECT_NE(error_of(head("source = \"preloaded\"\n[content]\nkind = \"leaf-hashes\"\nfile = \"a\"\n")).find("needs the content itself"),
            std::string::npos);
}

TEST(SwarmFile, TimesAreRfc3339InUtc) {
  std::uint64_t ns = 0;
  ASSERT_TRUE(parse_time("2027-01-31T12:00:00Z", ns));
  EXPECT_EQ(time_text(ns), "2027-01-31T12:00:00Z");
  for (const char* bad : {"2027-02-30T12:00:00Z", "2027-01-31 12:00:00", "2027-01-31T12:00:00", "2027-01-31T12:00:00Zx",
                          "2027-1-31T12:00:00Z", "1960-01-01T00:00:00Z", "9999-01-01T00:00:00Z", ""})
    EXPECT_FALSE(parse_time(bad, ns)) << bad;
}

}  // namespace
}  // namespace mediaward::tools
