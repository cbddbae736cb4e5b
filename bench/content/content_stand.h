// SPDX-License-Identifier: Apache-2.0
// A real Core with one worker over a RingIo, and content peers around it. Swarms come and go by real transactions, so that every slice
// begins with an empty tree and new channels. Conferences may be there as well. What is timed is Worker::run_once, which runs by the real
// clock; the peers' part lies outside. Anything that is dropped or missing ends the run. One thread.
#pragma once

#include <memory>
#include <vector>

#include "bench/content/remote_peer.h"
#include "bench/path/subject.h"
#include "bench/support/conferences.h"
#include "bench/support/packet_source.h"
#include "bench/support/ring_io.h"

namespace mediaward::bench {

class ContentStand {
 public:
  enum class Preload : std::uint8_t { kNothing, kLeaves, kContent };
  struct Options {
    RemotePeer::Role role = RemotePeer::Role::kSeeder;
    std::size_t peers = 1;
    Preload preload = Preload::kNothing;
  };
  // conferences: 64 streams of AES-CM, applied as well; nullptr: none.
  ContentStand(crypto::CryptoProvider& provider, const Content& content, const Options& options, const Conferences* conferences = nullptr);

  // The swarm goes and comes again; the appliance has contacted all peers afterwards, which have not answered yet.
  void restart();
  // One loop of the worker over at most a burst: media first, then what the peers have to send. Ticks.
  [[nodiscard]] std::uint64_t loop(PacketSource* media = nullptr, std::size_t media_packets = 0);
  // Loops until all chunks are where they belong and `media_packets` are through, half of each burst. Ticks of all loops.
  [[nodiscard]] std::uint64_t run(PacketSource* media = nullptr, std::size_t media_packets = 0);
  // Nothing but media, in full bursts.
  [[nodiscard]] std::uint64_t run_media(PacketSource& media, std::size_t packets);

  [[nodiscard]] std::uint64_t counted(dataplane::Counter counter) const;
  [[nodiscard]] StageTicks stages() const;
  [[nodiscard]] dataplane::Core& core() noexcept { return *core_; }
  [[nodiscard]] const Content& content() const noexcept { return content_; }

 private:
  void apply(const std::vector<dataplane::Operation>& operations);
  [[nodiscard]] std::vector<dataplane::Operation> operations() const;
  void resolve_neighbours();
  void read_sent();
  [[nodiscard]] bool done() const;
  void check() const;

  const Content& content_;
  const Options options_;
  RingIo* io_ = nullptr;
  std::unique_ptr<dataplane::Core> core_;
  std::vector<RemotePeer> peers_;
  std::size_t read_ = 0;  // transmitted packets that were looked at
  bool open_ = false;
  std::uint64_t verified_before_ = 0;
};

// A transaction's parts, for whoever has another stand.
[[nodiscard]] abi::Swarm swarm_message(const Content& content, std::uint64_t id);
[[nodiscard]] dataplane::ppspp::ContentOperation content_operation(const Content& content, std::uint64_t id, abi::ContentKind kind);

}  // namespace mediaward::bench
