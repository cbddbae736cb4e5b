// SPDX-License-Identifier: Apache-2.0
// Active-speaker switching: which legs of a conference are forwarded when it forwards the loudest only. Reads the levels that workers
// smooth (speaker_level.h), writes the gates that workers obey. Pure logic: the clock is passed in, nothing is opened or sent here, and
// conferences without a policy are never looked at. Main thread, a tick every 20 ms.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "dataplane/tables.h"

namespace mediaward::dataplane {

struct SpeakerPolicy {
  std::uint8_t loudest = 0;        // how many legs are forwarded
  std::uint8_t hysteresis_db = 0;  // a newcomer must be louder than a speaker by this much to take his place
  std::uint16_t hold_ms = 0;       // a speaker keeps his place at least so long
  bool operator==(const SpeakerPolicy&) const noexcept = default;
};

class SpeakerElection {
 public:
  struct Member {
    std::uint64_t leg_id = 0;
    std::shared_ptr<SpeakerGate> gate;
  };
  struct Change {
    std::uint64_t conference = 0;
    std::vector<std::uint64_t> speakers;  // legs that are forwarded from now on, in ascending order
  };

  static constexpr unsigned kTickMs = 20;
  // Nobody below is elected; whoever speaks keeps his place through a silence.
  static constexpr unsigned kFloorDbov = 60;
  // Legs that nothing was heard of for this long count as silent (RFC 6464 has a level in every packet; a sender with DTX has few).
  static constexpr unsigned kUnheardMs = 400;

  explicit SpeakerElection(std::uint64_t tsc_hz) noexcept : tsc_hz_(tsc_hz) {}

  // The conference and who is in it from now on: all of those whose media may be forwarded and who tell their levels. Gates of legs
  // that do not speak are shut at once. A policy of 0 opens all gates and forgets the conference.
  void set_conference(std::uint64_t id, SpeakerPolicy policy, std::vector<Member> members);
  void remove_conference(std::uint64_t id) { conferences_.erase(id); }
  [[nodiscard]] bool active() const noexcept { return !conferences_.empty(); }

  // One election in every conference; those whose speakers are others than at the last tick.
  [[nodiscard]] std::vector<Change> tick(std::uint64_t now_tsc);

 private:
  struct Candidate {
    std::uint64_t leg_id = 0;
    std::shared_ptr<SpeakerGate> gate;
    bool speaks = false;
    std::uint64_t since_tsc = 0;  // speaks: elected then
    std::uint32_t level = 0;      // at this tick
  };
  struct Conference {
    SpeakerPolicy policy;
    std::vector<Candidate> candidates;  // by leg
    std::vector<std::uint64_t> told;    // speakers as of the last change reported
  };

  [[nodiscard]] std::uint32_t level_now(const SpeakerGate& gate, std::uint64_t now_tsc) const noexcept;
  void elect(Conference& conference, std::uint64_t now_tsc) const;
  static void give_up_places(Conference& conference);

  const std::uint64_t tsc_hz_;
  std::unordered_map<std::uint64_t, Conference> conferences_;
};

}  // namespace mediaward::dataplane
