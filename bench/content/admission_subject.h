// SPDX-License-Identifier: Apache-2.0
// What a first HANDSHAKE costs until it is known whether its sender is admitted: reading its options twice, finding the swarm by its key, the
// peer and the admission, in bursts as a worker takes them. Swarms, admissions and datagrams are visited in random order; every other sender is
// a stranger. One thread.
#pragma once

#include <span>
#include <vector>

#include "bench/path/subject.h"
#include "crypto/bytes.h"
#include "dataplane/ppspp/tables.h"

namespace mediaward::bench {

class AdmissionSubject final : public Subject {
 public:
  // senders: different HANDSHAKEs, a multiple of a slice; as many as a slice: what they meet is in cache.
  AdmissionSubject(std::size_t swarms, std::size_t admissions, std::size_t senders);
  SliceTicks run_slice(bool verify) override;

 private:
  struct First {  // a HANDSHAKE and who sent it
    std::vector<std::byte> messages;
    dataplane::ppspp::PeerKey sender;  // of no swarm yet
    bool admitted = false;
  };
  [[nodiscard]] First make_first(std::size_t number, bool admitted) const;
  [[nodiscard]] std::size_t look_up(std::span<const First> burst) const;  // how many were found as they should be
  [[nodiscard]] bool is_admitted(const First& first) const;

  dataplane::ppspp::PeerTables tables_;
  std::vector<std::array<std::byte, 32>> keys_;  // of swarms
  std::vector<dataplane::ppspp::Swarm> swarms_;
  std::vector<dataplane::ppspp::AdmissionView> admissions_;
  std::vector<First> firsts_;  // of many slices, so that tables are met as cold as they are
  std::vector<First> slice_;   // what is just coming in, as near as received packets are
  std::size_t at_ = 0;
};

}  // namespace mediaward::bench
