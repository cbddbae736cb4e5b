// SPDX-License-Identifier: Apache-2.0
// What mediawardctl says of swarms and peers, against a daemon in this process and a fake data plane, and what it does with content.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/unit/tools/ctl_fixture.h"
#include "tools/mediawardctl/peer_address.h"

namespace mediaward::tools {
namespace {

using control::test::capture_content;
using control::test::FakeDataplane;
using control::test::TempDir;
using nlohmann::json;

const std::string kRoot = "03edf9f3c6fbb9b141ac8efbcf6ff0ace556c70f317ad092b4d1d9f003b307ec";  // gen(7162), published with the captures

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class CtlSwarm : public test::CtlFixture {
 protected:
  CtlSwarm() {
    std::filesystem::create_directories(dir.path("content"));
    settings.controller.dataplane.content_directory = dir.path("content");
    start();
  }
  void expect_said(std::vector<std::string> arguments, const std::string& expected) {
    EXPECT_EQ(run(arguments), 0) << err.str();
    EXPECT_EQ(out.str(), expected);
  }
  static std::string admission(const std::string& id, int last, const std::string& more = "") {
    return "[[admission]]\nid = \"" + id + "\"\nport = \"media0\"\npeers = \"192.0.2." + std::to_string(last) + "\"\nprovide = true\n" +
           more;
  }
  std::string swarm_file(const std::string& more = "") {
    return write("movie.toml", "[swarm]\nid = \"movie\"\nkey = \"" + kRoot + "\"\nchunk_bytes = 1024\ncontent_bytes = 7162\n" + more);
  }
  static std::uint64_t handle(const std::string& id = "movie") { return control::object_handle(control::ObjectKind::kSwarm, id); }
};

TEST_F(CtlSwarm, ApplyShowAndTakeDown) {
  const std::string two = admission("alice", 7, "receive = true\nudp_port = 6778\n") + admission("lan", 0, "rank = 2\nmax_peers = 8\n");
  std::string text = two;
  text.replace(text.find("192.0.2.0"), 9, "192.0.2.0/24");
  expect_said({"swarm", "apply", swarm_file(text)}, "swarm movie applied: 3 created, 0 changed, 0 removed; revision 1\n");
  EXPECT_EQ(fake.peers().admissions.size(), 2u);
  expect_said({"swarm", "apply", swarm_file(text), "--dry-run"},
              "swarm movie would be applied: 0 created, 0 changed, 0 removed; revision 1\n");
  abi::SwarmInfo info{};
  info.swarm_id = handle();
  info.worker = 1;
  info.peers = 2;
  info.chunks = 7;
  info.chunks_held = 5;
  info.chunks_verified = 5;
  info.chunks_bad = 1;
  info.cached_bytes = 5120;
  info.served_bytes = 1234567;
  info.leaves_preloaded = 1;
  fake.set_swarm_info(info);
  expect_said({"show", "swarms"},
              "SWARM  KIND    SOURCE  HASH    CHUNK  BYTES  HELD / CHUNKS  PEERS  ADMISSIONS  BAD     SERVED  NOTES\n"
              "movie  static  peers   sha256   1024  7,162          5 / 7      2           2    1  1,234,567  leaves preloaded\n");
  expect_said({"show", "swarm", "movie"},
              "swarm movie: static, peers, version 1\n"
              "key          " +
                  kRoot +
                  "\n"
                  "chunks       1024 bytes each, sha256, chunk32\n"
                  "content      7,162 bytes\n"
                  "fetch        on-demand; cache no limit, sending no limit\n"
                  "guard        passes what cannot be judged\n"
                  "held         5 / 7 chunks, 5,120 bytes; worker 1, 2 peers; leaves preloaded\n"
                  "chunks       5 verified, 1 BAD, 0 unverifiable, 0 duplicate, 0 evicted, 0 fetched again\n"
                  "bytes        0 received, 1,234,567 served; 0 hash calls\n"
                  "\n"
                  "ADMISSION  PORT    PEERS         UDP PORT  RIGHTS           RANK  MAX  BYTES/S  EXPIRES\n"
                  "alice      media0  192.0.2.7         6778  provide receive     0    -        -  -\n"
                  "lan        media0  192.0.2.0/24       any  provide             2    8        -  -\n");
  const json shown = run_json({"show", "swarm", "movie"});
  EXPECT_EQ(shown["swarm"]["key"], kRoot);
  EXPECT_TRUE(shown["swarm"].contains("peers"));
  EXPECT_FALSE(shown["swarm"].contains("origin")) << "of a choice the chosen one";
  EXPECT_EQ(shown["admissions"][0]["id"], "alice");
  EXPECT_EQ(run({"swarm", "remove", "movie"}), 2) << "without author and reason";
  expect_said({"swarm", "remove", "movie", "--author", "ops", "--reason", "court order 17"},
              "take-down of swarm movie applied: 0 created, 0 changed, 3 removed; revision 2\n");
  ASSERT_EQ(run({"show", "audit"}), 0);
  EXPECT_NE(out.str().find("remove-swarm  swarm movie  ops     court order 17\n"), std::string::npos) << out.str();
  expect_said({"show", "swarms"}, "no swarms\n");
}

TEST_F(CtlSwarm, EveryShowHasATableAndJson) {
  for (const char* what : {"swarms", "peers", "evidence", "audit"}) {
    EXPECT_TRUE(run_json({"show", what}).is_object()) << what;
    EXPECT_EQ(run({"show", what}), 0) << what;
    EXPECT_FALSE(out.str().empty()) << what;
  }
  EXPECT_EQ(run_json({"show", "swarm", "nothing"}, 1)["error"]["code"], "not-found");
  EXPECT_EQ(run_json({"show", "peers", "nothing"}, 1)["error"]["code"], "not-found");
}

TEST_F(CtlSwarm, EverythingOfTheFileArrives) {
  const std::string more =
      "addressing = \"chunk64\"\nfetch = \"everything\"\nexpires = \"2096-01-31T12:00:00Z\"\ncache_quota_bytes = 1000\n"
      "send_bytes_per_s = 2000\nstored_level = 4\nguard = \"drop\"\ncontent_key_id = \"k\"\ncontent_key_version = 2\n[swarm.conduct]\n"
      "ban_s = 60\nreport_bytes = 5000000000\nblack_hole_known_ms = 90000\nsuspect_ms = 120000\n[swarm.conduct.actions]\nblack-hole = \"ban\"\n" +
      admission("alice", 7,
                "udp_port = 6778\nconnect = true\nlibswift = true\nrank = 3\nlocal_address = \"192.0.2.1\"\nmax_peers = 2\n"
                "expires = \"2096-01-31T12:00:01Z\"\nsend_bytes_per_s = 7\n") +
      "[content]\nkind = \"content\"\ninline_file = \"movie.bin\"\n";
  write("movie.bin", capture_content(7162));
  ASSERT_EQ(run({"swarm", "apply", swarm_file(more)}), 0) << err.str();
  const auto peers = fake.peers();
  const auto& swarm = peers.swarms.at(handle());
  EXPECT_EQ(swarm.addressing, 4);
  EXPECT_EQ(swarm.fetch, abi::FetchPolicy::kEverything);
  EXPECT_EQ(swarm.expires_ns, 3978849600ull * 1000000000);
  EXPECT_EQ(swarm.cache_quota_bytes, 1000u);
  EXPECT_EQ(swarm.send_bytes_per_s, 2000u);
  EXPECT_EQ(swarm.stored_level, 4);
  EXPECT_EQ(swarm.flags, std::uint32_t{abi::kSwarmGuardDrops});
  EXPECT_EQ(swarm.conduct.ban_s, 60u);
  EXPECT_EQ(swarm.conduct.report_bytes, 5000000000u);
  EXPECT_EQ(swarm.conduct.black_hole_known_ms, 90000u);
  EXPECT_EQ(swarm.conduct.suspect_ms, 120000u);
  EXPECT_EQ(swarm.conduct.actions[2], abi::ConductAction::kBan);
  const auto& one = peers.admissions.at(control::object_handle(control::ObjectKind::kAdmission, "movie alice"));
  EXPECT_EQ(one.flags, std::uint32_t{abi::kAdmitProvide | abi::kAdmitConnect | abi::kAdmitLibswift});
  EXPECT_EQ(one.local_address[3], 1);
  EXPECT_EQ(one.rank, 3);
  EXPECT_EQ(one.max_peers, 2u);
  EXPECT_EQ(one.send_bytes_per_s, 7u);
  EXPECT_EQ(one.expires_ns, 3978849601ull * 1000000000);
  EXPECT_EQ(*peers.contents.at(handle())[0].bytes, capture_content(7162)) << "beside the swarm file";
  const json swarm_json = run_json({"show", "swarm", "movie"})["swarm"];
  EXPECT_EQ(swarm_json["content_key"]["key_id"], "k");
  EXPECT_EQ(run_json({"config", "check", dir.path("movie.toml")})["kind"], "swarm");
}

TEST_F(CtlSwarm, ContentOnTheApplianceIsNamed) {
  write("content/movie.leaves", control::test::naive_leaves(capture_content(7162), 1024, 2));
  ASSERT_EQ(run({"swarm", "apply", swarm_file("[content]\nkind = \"leaf-hashes\"\nfile = \"movie.leaves\"\n")}), 0) << err.str();
  EXPECT_EQ(fake.peers().contents.at(handle())[0].kind, abi::ContentKind::kLeafHashes);
  const json error = run_json({"swarm", "apply", swarm_file("[content]\nkind = \"content\"\nfile = \"absent.bin\"\n")}, 1)["error"];
  EXPECT_EQ(error["object"], "content movie");
  EXPECT_EQ(error["field"], "content.file");
  EXPECT_EQ(run_json({"swarm", "apply", swarm_file("[content]\nkind = \"content\"\ninline_file = \"absent.bin\"\n")}, 1)["error"]["code"],
            "not-found");
  write("large.bin", std::string((1 << 20) + 1, 'x'));
  EXPECT_NE(run_json({"swarm", "apply", swarm_file("[content]\nkind = \"content\"\ninline_file = \"large.bin\"\n")}, 1)["error"]["message"]
                .get<std::string>()
                .find("more than 1 MiB"),
            std::string::npos);
}

TEST_F(CtlSwarm, WarningsFollowTheAnswer) {
  std::string text = "[swarm]\nid = \"movie\"\nkey = \"" + kRoot + "\"\nchunk_bytes = 256\ncontent_bytes = 7162\n";
  ASSERT_EQ(run({"swarm", "apply", write("small.toml", text)}), 0) << err.str();
  EXPECT_NE(out.str().find("revision 1\nwarning: swarm movie: swarm.chunk_bytes: 256 is below 512"), std::string::npos) << out.str();
}

abi::PeerInfo peer_info(std::uint8_t last) {
  abi::PeerInfo info{};
  info.swarm_id = control::object_handle(control::ObjectKind::kSwarm, "movie");
  info.admission_id = control::object_handle(control::ObjectKind::kAdmission, "movie alice");
  info.family = abi::Family::kIpv4;
  info.peer.address[0] = 192;
  info.peer.address[2] = 2;
  info.peer.address[3] = last;
  info.peer.udp_port = 6778;
  info.score = 12;
  info.verdicts = 1u << 1 | 1u << 2;
  info.ban_ends_ns = 1801396800ull * 1000000000;
  info.requested = 1000;
  info.delivered = 3;
  info.bad = 3;
  info.rtt_us = 1500;
  return info;
}

TEST_F(CtlSwarm, PeersAndTheirConduct) {
  ASSERT_EQ(run({"swarm", "apply", swarm_file(admission("alice", 7))}), 0);
  fake.set_peers({peer_info(7)});
  expect_said(
      {"show", "peers", "movie"},
      "SWARM  PEER            ADMISSION  SCORE  VERDICTS              ACTION                             ASKED FOR  DELIVERED  BAD  "
      "RECEIVED  SENT  RTT US\n"
      "movie  192.0.2.7:6778  alice         12  tampering black-hole  BANNED until 2027-01-31T12:00:00Z      1,000          3    3  "
      "       0     0   1,500\n");
  expect_said({"show", "peer", "movie", "192.0.2.7:6778"},
              "peer 192.0.2.7:6778 of swarm movie: score 12, admitted by alice, 0 channels\n"
              "verdicts     tampering black-hole\n"
              "action       BANNED until 2027-01-31T12:00:00Z\n"
              "chunks       0 claimed, 1,000 asked for, 3 delivered, 3 BAD, 0 unverifiable\n"
              "             0 late, 0 timed out, 0 not asked for, 0 duplicate\n"
              "messages     0 INTEGRITY, 0 DATA; 0 audits, 0 answered\n"
              "bytes        0 received, 0 sent, 0 acknowledged\n"
              "path         RTT 1,500 us, congestion window 0 bytes\n");
  EXPECT_EQ(run_json({"show", "peer", "movie", "192.0.2.7"})["verdicts"][1]["verdict"], "black-hole");
  EXPECT_EQ(run_json({"show", "peer", "movie", "192.0.2.9"}, 1)["error"]["code"], "not-found");
  EXPECT_EQ(run_json({"show", "peer", "movie", "nobody"}, 1)["error"]["field"], "address");
}

TEST_F(CtlSwarm, Rfc7846_4_1_3_BanUnbanAndReport) {
  ASSERT_EQ(run({"swarm", "apply", swarm_file(admission("alice", 7))}), 0);
  expect_said({"peer", "ban", "movie", "192.0.2.7", "--seconds", "60", "--author", "ops", "--reason", "tampering"},
              "192.0.2.7 of swarm movie banned for 60 s\n");
  expect_said({"peer", "unban", "movie", "192.0.2.7:6778"}, "192.0.2.7:6778 of swarm movie unbanned\n");
  expect_said({"peer", "report", "movie", "[2001:db8::7]:6778", "--uploaded", "1000", "--downloaded", "2000"},
              "[2001:db8::7]:6778 of swarm movie reported; a verdict is an event\n");
  expect_said({"peer", "report", "movie", "[2001:db8::7]:6778", "--uploaded", "1000", "--downloaded", "2000", "--complete"},
              "[2001:db8::7]:6778 of swarm movie reported; a verdict is an event\n");
  const auto commands = fake.peers().commands;
  ASSERT_EQ(commands.size(), 4u);
  EXPECT_EQ(commands[0].a, 60u);
  EXPECT_EQ(commands[1].kind, abi::PeerCommandKind::kUnban);
  EXPECT_EQ(commands[2].family, abi::Family::kIpv6);
  EXPECT_EQ(commands[2].b, 2000u);
  EXPECT_EQ(commands[2].complete, 0);
  EXPECT_EQ(commands[3].complete, 1);
  EXPECT_EQ(run({"peer", "ban", "movie", "192.0.2.7"}), 2) << "for how long?";
  EXPECT_EQ(run_json({"peer", "ban", "nothing", "192.0.2.7", "--seconds", "1"}, 1)["error"]["code"], "not-found");
}

TEST_F(CtlSwarm, EvidenceIsShownAndForgotten) {
  ASSERT_EQ(run({"swarm", "apply", swarm_file(admission("alice", 7))}), 0);
  expect_said({"show", "evidence"}, "no evidence\n");
  abi::EvidenceMessage evidence{};
  evidence.swarm_id = handle();
  evidence.time_ns = 1801396800ull * 1000000000;
  evidence.kind = abi::EvidenceKind::kBadChunk;
  evidence.family = abi::Family::kIpv4;
  evidence.peer = peer_info(7).peer;
  evidence.node_level = 2;
  evidence.node_index = 1;
  evidence.chunk = 4;
  evidence.bytes = 1024;
  evidence.digest[0] = 0xab;
  fake.send_evidence(evidence);
  ASSERT_TRUE(fake.wait_until([&] { return daemon->controller().evidence().counts().kept == 1; }));
  expect_said({"show", "evidence", "movie"},
              "NO.  TIME                  SWARM  PEER            KIND       WHAT\n"
              "  1  2027-01-31T12:00:00Z  movie  192.0.2.7:6778  bad-chunk  chunk 4, node 2/1, 1024 bytes hash to ab00000000000000...\n"
              "`mediawardctl evidence ack NO.` forgets it and all before it\n");
  EXPECT_EQ(run_json({"show", "evidence", "--peer", "192.0.2.8"})["evidence"].size(), 0u);
  EXPECT_EQ(run_json({"evidence", "ack", "7"}, 1)["error"]["field"], "up_to_sequence");
  expect_said({"evidence", "ack", "1"}, "1 forgotten, 0 kept\n");
}

TEST_F(CtlSwarm, TextIsWhatTheProviderSigns) {
  const std::string expected = "mediaward-swarm-v1\nkind=static\nkey=" + kRoot +
                               "\nhash=sha256\naddressing=2\nchunk_bytes=1024\ncontent_bytes=7162\nmunro_level=0\nsignature_form=none\n"
                               "content_key_id=\ncontent_key_version=0\n";
  expect_said({"swarm", "text", swarm_file()}, expected);
  expect_said({"swarm", "text", swarm_file("hash = \"sha256\"\naddressing = \"chunk32\"\nsend_bytes_per_s = 5\n")}, expected);
  EXPECT_EQ(run_json({"swarm", "text", swarm_file()})["text"], expected);
}

TEST_F(CtlSwarm, Rfc7574_5_RootsOfTheCaptures) {
  const std::string path = write("movie.bin", capture_content(7162));
  expect_said({"swarm", "hash", path}, "root     " + kRoot + "\nhash     sha256\nbytes    7162\nchunks   7 of 1024 bytes\n");
  EXPECT_EQ(run_json({"swarm", "hash", path, "--hash", "sha1"})["root"], "73395d57bb5d1e93d2580972a670d0e0e7d7b49d");
  write("movie.bin", capture_content(127983));
  const json small = run_json({"swarm", "hash", path, "--chunk-bytes", "128"});
  EXPECT_EQ(small["root"], "8b2cdb24d7aed151f38668354e956d20ac8e3b39fd00812fae134f5ec10e170e");
  EXPECT_EQ(small["chunks"], 1000);
}

TEST_F(CtlSwarm, HashMakesASwarmFileAndItsLeaves) {
  const std::string content = capture_content(100000);
  write("movie.bin", content);
  ASSERT_EQ(run({"swarm", "hash", dir.path("movie.bin"), "--hash", "sha512", "--toml", "--leaves", dir.path("movie.leaves")}), 0)
      << err.str();
  const std::string leaves = read_file(dir.path("movie.leaves"));
  EXPECT_EQ(leaves, control::test::naive_leaves(content, 1024, 4));
  write("movie.toml", out.str() + "[content]\nkind = \"leaf-hashes\"\ninline_file = \"movie.leaves\"\n");
  ASSERT_EQ(run({"swarm", "apply", dir.path("movie.toml")}), 0) << "the fake folds the leaves to the root: " << err.str();
  EXPECT_EQ(fake.peers().contents.at(handle()).size(), 1u) << "named after the file";
  EXPECT_EQ(run_json({"swarm", "hash", dir.path("movie.bin"), "--leaves", dir.path("movie.leaves")}, 1)["error"]["code"], "conflict")
      << "no file is overwritten";
  EXPECT_EQ(run_json({"swarm", "hash", write("empty", "")}, 1)["error"]["code"], "invalid");
  EXPECT_EQ(run_json({"swarm", "hash", dir.path("absent")}, 1)["error"]["code"], "not-found");
}

TEST_F(CtlSwarm, EncryptedContentOpensForWhoHasTheKeyAndTheRoot) {
  const std::string clear = capture_content(200000);
  const std::string key = std::string(64, 'a'), salt = "010203040506";
  write("clear.bin", clear);
  write("movie.key", key + salt + "\n");
  const auto cipher = [&](const std::string& verb, const std::string& from, const std::string& to,
                          const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"swarm", verb, dir.path(from), "--key-file", dir.path("movie.key"), "--out", dir.path(to)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  ASSERT_EQ(run(cipher("encrypt", "clear.bin", "movie.bin")), 0) << err.str();
  EXPECT_NE(read_file(dir.path("movie.bin")), clear);
  const std::string root = run_json({"swarm", "hash", dir.path("movie.bin")})["root"];
  const json refused = run_json(cipher("open", "movie.bin", "opened.bin", {"--root", kRoot}), 1)["error"];
  EXPECT_EQ(refused["code"], "invalid");
  EXPECT_FALSE(std::filesystem::exists(dir.path("opened.bin")));
  ASSERT_EQ(run(cipher("open", "movie.bin", "opened.bin", {"--root", root})), 0) << err.str();
  EXPECT_EQ(read_file(dir.path("opened.bin")), clear);
  struct stat file {};
  ASSERT_EQ(::stat(dir.path("opened.bin").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  EXPECT_EQ(run_json(cipher("open", "movie.bin", "opened.bin"), 1)["error"]["code"], "conflict") << "no file is overwritten";
  write("movie.key", key);
  ASSERT_EQ(run(cipher("open", "movie.bin", "again.bin", {"--salt", salt})), 0) << err.str();
  EXPECT_EQ(read_file(dir.path("again.bin")), clear);
  write("movie.key", "no key");
  const json bad = run_json(cipher("open", "movie.bin", "bad.bin"), 1)["error"];
  EXPECT_EQ(bad["message"].get<std::string>().find(dir.path("movie.key")), 0u) << bad;
  EXPECT_EQ(bad["message"].get<std::string>().find("no key"), std::string::npos) << "the text of a key file is not shown";
}

TEST(PeerAddress, AsPeopleWriteThem) {
  const auto is = [](const char* text, const char* address, std::uint32_t port) {
    const PeerAddress peer = parse_peer(text);
    EXPECT_EQ(peer.address, address);
    EXPECT_EQ(peer.udp_port, port);
  };
  is("192.0.2.7", "192.0.2.7", 0);
  is("192.0.2.7:6778", "192.0.2.7", 6778);
  is("2001:db8::7", "2001:db8::7", 0);
  is("[2001:db8::7]", "2001:db8::7", 0);
  is("[2001:db8::7]:6778", "2001:db8::7", 6778);
  is("192.0.2.7:x", "192.0.2.7:x", 0);
  is("192.0.2.7:0", "192.0.2.7:0", 0);
  is("[2001:db8::7", "[2001:db8::7", 0);
}

}  // namespace
}  // namespace mediaward::tools
