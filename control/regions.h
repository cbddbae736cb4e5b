// SPDX-License-Identifier: Apache-2.0
// Read-only views of the two memfds that the data plane shares (dataplane/abi/regions.h): counters, and live SRTP state.
// A view believes no offset of the other side: everything is checked against the file's size before it is mapped.
// Readers only; any thread (the workers write at the same time).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/unique_fd.h"
#include "crypto/error.h"
#include "dataplane/abi/protocol.h"
#include "dataplane/abi/regions.h"

namespace mediaward::control {

// A mapped memfd, unmapped when it dies.
class Mapping {
 public:
  [[nodiscard]] static Result<Mapping> map_readonly(const UniqueFd& fd);
  Mapping(Mapping&& other) noexcept : base_(std::exchange(other.base_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping();
  [[nodiscard]] const std::byte* base() const noexcept { return base_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  Mapping(const std::byte* base, std::uint64_t size) noexcept : base_(base), size_(size) {}
  const std::byte* base_ = nullptr;
  std::uint64_t size_ = 0;
};

struct StatValue {
  std::string name, unit;
  abi::StatKind kind = abi::StatKind::kCounter;
  std::vector<std::uint64_t> values;      // summed over workers; several for a histogram
  std::vector<std::uint64_t> per_worker;  // of a single value
};

class StatsRegion {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const StatsRegion>> open(const UniqueFd& fd);
  explicit StatsRegion(Mapping mapping, const abi::RegionHeader& header) noexcept : mapping_(std::move(mapping)), header_(header) {}
  [[nodiscard]] std::vector<StatValue> read() const;

 private:
  Mapping mapping_;
  abi::RegionHeader header_;  // as checked: the shared one may change under us
};

struct SlotView {
  std::uint32_t ssrc = 0;  // receive: as bound
  bool started = false, torn = false;
  std::uint64_t highest_index = 0, packets = 0, bytes = 0;
  std::uint32_t srtcp_index = 0, srtcp_packets = 0;            // receive: highest accepted; send: next to use
  std::uint64_t packets_at_key = 0, srtcp_packets_at_key = 0;  // when the key in force came
};

// Where a leg latched to.
struct LatchView {
  abi::Family family = abi::Family::kIpv4;
  std::array<std::uint8_t, 16> address{};
  std::uint16_t udp_port = 0, rtcp_port = 0;  // 0: nothing latched
};

// What the slots say, keyed by stream and leg. Made per request.
class StateRegion {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const StateRegion>> open(const UniqueFd& fd);
  explicit StateRegion(Mapping mapping, const abi::RegionHeader& header) noexcept : mapping_(std::move(mapping)), header_(header) {}

  class Index {
   public:
    [[nodiscard]] std::optional<SlotView> received(std::uint64_t stream) const { return find(abi::SlotKind::kReceive, stream, 0); }
    // receiver: the leg that is sealed for, or the conference of a group key.
    [[nodiscard]] std::optional<SlotView> sent(std::uint64_t stream, std::uint64_t receiver) const {
      return find(abi::SlotKind::kSend, stream, receiver);
    }
    [[nodiscard]] std::optional<LatchView> latched(std::uint64_t leg) const;

   private:
    friend class StateRegion;
    [[nodiscard]] std::optional<SlotView> find(abi::SlotKind kind, std::uint64_t stream, std::uint64_t leg) const;
    static std::uint64_t key(abi::SlotKind kind, std::uint64_t stream, std::uint64_t leg) noexcept {
      return (stream * 0x9e3779b97f4a7c15u) ^ (leg + static_cast<std::uint64_t>(kind));
    }
    [[nodiscard]] std::optional<std::uint32_t> find_slot(abi::SlotKind kind, std::uint64_t stream, std::uint64_t leg) const;
    const StateRegion* region_ = nullptr;
    std::unordered_multimap<std::uint64_t, std::uint32_t> slots_;
  };
  // Valid while the region is.
  [[nodiscard]] Index index() const;

 private:
  [[nodiscard]] SlotView read_slot(std::uint32_t slot) const noexcept;
  [[nodiscard]] std::optional<LatchView> read_latch(std::uint32_t slot) const noexcept;
  [[nodiscard]] const std::byte* slot_at(std::uint32_t slot) const noexcept {
    return mapping_.base() + header_.directory_offset + std::uint64_t{slot} * sizeof(abi::StateSlot);
  }
  [[nodiscard]] abi::StateIdentity identity(std::uint32_t slot) const noexcept;
  Mapping mapping_;
  abi::RegionHeader header_;
};

}  // namespace mediaward::control
