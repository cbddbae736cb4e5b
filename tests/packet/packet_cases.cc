// SPDX-License-Identifier: Apache-2.0
// Runs packet cases: packet_cases [--regen] FOLDER... Every case runs under every setup of packet_setups(): each burst size, each
// engine of this machine, and engines that complete late. All counters must be equal, the reference's output byte for byte and in
// order, the others' in order per receiver; libsrtp must open everything. --regen writes out.pcap and counters from the reference
// run instead of comparing with them. Exit status 1 and a line per difference when something is wrong.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "tests/packet/packet_case.h"

namespace {

using namespace mediaward::test;

struct Judge {
  std::string folder;
  bool good = true;
  void say(const std::string& setup, const std::string& what) {
    good = false;
    std::printf("%s: %s: %s\n", folder.c_str(), setup.c_str(), what.c_str());
  }
};

void compare_counters(Judge& judge, const std::string& setup, const Counters& want, const Counters& got) {
  const auto value = [](const Counters& c, const std::string& name) { return c.contains(name) ? c.at(name) : 0; };
  Counters all = want;
  all.insert(got.begin(), got.end());
  for (const auto& [name, unused] : all) {
    if (value(want, name) == value(got, name)) continue;
    judge.say(setup, name + " is " + std::to_string(value(got, name)) + ", must be " + std::to_string(value(want, name)));
  }
}

void compare_frames(Judge& judge, const std::string& setup, const std::vector<PcapFrame>& want, const std::vector<PcapFrame>& got) {
  if (want.size() != got.size()) judge.say(setup, std::to_string(got.size()) + " frames come out, must be " + std::to_string(want.size()));
  for (std::size_t i = 0; i < std::min(want.size(), got.size()); ++i) {
    if (want[i] == got[i]) continue;
    const auto [w, g] = std::mismatch(want[i].bytes.begin(), want[i].bytes.end(), got[i].bytes.begin(), got[i].bytes.end());
    return judge.say(setup, "output frame " + std::to_string(i + 1) + " differs at byte " + std::to_string(w - want[i].bytes.begin()) + ", sent at " +
                                std::to_string(got[i].time_ms) + " ms instead of " + std::to_string(want[i].time_ms));
  }
}

void compare_per_receiver(Judge& judge, const std::string& setup, const std::vector<PcapFrame>& want, const std::vector<PcapFrame>& got) {
  const auto wanted = by_receiver(want), gotten = by_receiver(got);
  if (want.size() != got.size()) judge.say(setup, std::to_string(got.size()) + " frames come out, must be " + std::to_string(want.size()));
  for (const auto& [receiver, frames] : wanted) {
    const auto it = gotten.find(receiver);
    compare_frames(judge, setup, frames, it == gotten.end() ? std::vector<PcapFrame>{} : it->second);
  }
}

void check_sound(Judge& judge, const std::string& setup, const PacketCase& c, const PacketOutcome& outcome) {
  if (outcome.leaked != 0) judge.say(setup, std::to_string(outcome.leaked) + " packets leaked");
  for (const auto& problem : verify_with_libsrtp(c, outcome.out)) judge.say(setup, problem);
}

bool run_folder(const std::string& folder, bool regenerate) {
  Judge judge{folder};
  const PacketCase c = read_case(folder);
  const auto setups = packet_setups();
  const PacketOutcome reference = run_case(c, setups.front());
  check_sound(judge, setups.front().name(), c, reference);
  if (!judge.good) return false;  // nothing wrong gets recorded
  if (regenerate) {
    write_pcap(folder + "/out.pcap", reference.out);
    write_counters(folder + "/counters", reference.counters);
  }
  const auto out = read_pcap(folder + "/out.pcap");
  const Counters counters = read_counters(folder + "/counters");
  compare_counters(judge, setups.front().name(), counters, reference.counters);
  compare_frames(judge, setups.front().name(), out, reference.out);
  for (std::size_t i = 1; i < setups.size(); ++i) {
    const PacketOutcome outcome = run_case(c, setups[i]);
    check_sound(judge, setups[i].name(), c, outcome);
    compare_counters(judge, setups[i].name(), counters, outcome.counters);
    compare_per_receiver(judge, setups[i].name(), out, outcome.out);
  }
  std::printf("%s: %zu frames in, %zu out, %zu setups: %s\n", folder.c_str(), c.in.size(), out.size(), setups.size(), judge.good ? "ok" : "WRONG");
  return judge.good;
}

}  // namespace

int main(int argc, char** argv) {
  bool regenerate = false, good = argc > 1;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--regen") == 0) {
      regenerate = true;
      continue;
    }
    try {
      good &= run_folder(argv[i], regenerate);
    } catch (const std::exception& e) {
      std::printf("%s: %s\n", argv[i], e.what());
      good = false;
    }
  }
  return good ? 0 : 1;
}
