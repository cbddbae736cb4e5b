// SPDX-License-Identifier: Apache-2.0
// Fresh packets for a timed slice: every call continues each stream's sequence numbers, so that replay protection stays on and nothing
// is sent twice. The streams are visited in turn, or in a random order that comes round again. Sealed by the product's own engine,
// after the constructor has proved it byte-equal to libsrtp on a sample of the streams, a ROC wrap included.
// All of it happens outside timed sections. The benchmark's thread.
#pragma once

#include <memory>
#include <vector>

#include "bench/support/conferences.h"
#include "bench/support/key_ring.h"
#include "crypto/engine.h"
#include "dataplane/packet.h"

namespace mediaward::bench {

inline constexpr std::size_t kFrameHeaderBytes = 14 + 20 + 8;  // Ethernet, IPv4, UDP
inline constexpr std::size_t kRtpHeaderBytes = 12;
inline constexpr std::size_t kMinPayloadBytes = 16;  // index and SSRC stand in them

enum class Order : std::uint8_t { kInTurn, kRandom };

class PacketSource {
 public:
  struct Place {
    std::uint32_t stream;
    std::uint64_t index;  // SRTP index
  };

  // Throws when the engine's packets are not libsrtp's.
  PacketSource(crypto::CryptoProvider& provider, const Conferences& conferences, std::size_t payload_bytes);

  // From the next packet on.
  void set_order(Order order);
  // Writes the next packets into buffers: whole frames with good checksums in the IP header, marked as checked by the port in UDP.
  void fill(std::span<dataplane::Packet* const> packets);
  // What the last fill wrote, in order.
  [[nodiscard]] const std::vector<Place>& places() const noexcept { return places_; }
  // Of the stream's last packet.
  [[nodiscard]] std::uint64_t newest(std::size_t stream) const noexcept { return next_[stream] - 1; }

  // Payload of a packet, for whoever checks.
  void expected_payload(std::size_t stream, std::uint64_t index, std::span<std::byte> out) const;

  [[nodiscard]] std::size_t frame_bytes() const noexcept { return kFrameHeaderBytes + kRtpHeaderBytes + payload_bytes_ + suite_.tag_bytes; }
  [[nodiscard]] std::size_t payload_bytes() const noexcept { return payload_bytes_; }
  [[nodiscard]] const crypto::SuiteInfo& suite() const noexcept { return suite_; }
  [[nodiscard]] std::size_t proved_packets() const noexcept { return proved_; }

 private:
  void write_headers(std::byte* frame, std::size_t stream) const;
  void write_rtp(std::byte* rtp, std::size_t stream, std::uint64_t index) const;
  void describe(crypto::Job& job, std::byte* rtp, Place place) const;
  void seal(std::span<crypto::Job> jobs);
  [[nodiscard]] Place next_place();
  void prove();
  void prove(std::size_t stream);

  const Conferences& conferences_;
  const crypto::SuiteInfo& suite_;
  const std::size_t payload_bytes_;
  KeyRing keys_;  // by stream
  std::unique_ptr<crypto::Engine> engine_;
  std::vector<std::byte> pattern_;
  std::vector<crypto::Job> jobs_;
  std::vector<std::uint32_t> order_;
  std::size_t cursor_ = 0;
  std::vector<std::uint64_t> next_;  // index by stream
  std::vector<Place> places_;
  std::size_t proved_ = 0;
};

// IV and operation of a job under this key.
void describe_job(crypto::Job& job, const crypto::SuiteInfo& suite, bool seal, const KeyRing::Key& key, std::uint32_t ssrc,
                  std::uint64_t index);

// Sends jobs through an engine and waits for all of them; throws unless every one ended well.
void run_jobs(crypto::Engine& engine, std::span<crypto::Job> jobs);

}  // namespace mediaward::bench
