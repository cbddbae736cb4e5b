// SPDX-License-Identifier: Apache-2.0
// What one worker counts: a block of plain 64-bit values with a single writer, laid out in the stats region.
// Readers (main thread, controller) read without synchronisation: every value is one aligned word.
#pragma once

#include <x86gprintrin.h>

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#include "dataplane/drop_reason.h"

namespace mediaward::dataplane {

enum class Counter : std::uint8_t {
#define MEDIAWARD_COUNTER(id, name, unit, source, meaning) id,
#include "dataplane/abi/counters.def"
#undef MEDIAWARD_COUNTER
  kCount
};
inline constexpr std::size_t kCounterCount = static_cast<std::size_t>(Counter::kCount);

struct CounterInfo {
  std::string_view name, unit, source, meaning;
};
inline constexpr std::array<CounterInfo, kCounterCount> kCounters{{
#define MEDIAWARD_COUNTER(id, name, unit, source, meaning) {name, unit, source, meaning},
#include "dataplane/abi/counters.def"
#undef MEDIAWARD_COUNTER
}};

// The stages of the pipeline in the order of the loop.
enum class Stage : std::uint8_t { kCommands, kReceive, kClassify, kPrepare, kIntake, kVerify, kOpen, kCommit, kSeal, kServe, kTransmit, kCount };
inline constexpr std::size_t kStageCount = static_cast<std::size_t>(Stage::kCount);
inline constexpr std::array<std::string_view, kStageCount> kStageNames{
    "commands", "receive", "classify", "prepare", "intake", "verify", "open", "commit", "seal", "serve", "transmit"};

struct StageStats {
  std::uint64_t calls = 0, items = 0, cycles = 0;
  std::array<std::uint64_t, 8> batch_histogram{};  // batches of 1, 2-3, 4-7, ... 128+

  void add(std::size_t batch, std::uint64_t spent) noexcept {
    ++calls;
    items += batch;
    cycles += spent;
    const unsigned bucket = static_cast<unsigned>(std::bit_width(batch)) - 1;
    ++batch_histogram[bucket < 8 ? bucket : 7];
  }
};

struct alignas(64) WorkerBlock {
  std::array<std::uint64_t, kCounterCount> counters{};
  std::array<std::uint64_t, kDropReasonCount> drops{};
  std::uint64_t loops = 0;
  std::uint64_t busy_cycles = 0;     // of loops that moved at least one packet
  std::uint64_t total_cycles = 0;
  std::uint64_t held = 0;            // packets that wait for a neighbour
  std::uint64_t in_flight = 0;       // packets inside the crypto engine
  std::uint64_t leaked = 0;          // packets taken in that are neither out, held nor in flight: always 0
  std::array<StageStats, kStageCount> stages{};

  [[nodiscard]] std::uint64_t& operator[](Counter c) noexcept { return counters[static_cast<std::size_t>(c)]; }
  [[nodiscard]] std::uint64_t& operator[](DropReason r) noexcept { return drops[static_cast<std::size_t>(r)]; }
  [[nodiscard]] StageStats& operator[](Stage s) noexcept { return stages[static_cast<std::size_t>(s)]; }
};

// Cycles of the stages, one after the other: the end of one is the beginning of the next, so that the counter is read once per stage
// and burst. A batch of none is not counted: idle loops would drown the figures.
class StageClock {
 public:
  explicit StageClock(std::uint64_t now_tsc) noexcept : begin_(now_tsc) {}
  void lap(StageStats& stats, std::size_t items) noexcept {
    const std::uint64_t now = __rdtsc();
    if (items != 0) stats.add(items, now - begin_);
    begin_ = now;
  }
  // When the last stage ended.
  [[nodiscard]] std::uint64_t read() const noexcept { return begin_; }

 private:
  std::uint64_t begin_;
};

}  // namespace mediaward::dataplane
