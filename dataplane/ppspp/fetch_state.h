// SPDX-License-Identifier: Apache-2.0
// What a swarm's owner knows beyond its tree and chunks: its channels, what is being asked for, and what is still to be fetched.
// Made by the main thread with the swarm, in memory sized by the content; from then on the owner's alone.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/ppspp/audience.h"

namespace mediaward::dataplane::ppspp {

struct FetchState {
  // chunks: of a static content, or places of a live window (chunks fall on them modulo).
  [[nodiscard]] static std::size_t words_needed(std::uint64_t chunks) noexcept { return (chunks + 63) / 64; }
  FetchState(std::span<std::uint64_t> requested_words, std::uint64_t places, std::uint64_t capacity) noexcept
      : requested_(requested_words), places_(places), capacity_chunks(capacity) {}

  [[nodiscard]] bool requested(std::uint64_t chunk) const noexcept { return (word(chunk) & bit(chunk)) != 0; }
  void set_requested(std::uint64_t chunk) noexcept { word(chunk) |= bit(chunk); }
  // It is not on its way any more: whoever looks for something to ask for shall find it.
  void clear_requested(std::uint64_t chunk) noexcept {
    word(chunk) &= ~bit(chunk);
    if (chunk < cursor) cursor = chunk;
  }
  // It is held.
  void set_done(std::uint64_t chunk) noexcept { word(chunk) &= ~bit(chunk); }

  Audience audience;                   // of the owner itself; all that provide are in it
  std::uint64_t receivers = 0;         // of all workers; without any a live stream is joined anew
  std::uint64_t elsewhere = 0;         // bit w: worker w serves receivers
  std::uint64_t stale = 0;             // bit w: it was not told of all that is held
  std::uint64_t cursor = 0;            // below it every chunk is held, was held, or is being asked for
  std::uint8_t rank = 0;               // of a provider
  bool rank_seen = false;
  bool ranks_differ = false;           // providers of several ranks were here
  std::uint64_t served_top = 0;        // highest chunk ever served + 1, by any worker
  bool joined = false;                 // live: the first munro was verified; `cursor` began there

 private:
  std::span<std::uint64_t> requested_;
  std::uint64_t places_;
  [[nodiscard]] std::uint64_t& word(std::uint64_t chunk) const noexcept { return requested_[(chunk % places_) / 64]; }
  [[nodiscard]] static constexpr std::uint64_t bit(std::uint64_t chunk) noexcept { return std::uint64_t{1} << (chunk % 64); }

 public:
  const std::uint64_t capacity_chunks;  // that the cache has room for
};

}  // namespace mediaward::dataplane::ppspp
