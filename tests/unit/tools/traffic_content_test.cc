// SPDX-License-Identifier: Apache-2.0
// The content part of the traffic tool: swarm files as planned, and whole runs against a real data plane in memory, which is bridged to
// the tool's port with ARP and all. And what the tool says when that data plane is made to lie.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/dataplane_fixture.h"
#include "tools/traffic/clock.h"
#include "tools/traffic/content_plan.h"
#include "tools/traffic/report.h"
#include "tools/traffic/srtp_context.h"
#include "tools/traffic/stage.h"
#include "traffic_test_appliance.h"
#include "traffic_test_run.h"

namespace mediaward::tools::traffic {
namespace {

using mediaward::test::Dataplane;
using mediaward::test::Frame;

constexpr std::uint16_t kPpsppPort = 6778;

enum class ContentLie : std::uint8_t {
  kNone,
  kDeaf,            // nothing arrives at it
  kAlter,           // a byte of a chunk on its way to a leecher
  kAnswerStranger,  // a copy of what goes to a leecher
  kOtherPort,       // to another UDP port of a leecher
  kOtherMac,
  kBadChecksum,
};

// Datagrams to the port of content go to a data plane, all else to the conference appliance of the other tests; ARP and NDP go to both.
class ContentAppliance final : public dataplane::PacketIo {
 public:
  ContentAppliance(const Model& model, const SwarmFile& file, ContentLie lie)
      : conference_(model, model.participants().empty() ? test::Lie::kDeaf : test::Lie::kNone),
        lie_(lie),
        dp_(crypto::make_openssl_provider(), options()) {
    if (const auto applied = dp_.apply(operations(file)); !applied)
      throw std::runtime_error(applied.error().field + ": " + applied.error().message);
  }

  std::size_t receive(std::span<dataplane::Packet*> out) noexcept override {
    std::size_t count = conference_.receive(out);
    run();
    for (; count < out.size() && !frames_.empty(); ++count) {
      if (!conference_.allocate(out.subspan(count, 1))) break;
      std::memcpy(out[count]->data, frames_.front().data(), frames_.front().size());
      out[count]->bytes = static_cast<std::uint32_t>(frames_.front().size());
      frames_.pop_front();
    }
    return count;
  }
  std::size_t transmit(std::span<dataplane::Packet* const> packets) noexcept override {
    std::size_t taken = 0;
    for (; taken < packets.size() && taken < 20; ++taken) {
      const Bytes frame = packets[taken]->span();
      const auto view = parse_udp(frame, kEthernetBytes);
      const bool content = view && view->destination_port() == kPpsppPort;
      if ((content || !view) && lie_ != ContentLie::kDeaf) inject(frame);
      if (content || (!view && is_reply(frame))) {
        conference_.release(packets.subspan(taken, 1));
        continue;
      }
      if (conference_.transmit(packets.subspan(taken, 1)) == 0) break;
    }
    return taken;
  }
  bool allocate(std::span<dataplane::Packet*> out) noexcept override { return conference_.allocate(out); }
  void share(dataplane::Packet&, std::uint32_t) noexcept override {}
  void release(std::span<dataplane::Packet* const> packets) noexcept override { conference_.release(packets); }
  dataplane::PortCapabilities capabilities() const noexcept override { return {}; }

  [[nodiscard]] Dataplane& dp() { return dp_; }

 private:
  static Dataplane::Options options() {
    Dataplane::Options o;
    o.ppspp_port = kPpsppPort;
    o.io.buffers = 8192;
    return o;
  }
  static std::vector<dataplane::Operation> operations(const SwarmFile& file);
  // What answers the data plane's questions; TestAppliance turns every such frame into an answer.
  static bool is_reply(ConstBytes frame) {
    const std::uint16_t type = load_be16(frame.data() + 12);
    if (type == kEtherArp) return load_be16(frame.data() + kEthernetBytes + 6) == 2;
    return frame[kEthernetBytes + kIpv6Bytes] == std::byte{136};
  }
  void inject(ConstBytes bytes) {
    Frame frame(bytes.begin(), bytes.end());
    const bool group = (frame[0] & std::byte{1}) != std::byte{0};
    if (!group) std::copy(Dataplane::kApplianceMac.begin(), Dataplane::kApplianceMac.end(), reinterpret_cast<std::uint8_t*>(frame.data()));
    dp_.io().inject(frame);
  }
  // Real time passes for the data plane as well, as it does for the tool.
  void run() {
    const auto now = static_cast<std::uint64_t>(static_cast<double>(now_ticks()) / hz_ * 1e6);
    if (last_us_ != 0) dp_.advance_us(now - last_us_);
    last_us_ = now;
    dp_.run_once();
    std::vector<dataplane::WorkerEvent> contacts;
    dp_.core().worker(0).events().consume([&](const dataplane::WorkerEvent& e) {
      if (e.kind == dataplane::WorkerEvent::Kind::kPeerSeen) contacts.push_back(e);
    });
    dp_.core().evidence(0)->consume([](const dataplane::ppspp::Evidence&) {});
    for (const auto& contact : contacts) (void)dp_.core().admit_contact(contact);
    dp_.core().advance(dp_.now());
    (void)dp_.core().take_peer_events();
    dp_.core().collect();
    for (Frame& frame : dp_.take_frames()) out(std::move(frame));
  }
  void out(Frame frame) {
    const auto view = parse_udp(frame, kEthernetBytes);
    if (view && lie_ != ContentLie::kNone) lie(frame, *view);
    frames_.push_back(std::move(frame));
  }
  void lie(Frame& frame, const UdpView& view) {
    const bool data = view.payload_bytes > 1000;
    if (!data || told_++ != 5) return;
    if (lie_ == ContentLie::kAlter) view.payload[view.payload_bytes - 1] ^= std::byte{1};
    if (lie_ == ContentLie::kOtherPort) store_be16(view.udp + 2, 4444);
    if (lie_ == ContentLie::kOtherMac) frame[5] ^= std::byte{0xff};
    write_udp_checksum(view.ip, view.v6);
    if (lie_ == ContentLie::kBadChecksum) view.payload[view.payload_bytes - 1] ^= std::byte{1};
    if (lie_ != ContentLie::kAnswerStranger) return;
    Frame copy = frame;
    const auto stranger = parse_udp(copy, kEthernetBytes);
    stranger->ip[19] = std::byte{stranger_};
    write_ipv4_checksum(stranger->ip);
    write_udp_checksum(stranger->ip, false);
    frames_.push_back(std::move(copy));
  }

 public:
  std::uint8_t stranger_ = 0;  // last octet

 private:
  test::TestAppliance conference_;
  ContentLie lie_;
  Dataplane dp_;
  std::deque<Frame> frames_;
  double hz_ = measure_ticks_per_second();
  std::uint64_t last_us_ = 0;
  unsigned told_ = 0;
};

// As mediawardctl and the daemon would make of the file.
std::vector<dataplane::Operation> ContentAppliance::operations(const SwarmFile& file) {
  abi::Swarm m{};
  m.header = {abi::MessageType::kSwarm, 0, sizeof m, 0};
  m.swarm_id = 7;
  m.kind = abi::SwarmKind::kStatic;
  m.hash = static_cast<std::uint8_t>(static_cast<int>(file.hash) - 1);
  m.addressing = static_cast<std::uint8_t>(static_cast<int>(file.addressing) - 1);
  m.source = abi::SwarmSource::kPeers;
  m.fetch = static_cast<abi::FetchPolicy>(file.fetch);
  m.signature_form = abi::SignatureForm::kRfc7574;
  m.chunk_bytes = file.chunk_bytes;
  m.content_bytes = file.content_bytes;
  m.key_bytes = static_cast<std::uint16_t>(file.key.size());
  std::copy(file.key.begin(), file.key.end(), m.key);
  std::vector<dataplane::Operation> all{m};
  for (const auto& from : file.admissions) {
    const Address address = *Address::parse(from.peers);
    abi::Admission a{};
    a.header = {abi::MessageType::kAdmission, 0, sizeof a, 0};
    a.admission_id = all.size();
    a.swarm_id = 7;
    std::snprintf(a.port_name, sizeof a.port_name, "media0");
    a.family = address.v6 ? abi::Family::kIpv6 : abi::Family::kIpv4;
    a.prefix_bits = address.v6 ? 128 : 32;
    a.udp_port = from.udp_port;
    std::memcpy(a.address, address.bytes.data(), sizeof a.address);
    if (from.connect) std::memcpy(a.local_address, Address::parse(from.local_address)->bytes.data(), sizeof a.local_address);
    a.flags = (from.provide ? std::uint32_t{abi::kAdmitProvide} : 0) | (from.receive ? std::uint32_t{abi::kAdmitReceive} : 0) |
              (from.connect ? std::uint32_t{abi::kAdmitConnect} : 0) | (from.libswift ? std::uint32_t{abi::kAdmitLibswift} : 0);
    all.push_back(a);
  }
  return all;
}

struct ContentCase {
  ContentPlanSettings plan{};
  ContentSettings content{};
  ImpairmentSettings impairment{};
  ContentLie lie = ContentLie::kNone;
  std::uint32_t participants = 0;
};

struct ContentOutcome {
  std::vector<std::string> faults;
  nlohmann::json report;
  std::string table;
  std::map<std::string, std::uint64_t> counters;
  [[nodiscard]] std::string all() const {
    std::string text;
    for (const auto& f : faults) text += f + "; ";
    return text;
  }
  [[nodiscard]] nlohmann::json peer(const std::string& name) const {
    for (const auto& p : report["content"]["peers"])
      if (p["name"] == name) return p;
    return {};
  }
};

ContentOutcome play(ContentCase c) {
  static const auto library = SrtpLibrary::start();
  std::vector<ConferenceFile> files;
  if (c.participants != 0) files = test::make_files({.participants = c.participants});
  StageSettings settings;
  settings.model.seed = 3;
  settings.pool = {c.participants == 0 ? 0u : 2000u, 160, 7, 2, false};
  settings.verify_every = 1;
  settings.impairment = c.impairment;
  settings.swarm = *make_content_plan(c.plan);
  settings.content = c.content;
  auto stage = Stage::build(files, settings);
  if (!stage) throw std::runtime_error(stage.error().message);
  ContentAppliance appliance((*stage)->model(), *settings.swarm, c.lie);
  for (const auto& peer : (*stage)->parts().content->peers())
    if (!peer.admitted) appliance.stranger_ = std::to_integer<std::uint8_t>(peer.address.bytes[3]);
  RunSettings run;
  run.packets = c.participants == 0 ? 0 : 2000;
  run.packets_per_second = 20000;
  run.window = 64;
  run.wait_seconds = 2;
  run.drain_seconds = 0.05;
  ContentOutcome outcome;
  Runner runner(appliance, (*stage)->parts(), run);
  const std::atomic<bool> stop{false};
  const auto result = runner.run(stop);
  const ReportInput input{(*stage)->parts(), result, run, 1e9, 1, false, false, "memory"};
  outcome.faults = find_faults(input);
  outcome.report = nlohmann::json::parse(make_json(input, outcome.faults));
  outcome.table = make_table(input, outcome.faults);
  outcome.counters = appliance.dp().counters();
  return outcome;
}

TEST(TrafficContent, EveryLeecherGetsTheContent) {
  const ContentOutcome o = play({.plan = {.seeders = 2, .leechers = 3, .bytes = 300'000, .family = PlanFamily::kMixed}});
  EXPECT_EQ(o.all(), "");
  EXPECT_EQ(o.report["verdict"], "right");
  EXPECT_EQ(o.report["content"]["identical"], 3);
  EXPECT_EQ(o.report["content"]["chunks"], 293);
  EXPECT_EQ(o.peer("leecher-2")["content_bytes_received"], 300'000);
  EXPECT_GT(o.peer("leecher-2")["seconds"].get<double>(), 0);
  EXPECT_GT(o.peer("seeder-2")["content_bytes_sent"].get<int>(), 1000) << "the one that the appliance contacted";
  EXPECT_NE(o.table.find("identical"), std::string::npos) << o.table;
  EXPECT_EQ(o.table.find("NOT IDENTICAL"), std::string::npos) << o.table;
}

TEST(TrafficContent, Rfc7574_7_AnyHashAndAddressing) {
  for (const std::string hash : {"sha1", "sha512"})
    for (const std::string addressing : {"bin32", "chunk64"}) {
      const ContentOutcome o =
          play({.plan = {.bytes = 70'000, .chunk_bytes = 700, .hash = hash, .addressing = addressing, .fetch = "everything"}});
      EXPECT_EQ(o.all(), "") << hash << " " << addressing;
    }
}

TEST(TrafficContent, LibswiftPeersBesideOthers) {
  const ContentOutcome o = play({.plan = {.seeders = 2, .leechers = 2, .bytes = 200'000, .hash = "sha1", .libswift = true}});
  EXPECT_EQ(o.all(), "");
  EXPECT_TRUE(o.peer("leecher-2")["libswift"]);
  EXPECT_FALSE(o.peer("leecher-1")["libswift"]);
}

TEST(TrafficContent, OverABadNetwork) {
  const ContentOutcome o = play({.plan = {.seeders = 2, .leechers = 2, .bytes = 200'000}, .impairment = {0.05, 0.02, 0.05, 8, 3}});
  EXPECT_EQ(o.all(), "");
  EXPECT_GT(o.report["content"]["network"]["lost"].get<int>(), 5);
  EXPECT_GT(o.report["content"]["network"]["delayed"].get<int>(), 5);
}

TEST(TrafficContent, LeechersInTurnBeginOneAfterTheOther) {
  const ContentOutcome o = play({.plan = {.leechers = 3, .bytes = 300'000}, .content = {.in_turn = true}});
  EXPECT_EQ(o.all(), "");
  EXPECT_EQ(o.report["content"]["identical"], 3);
  EXPECT_LT(o.peer("leecher-1")["seconds"].get<double>(), o.peer("leecher-2")["seconds"].get<double>());
  EXPECT_LT(o.peer("leecher-2")["seconds"].get<double>(), o.peer("leecher-3")["seconds"].get<double>());
}

TEST(TrafficContent, Rfc7574_3_1_1_StrangersGetNoAnswer) {
  const ContentOutcome o = play({.plan = {.bytes = 3'000'000}, .content = {.strangers = 2}});
  EXPECT_EQ(o.all(), "");
  EXPECT_EQ(o.report["content"]["answers_to_strangers"], 0);
  EXPECT_GT(o.peer("stranger-2")["datagrams_sent"].get<int>(), 0);
  EXPECT_GT(o.counters.at("ppspp.not_admitted"), 0u);
}

TEST(TrafficContent, Rfc7574_12_6_AllAttackersAtOnce) {
  ContentOutcome o = play({.plan = {.seeders = 2, .leechers = 2, .attackers = "all", .bytes = 500'000},
                           .content = {.least_seconds = 1.5, .attack_every = 5, .attacks_per_second = 500}});
  EXPECT_EQ(o.all(), "");
  EXPECT_EQ(o.report["content"]["identical"], 2);
  unsigned struck = 0, attackers = 0;
  for (const auto& p : o.report["content"]["peers"]) {
    attackers += p["attack"] != "none";
    struck += p["misdeeds"].get<int>() > 0;
  }
  EXPECT_EQ(attackers, 25u);
  EXPECT_GT(struck, 15u);
  for (const char* reason : {"chunk_bad", "chunk_length", "chunk_unrequested", "bad_hash", "malformed", "unknown_message",
                             "unknown_channel", "unknown_swarm", "not_admitted", "option_mismatch", "rate_limited"})
    EXPECT_GT(o.counters["ppspp." + std::string(reason)], 0u) << reason;
}

TEST(TrafficContent, BesideAConferenceOverOnePort) {
  const ContentOutcome o = play({.plan = {.bytes = 500'000}, .participants = 3});
  EXPECT_EQ(o.all(), "");
  EXPECT_EQ(o.report["packets"]["received"], 4000);
  EXPECT_EQ(o.report["content"]["identical"], 2);
}

TEST(TrafficContent, WhoeverGetsNothingInTimeIsNamed) {
  const ContentOutcome deaf = play({.plan = {.bytes = 5000}, .content = {.seconds = 0.2}, .lie = ContentLie::kDeaf});
  EXPECT_NE(deaf.all().find("no answer from 192.0.2.1 (asked by content peer seeder-1)"), std::string::npos) << deaf.all();
  const ContentOutcome alone = play({.plan = {.seeders = 0, .leechers = 1, .bytes = 5000}, .content = {.seconds = 0.2}});
  EXPECT_NE(alone.all().find("leecher-1 has 0 of 5 chunks after 0.2 s"), std::string::npos) << alone.all();
  EXPECT_NE(alone.table.find("NOT IDENTICAL"), std::string::npos);
}

TEST(TrafficContent, LiesOfTheApplianceAreFound) {
  const auto lie = [](ContentLie what) {
    return play({.plan = {.leechers = 1, .bytes = 200'000}, .content = {.strangers = 1}, .lie = what}).all();
  };
  EXPECT_NE(lie(ContentLie::kAlter).find("by leecher-1: sent a chunk that does not hash to the root"), std::string::npos);
  EXPECT_NE(lie(ContentLie::kAnswerStranger).find("by stranger-1: answered somebody who is not admitted"), std::string::npos);
  EXPECT_NE(lie(ContentLie::kOtherPort).find("went to a UDP port that is not the admitted one"), std::string::npos);
  EXPECT_NE(lie(ContentLie::kOtherMac).find("had another host's MAC"), std::string::npos);
  EXPECT_NE(lie(ContentLie::kBadChecksum).find("had a wrong checksum"), std::string::npos);
}

TEST(TrafficContentPlan, ReadsBackAsItWasWritten) {
  const auto plan = *make_content_plan(
      {.id = "film", .seeders = 2, .leechers = 2, .attackers = "tamper,black-hole,tamper", .bytes = 7162, .libswift = true});
  const auto read = parse_swarm(to_toml(plan), "film.toml");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(to_toml(*read), to_toml(plan));
  ASSERT_EQ(read->admissions.size(), 7u);
  EXPECT_EQ(read->admissions[0].id, "seeder-1");
  EXPECT_TRUE(read->admissions[0].provide);
  EXPECT_FALSE(read->admissions[0].connect);
  EXPECT_TRUE(read->admissions[1].connect);
  EXPECT_EQ(read->admissions[1].local_address, "192.0.2.1");
  EXPECT_TRUE(read->admissions[3].receive);
  EXPECT_TRUE(read->admissions[3].libswift);
  EXPECT_EQ(read->admissions[6].id, "tamper-2");
  EXPECT_EQ(read->admissions[6].peers, "192.0.2.107");
  EXPECT_TRUE(content_of(*read));
}

TEST(TrafficContentPlan, WhatCannotBePlayedIsRefused) {
  const auto error = [](const ContentPlanSettings& s) { return make_content_plan(s).error().message; };
  EXPECT_NE(error({.attackers = "flattery"}).find("--content-attackers: \"flattery\" is no attack"), std::string::npos);
  EXPECT_NE(error({.attackers = "stale-munro"}).find("needs live content"), std::string::npos);
  EXPECT_NE(error({.hash = "md5"}).find("\"md5\" is no hash"), std::string::npos);
  EXPECT_NE(error({.addressing = "byte64"}).find("--content-addressing: `byte64` is unknown"), std::string::npos);
  EXPECT_NE(error({.addressing = "chunk64", .libswift = true}).find("libswift knows"), std::string::npos);
  EXPECT_NE(error({.bytes = 0}).find("1 to 2^32 bytes"), std::string::npos);
  EXPECT_NE(error({.remote_v4 = "2001:db8::5"}).find("not an address of its family"), std::string::npos);
}

TEST(TrafficContentPlan, FilesOfOthersAreRefused) {
  const SwarmFile plan = *make_content_plan({.bytes = 7162});
  const auto error = [](const SwarmFile& file) {
    const auto player = ContentPlayer::build(file, {}, {}, std::nullopt, std::nullopt);
    return player ? std::string("none") : player.error().message;
  };
  EXPECT_EQ(error(plan), "none");
  SwarmFile other = plan;
  other.id = "film";
  EXPECT_NE(error(other).find("the root is not that of the content"), std::string::npos);
  other = plan;
  other.admissions[0].id = "alice";
  EXPECT_NE(error(other).find("admission alice: the id says what is played"), std::string::npos);
  other = plan;
  other.admissions[0].peers = "192.0.2.0/24";
  EXPECT_NE(error(other).find("one peer of one address"), std::string::npos);
  other = plan;
  other.admissions[1].peers = other.admissions[0].peers;
  EXPECT_NE(error(other).find("an address of its own"), std::string::npos);
  other = plan;
  other.admissions.resize(1);
  EXPECT_NE(error(other).find("admit a leecher"), std::string::npos);
}

}  // namespace
}  // namespace mediaward::tools::traffic
