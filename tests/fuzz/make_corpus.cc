// SPDX-License-Identifier: Apache-2.0
// Writes the seed corpora: make_fuzz_corpus PACKET_CASES CORPUS. Frames come from the inputs of the packet cases, one of every length
// and kind, PPSPP datagrams from the captures of tests/captures; the other seeds are written here. Deterministic.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/fuzz/make_peer_corpus.h"
#include "tests/packet/packet_case.h"
#include "tests/support/capture_file.h"

namespace {

using namespace mediaward;
using namespace mediaward::test;
using Bytes8 = std::vector<std::uint8_t>;
namespace fs = std::filesystem;

void put(const fs::path& folder, const std::string& name, const Bytes8& bytes) {
  fs::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}
void put(const fs::path& folder, const std::string& name, const std::string& text) { put(folder, name, Bytes8(text.begin(), text.end())); }

// A sender report with a source description, and a receiver report (RFC 3550 §6.4, §6.5), as participants send them.
Bytes8 compound() {
  Bytes8 out{0x80, 200, 0, 6, 0x10, 0, 0, 1};
  for (std::uint8_t i = 0; i < 20; ++i) out.push_back(i);
  const Bytes8 description{0x81, 202, 0, 3, 0x10, 0, 0, 1, 1, 3, 'a', '@', 'b', 0, 0, 0};
  out.insert(out.end(), description.begin(), description.end());
  return out;
}

void media(const fs::path& corpus) {
  const Bytes8 rtcp = compound();
  Bytes8 level = RtpPacket{.payload_type = 96, .sequence = 5, .timestamp = 6, .ssrc = 7, .extension = Bytes8{0x10, 0x85, 0, 0}, .payload = Bytes8(20, 2)}.bytes();
  level[12] = 0xbe, level[13] = 0xde;
  std::size_t n = 0;
  for (const Bytes8& packet : {rtcp, level, RtpPacket{.payload_type = 96, .sequence = 5, .timestamp = 6, .ssrc = 0x10000001, .payload = Bytes8(20, 2)}.bytes()}) {
    const std::string name = std::to_string(++n);
    Bytes8 with_id{1};
    with_id.insert(with_id.end(), packet.begin(), packet.end());
    put(corpus / "rtcp", name, with_id);
    for (std::uint8_t form = 0; form < 3; ++form)
      for (const auto who : std::initializer_list<std::uint8_t>{0, 4, 8, 10}) {
        Bytes8 input{who, form};
        input.insert(input.end(), packet.begin(), packet.end());
        put(corpus / "media", name + "_" + std::to_string(form) + "_" + std::to_string(who), input);
      }
  }
}

// What tells frames apart for a classifier: type, protocol, length class, first bytes behind UDP.
std::string kind_of(const Bytes8& f) {
  std::string kind = std::to_string(std::min<std::size_t>(f.size(), 60) / 4);
  for (const std::size_t at : {12u, 13u, 14u, 16u, 17u, 20u, 23u, 34u, 35u, 54u})
    if (at < f.size() && f.size() < 130) kind.append(1, '.').append(std::to_string(f[at]));
  return kind;
}

void frames(const fs::path& cases, const fs::path& corpus) {
  std::set<std::string> kinds;
  for (const char* name : {"arp", "ethernet", "icmp", "icmpv6_and_ndp", "malformed_ipv4", "malformed_ipv6", "malformed_rtp", "malformed_udp", "demux", "vlan_tagged"}) {
    std::size_t n = 0;
    for (const auto& frame : read_pcap((cases / name / "in.pcap").string())) {
      if (frame.bytes.size() > 300 || !kinds.insert(kind_of(frame.bytes)).second || ++n > 14) continue;
      const std::string file = std::string(name) + "_" + std::to_string(n);
      put(corpus / "classify", file, frame.bytes);
      Bytes8 with_flags(1 + frame.bytes.size());
      std::copy(frame.bytes.begin(), frame.bytes.end(), with_flags.begin() + 1);
      const std::string text = name;
      if (text == "arp" || text.starts_with("icmp")) put(corpus / "host", file, with_flags);
      if (const auto d = parse_udp_frame(frame.bytes)) put(corpus / "rtp", file, d->payload);
    }
  }
  RtpPacket rtp{.payload_type = 96, .sequence = 5, .timestamp = 6, .ssrc = 7, .csrcs = {1, 2}, .extension = Bytes8(8, 1), .payload = Bytes8(20, 2)};
  put(corpus / "rtp", "csrc_extension", rtp.bytes());
}

void append(Bytes8& out, const void* message, std::size_t bytes) {
  out.push_back(static_cast<std::uint8_t>(bytes));
  out.push_back(static_cast<std::uint8_t>(bytes >> 8));
  const auto* p = static_cast<const std::uint8_t*>(message);
  out.insert(out.end(), p, p + bytes);
}
template <typename T>
void append(Bytes8& out, T message, abi::MessageType type, std::uint64_t id) {
  message.header = {type, 0, sizeof message, id};
  append(out, &message, sizeof message);
}

Bytes8 transaction(const std::vector<dataplane::Operation>& operations, abi::Begin begin) {
  Bytes8 out{3};
  append(out, begin, abi::MessageType::kBegin, 1);
  for (const auto& operation : operations)
    std::visit(
        [&]<typename T>(const T& m) {
          if constexpr (!std::is_same_v<T, dataplane::ppspp::ContentOperation>) append(out, m, m.header.type, 1);
        },
        operation);
  abi::End end;
  end.operation_count = static_cast<std::uint32_t>(operations.size());
  append(out, end, abi::MessageType::kEnd, 1);
  return out;
}

void control(const fs::path& corpus) {
  std::vector<Participant> all{make_participant(1), make_participant(2, crypto::Suite::kAeadAes128Gcm, true)};
  auto operations = Dataplane::conference_of(1, all);
  put(corpus, "conference", transaction(operations, {}));
  put(corpus, "dry_run", transaction(operations, {.header = {}, .resync = 0, .dry_run = 1}));
  put(corpus, "resync", transaction(operations, {.header = {}, .resync = 1, .dry_run = 0}));
  operations.push_back(Dataplane::remove(abi::MessageType::kLegRemove, 1001));
  operations.push_back(Dataplane::remove(abi::MessageType::kStreamRemove, Dataplane::stream_id(1002, 0x10000002)));
  operations.push_back(Dataplane::remove(abi::MessageType::kConferenceRemove, 1));
  put(corpus, "removals", transaction(operations, {}));
  Bytes8 queries{3};
  for (std::uint32_t kind = 1; kind <= 8; ++kind) {
    abi::Query query{};
    query.kind = static_cast<abi::QueryKind>(kind);
    append(queries, query, abi::MessageType::kQuery, kind);
  }
  put(corpus, "queries", queries);
  Bytes8 hello{0};
  append(hello, abi::Hello{}, abi::MessageType::kHello, 0);
  append(hello, abi::Hello{}, abi::MessageType::kHello, 0);
  put(corpus, "hello", hello);
}

void texts(const fs::path& cases, const fs::path& corpus) {
  for (const char* name : {"suites_fanout", "direction", "dscp"}) {
    std::ifstream in(cases / name / "conference.toml");
    put(corpus / "conference", name, std::string{std::istreambuf_iterator<char>(in), {}});
  }
  put(corpus / "toml", "full",
      std::string("text = \"a\"\nflag = true\nratio = 0.25\nport = 443\nnames = [\"x\", 'y']\nnumbers = [1, 2]\ncolour = \"green\"\n[inner]\nport = 9\n"
                  "[inner.inner]\nflag = false\n[[item]]\ntext = \"one\"\n[[item]]\ntext = '''two'''\n[named.first]\nratio = 1e-3\n[named.\"se cond\"]\n"));
  put(corpus / "toml", "wrong", std::string("text = 5\nflag = \"no\"\nratio = 7\nport = 70000\nnames = 3\nnumbers = [900]\ncolour = \"gren\"\ncolur = 1\n[[inner]]\n"));
  put(corpus / "toml", "broken", std::string("text = \"unfinished\nport = \n[named\n"));
}

// Of every capture the datagrams that differ in length, with the chunk cut short: its content is nothing to the codec. A swarm's hash and
// signature lengths stand in front, as the target wants them.
void ppspp_datagrams(const fs::path& captures, const fs::path& corpus) {
  std::set<std::size_t> lengths;
  for (const char* name : {"02-sha1-7chunks.pcap", "05-sha256-7chunks.pcap", "12-live-umt-ecdsap256-sha1.pcap.gz"}) {
    const std::string text = name;
    const bool sha256 = text.find("sha256") != std::string::npos, live = text.find("live") != std::string::npos;
    std::size_t n = 0;
    for (const auto& d : read_capture((captures / name).string())) {
      if (!lengths.insert(d.payload.size() + (sha256 ? 1u << 20 : 0)).second) continue;
      Bytes8 input{2, static_cast<std::uint8_t>(sha256 ? 32 : 20), static_cast<std::uint8_t>(live ? 16 : 0), 0};
      for (std::size_t i = 0; i < std::min<std::size_t>(d.payload.size(), 240); ++i) input.push_back(std::to_integer<std::uint8_t>(d.payload[i]));
      put(corpus, text.substr(0, 2) + "_" + std::to_string(++n), input);
    }
  }
}

// The option lists of another codec as HANDSHAKEs, half of them for the lenient profile, and every other message behind one another.
void ppspp_messages(const fs::path& captures, const fs::path& corpus) {
  std::ifstream in(captures / "handshake-options-vectors.txt");
  std::uint8_t n = 0;
  for (std::string line; std::getline(in, line);) {
    const auto tab = line.find('\t');
    if (line.starts_with('#') || tab == std::string::npos) continue;
    Bytes8 input{static_cast<std::uint8_t>(n % 2 == 0 ? 2 : 132), 32, 16, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4};
    for (std::size_t i = tab + 1; i + 1 < line.size(); i += 2) input.push_back(static_cast<std::uint8_t>(std::stoi(line.substr(i, 2), nullptr, 16)));
    put(corpus, "options_" + std::to_string(++n), input);
  }
  for (std::uint8_t addressing = 0; addressing < 5; ++addressing) {
    static constexpr std::uint8_t kRangeBytes[] = {4, 16, 8, 8, 16};
    Bytes8 input{addressing, 2, 1, 1, 9, 9, 9, 9};
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{6, 10, 11, 3, 8, 9, 2, 4, 7, 5, 12, 13, 1, 1}) {
      static constexpr std::uint8_t kMore[] = {0, 12, 8, 0, 2, 6, 0, 12, 0, 0, 0, 0, 18, 2};  // behind the range; a chunk has 4 bytes
      const bool ranged = type == 1 || type == 2 || type == 3 || type == 4 || type == 7 || type == 8 || type == 9;
      input.push_back(type);
      input.insert(input.end(), (ranged ? kRangeBytes[addressing] : 0u) + kMore[type], 0);
      if (type == 1 && addressing == 1) input[input.size() - 13] = 3;  // bytes 0 to 3
    }
    put(corpus, "every_" + std::to_string(addressing), input);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const fs::path cases = argv[1], corpus = argv[2];
  frames(cases, corpus);
  media(corpus);
  control(corpus / "control");
  texts(cases, corpus);
  ppspp_datagrams(PPSPP_CAPTURES, corpus / "ppspp");
  ppspp_messages(PPSPP_CAPTURES, corpus / "ppspp");
  for (const auto& [name, bytes] : peer_corpus()) put(corpus / "peer", name, bytes);
  return 0;
}
