// SPDX-License-Identifier: Apache-2.0
// The load of the path benchmarks: conferences of one shape, every key different. In each the first participants send one stream
// each and everyone hears everyone else: conferences of two are calls, one sender with many listeners is a fan-out.
// Participants and streams are numbered through all conferences; addresses, ports and keys follow from the number, so that 65,536 of
// them cost no memory here. Addresses are those of RFC 2544 §C.2.2 (benchmarking); keys are reproducible and worth nothing. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/suite.h"
#include "dataplane/core.h"

namespace mediaward::bench {

struct Shape {
  crypto::Suite suite = crypto::Suite::kAesCm128HmacSha1_80;
  std::size_t conferences = 32;
  std::size_t participants = 2;  // of each conference
  std::size_t senders = 2;       // of each conference
  abi::ForwardingMode mode = abi::ForwardingMode::kPerParticipantKeys;
  bool gateway = false;     // participants are reached through one next hop; otherwise each is one
  bool huge_pages = false;  // key memory from hugetlbfs where there is any
};

// 32 conferences of two: 64 streams, 128 keys.
[[nodiscard]] Shape calls(crypto::Suite suite);
// So many conferences of two, behind a gateway.
[[nodiscard]] Shape many_calls(crypto::Suite suite, std::size_t streams);
// Two conferences in each of which one participant is heard by `receivers` others.
[[nodiscard]] Shape fan_out(crypto::Suite suite, std::size_t receivers, abi::ForwardingMode mode);

// How long transactions took, in ticks of the time stamp counter: main thread and worker one after the other; and the longest loop of the
// worker meanwhile, which is how long forwarding stands still for them.
struct ApplyTicks {
  std::uint64_t all = 0, longest_loop = 0;
};

struct Endpoint {
  std::uint32_t local_address = 0, remote_address = 0;  // host order
  std::uint16_t local_port = 0, remote_port = 0;
};

class Conferences {
 public:
  static constexpr std::size_t kMaxParticipants = 65536;

  // Throws when the shape has no stream, or more participants than there are addresses.
  explicit Conferences(const Shape& shape);

  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] const crypto::SuiteInfo& suite() const noexcept { return *crypto::find_suite(shape_.suite); }
  [[nodiscard]] bool group() const noexcept { return shape_.mode == abi::ForwardingMode::kGroupKey; }

  [[nodiscard]] std::size_t participants() const noexcept { return shape_.conferences * shape_.participants; }
  [[nodiscard]] std::size_t streams() const noexcept { return shape_.conferences * shape_.senders; }
  [[nodiscard]] std::size_t receivers() const noexcept { return shape_.participants - 1; }  // of each stream
  // The participant that sends a stream, and the first that hears it.
  [[nodiscard]] std::size_t sender(std::size_t stream) const noexcept {
    return stream / shape_.senders * shape_.participants + stream % shape_.senders;
  }
  [[nodiscard]] std::size_t listener(std::size_t stream) const noexcept;
  [[nodiscard]] std::size_t conference(std::size_t participant) const noexcept { return participant / shape_.participants; }

  [[nodiscard]] static std::uint32_t ssrc(std::size_t stream) noexcept { return 0x10000001u + static_cast<std::uint32_t>(stream); }
  [[nodiscard]] static std::size_t stream_of(std::uint32_t ssrc) noexcept { return ssrc - 0x10000001u; }  // huge for others
  [[nodiscard]] Endpoint endpoint(std::size_t participant) const noexcept;
  // The participant whom the appliance serves at this address and port; huge for others.
  [[nodiscard]] static std::size_t participant_at(std::uint32_t local_address, std::uint16_t local_port) noexcept;

  // Key and salt in one, as libsrtp wants them: what the participant seals with, and what is sealed for it.
  using Master = std::vector<std::uint8_t>;
  [[nodiscard]] Master receive_key(std::size_t participant) const;
  [[nodiscard]] Master send_key(std::size_t participant) const;

  // Applies everything to a core, in transactions of bounded size; runs its only worker meanwhile. Throws what the core refuses.
  ApplyTicks apply(dataplane::Core& core) const;
  // One port, one worker, burst 32, limits that reach. Owns `io` afterwards.
  [[nodiscard]] dataplane::CoreSettings settings(std::unique_ptr<dataplane::PacketIo> io) const;

 private:
  void add_conference(std::size_t number, std::vector<dataplane::Operation>& to) const;

  const Shape shape_;
};

inline constexpr std::uint32_t kLocalAddress = 0xc6120001;  // 198.18.0.1 and the three above it
inline constexpr dataplane::MacAddress kApplianceMac{std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
inline constexpr dataplane::MacAddress kPeerMac{std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{16}};

}  // namespace mediaward::bench
