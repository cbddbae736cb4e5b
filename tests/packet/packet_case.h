// SPDX-License-Identifier: Apache-2.0
// A packet case: a folder that says what goes into the data plane and what must come out. To add one: a maker in cases_*.cc, its name in meson.build, which tells how to regenerate.
//   case              `key = value` lines: description, and what differs from the defaults of PacketCase
//   conference.toml   the conference, in the format that operators write
//   in.pcap           frames in; frames of one time stamp arrive as one burst, and time stands still but for the stamps
//   out.pcap          every frame out, in order
//   counters          every counter and drop that is not 0, one `name value` per line
// Tests only; single thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/packet/pcap_file.h"
#include "tests/support/dataplane_fixture.h"

namespace mediaward::test {

using Counters = std::map<std::string, std::uint64_t>;

struct PacketCase {
  std::string description;
  std::uint16_t vlan = 0;
  std::uint16_t mtu = 1500;
  bool resolve = true;                        // neighbours' link addresses are known from the start
  std::uint64_t drain_ms = 0;                 // goes by after the last frame
  std::map<std::uint32_t, std::uint32_t> roc; // initial ROC of a stream by SSRC, where it is not 0
  ConferenceOptions conference;
  struct Relation {
    std::size_t from, to;                     // positions of participants
    abi::TopologyRelation relation;
  };
  std::vector<Relation> topology;
  std::vector<Participant> participants;
  std::vector<PcapFrame> in;
};

struct PacketOutcome {
  std::vector<PcapFrame> out;
  Counters counters;
  std::uint64_t leaked = 0;
};

// One way to run a case.
struct PacketSetup {
  std::string provider = "openssl";           // as make_provider of crypto_cases.h
  std::uint16_t burst = 32;
  unsigned delay = 0;                         // loops by which completions are late; 0: the synchronous engine itself
  [[nodiscard]] std::string name() const;
};
[[nodiscard]] std::vector<PacketSetup> packet_setups();  // the first one is the reference; providers that cannot run here are left out

// All throw std::runtime_error with the file's name.
[[nodiscard]] PacketCase read_case(const std::string& folder);
void write_case(const std::string& folder, const PacketCase& c);  // case, conference.toml, in.pcap
[[nodiscard]] Counters read_counters(const std::string& path);
void write_counters(const std::string& path, const Counters& counters);

[[nodiscard]] PacketOutcome run_case(const PacketCase& c, const PacketSetup& setup);

// What libsrtp says to the SRTP packets in `out`: each must open at its receiver to something that a sender sealed. Empty: all right.
[[nodiscard]] std::vector<std::string> verify_with_libsrtp(const PacketCase& c, const std::vector<PcapFrame>& out);

// The frames towards each receiver, in order.
[[nodiscard]] std::map<std::string, std::vector<PcapFrame>> by_receiver(const std::vector<PcapFrame>& frames);

}  // namespace mediaward::test
