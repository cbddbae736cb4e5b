// SPDX-License-Identifier: Apache-2.0
// Swarms, admissions and peers as the main thread knows them, and the memory behind what workers see of them (tables.h). Memory of a swarm's size is mapped for it alone and goes back with it.
// Main thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/memfd.h"
#include "dataplane/ppspp/conduct.h"
#include "dataplane/ppspp/fetch_state.h"
#include "dataplane/ppspp/munro_log.h"
#include "dataplane/ppspp/signature_checker.h"
#include "dataplane/neighbour.h"
#include "dataplane/ppspp/tables.h"
#include "dataplane/table_number.h"

namespace mediaward::dataplane::ppspp {

// Zero-filled, aligned to 64 at least: from 2 MB on in huge pages.
class MappedMemory {
 public:
  MappedMemory() = default;
  [[nodiscard]] static Result<MappedMemory> create(std::size_t bytes, bool hugetlb);
  MappedMemory(MappedMemory&& o) noexcept : memory_(std::exchange(o.memory_, {})), mapped_(std::exchange(o.mapped_, {})) {}
  MappedMemory& operator=(MappedMemory&& o) noexcept {
    std::swap(memory_, o.memory_);
    std::swap(mapped_, o.mapped_);
    return *this;
  }
  ~MappedMemory();
  [[nodiscard]] Bytes bytes() const noexcept { return memory_; }

 private:
  Bytes memory_;
  bool mapped_ = false;
};

// A sealed memfd of the controller, mapped for reading.
class MappedContent {
 public:
  // Fails when it is not sealed against every change, or has not this size.
  [[nodiscard]] static Result<std::shared_ptr<const MappedContent>> map(int fd, std::uint64_t bytes);
  explicit MappedContent(ConstBytes bytes) noexcept : bytes_(bytes) {}
  MappedContent(const MappedContent&) = delete;
  MappedContent& operator=(const MappedContent&) = delete;
  ~MappedContent();
  [[nodiscard]] ConstBytes bytes() const noexcept { return bytes_; }

 private:
  ConstBytes bytes_;
};

// What was told of a swarm, so that it is told once.
struct SwarmNotices {
  bool complete = false, expired = false;
};

// The key of a live swarm, for as long as the swarm lives.
struct KeyRegistration {
  SignatureChecker* checker = nullptr;
  std::uint32_t slot = 0, generation = 0;
  KeyRegistration() = default;
  KeyRegistration(SignatureChecker* c, std::uint32_t s, std::uint32_t g) noexcept : checker(c), slot(s), generation(g) {}
  KeyRegistration(const KeyRegistration&) = delete;
  KeyRegistration& operator=(KeyRegistration&& o) noexcept {
    std::swap(checker, o.checker);
    slot = o.slot;
    generation = o.generation;
    return *this;
  }
  ~KeyRegistration() {
    if (checker != nullptr) checker->drop_key(slot, generation);
  }
};

// What a swarm has of memory, through all changes of its policy.
struct SwarmBundle {
  std::vector<std::byte> key;
  MappedMemory memory;                       // of tree, store and fetch state
  std::optional<crypto::MerkleTree> tree;
  std::optional<ChunkStore> store;
  std::optional<FetchState> fetch;
  std::optional<MunroLog> munros;            // live
  KeyRegistration signature_key;             // live
  SwarmStats stats;
  std::vector<SwarmWords> words;          // by worker
  SharedMeter send;
  std::atomic<bool> released{false};         // by the owner, after its removal
  std::shared_ptr<const MappedContent> content;  // preloaded
};

// As the controller said; what the workers have of it.
struct SwarmObject {
  abi::Swarm terms{};
  std::shared_ptr<const TableNumber> number;
  std::uint8_t owner = 0;
  bool leaves_preloaded = false;
  std::shared_ptr<SwarmBundle> bundle;
  std::shared_ptr<const Swarm> view;
  std::shared_ptr<ConductJudge> judge;
  std::shared_ptr<SwarmNotices> notices;
};

struct AdmissionObject {
  abi::Admission terms{};
  std::shared_ptr<const AdmissionView> view;
};

// What a peer has of memory, through all changes of what it may do.
struct PeerBundle {
  PeerConduct conduct;
  PeerBudget budget;
  std::shared_ptr<NextHop> hop;
  Assessment assessment;                     // the latest
  std::uint8_t verdicts = 0;                 // bit v: ConductVerdict v was told
  std::uint64_t banned_until_tsc = 0;        // 0: not banned
  std::uint64_t made_tsc = 0;
};
struct PeerObject {
  std::uint64_t swarm = 0, admission = 0;
  PeerKey key;
  std::shared_ptr<const TableNumber> number;
  std::shared_ptr<PeerBundle> bundle;
  std::shared_ptr<const Peer> view;
  bool banned = false;
  std::uint64_t throttle_bytes_per_s = 0;    // 0: not throttled
};

}  // namespace mediaward::dataplane::ppspp
