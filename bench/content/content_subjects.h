// SPDX-License-Identifier: Apache-2.0
// What the rows of the network peer take turns with: a content fetched by the appliance, one served by it, one that passes through a
// guard, and content and media in one worker. A slice is a whole content, each time a new one to the appliance. One thread.
#pragma once

#include <memory>
#include <optional>

#include "bench/content/content_stand.h"

namespace mediaward::bench {

// The appliance fetches it from one peer, or serves it to several, as the options say.
class ContentSubject final : public Subject {
 public:
  ContentSubject(crypto::CryptoProvider& provider, const Content& content, const ContentStand::Options& options)
      : stand_(provider, content, options), chunks_(content.chunks() * (options.role == RemotePeer::Role::kLeecher ? options.peers : 1)) {}
  SliceTicks run_slice(bool) override {
    stand_.restart();
    const std::uint64_t before = stand_.counted(dataplane::Counter::kPpsppHashCalls);
    const SliceTicks spent{stand_.run(), 0};
    hash_calls_ = stand_.counted(dataplane::Counter::kPpsppHashCalls) - before;
    return spent;
  }
  [[nodiscard]] std::size_t slice_packets() const override { return chunks_; }  // chunks fetched or served
  [[nodiscard]] StageTicks stages() const override { return stand_.stages(); }
  [[nodiscard]] double hash_calls_per_chunk() const noexcept {
    return static_cast<double>(hash_calls_) / static_cast<double>(chunks_);
  }  // of the last slice

 private:
  ContentStand stand_;
  std::size_t chunks_;
  std::uint64_t hash_calls_ = 0;
};

// Calls and a content that is fetched, in one worker: each alone in full bursts, or both in turn, half a burst each.
class SharedSubject final : public Subject {
 public:
  enum class What : std::uint8_t { kMedia, kContent, kBoth };
  SharedSubject(crypto::CryptoProvider& provider, const Content& content, What what);
  SliceTicks run_slice(bool verify) override;
  [[nodiscard]] std::size_t slice_packets() const override { return content_.chunks(); }  // so many chunks, and so many packets of media
  [[nodiscard]] StageTicks stages() const override { return stand_.stages(); }

 private:
  const Content& content_;
  const What what_;
  const Conferences conferences_;
  PacketSource source_;
  ContentStand stand_;
  std::uint64_t sealed_ = 0;
};

// Frames of one channel between two peers, as captures show them: HANDSHAKEs, a REQUEST now and then, hashes and DATA one way, an ACK for
// each chunk the other way. All of them must come out at the other port.
class GuardSubject final : public Subject {
 public:
  GuardSubject(crypto::CryptoProvider& provider, const Content& content);
  SliceTicks run_slice(bool verify) override;
  [[nodiscard]] std::size_t slice_packets() const override { return frames_; }
  [[nodiscard]] double chunks_per_frame() const noexcept { return static_cast<double>(content_.chunks()) / static_cast<double>(frames_); }
  [[nodiscard]] StageTicks stages() const override;

 private:
  void renew();
  [[nodiscard]] std::uint64_t loop(std::size_t requests, std::uint64_t first_chunk, std::size_t chunks);
  [[nodiscard]] std::uint64_t open_channel();
  void write_chunk(dataplane::Packet& packet, std::uint64_t chunk) const;
  void write_hashes(dataplane::Packet& packet) const;

  const Content& content_;
  RingIo *near_ = nullptr, *far_ = nullptr;  // the leecher's side, the seeder's
  std::unique_ptr<dataplane::Core> core_;
  std::size_t frames_ = 0;
  bool known_ = false;
};

}  // namespace mediaward::bench
