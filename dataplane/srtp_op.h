// SPDX-License-Identifier: Apache-2.0
// The units of work of the SRTP service: what of a packet must survive until its job comes back from the crypto engine.
// Pools of fixed size, one per worker; nothing here allocates after construction. The worker's own thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/job.h"
#include "dataplane/packet.h"
#include "dataplane/tables.h"

namespace mediaward::dataplane {

// A packet of the SRTP lane: classified, nothing parsed behind UDP yet.
struct SrtpItem : Datagram {
  Packet* packet = nullptr;
  union {
    const LegRx* const* place = nullptr;  // where its leg stands in the flow table, until the leg has been looked up
    const LegRx* leg;
  };
};

// A packet that seal jobs read from, until the last of them is done.
struct SealSource {
  Packet* packet = nullptr;                // nullptr once it was sealed in place for a group
  std::uint32_t refs = 0;                  // seal jobs, and whoever is making them
};

// An authentic packet in the clear, while seal jobs are made from it.
struct Plaintext {
  SealSource* source = nullptr;
  std::byte* data = nullptr;               // first byte of the RTP or RTCP header
  std::uint32_t bytes = 0;                 // behind the header: RTP payload, or RTCP beyond its first 8 bytes
  std::uint16_t header_bytes = 0;
  bool rtcp = false;
  std::uint64_t index = 0;                 // SRTP: 48-bit packet index as received
  crypto::WideWindow* const* windows = nullptr;  // of the receivers, where their states do not hold as much as the replay window does
};

// A job with what the service must know when it comes back.
struct SrtpOp : crypto::Job {
  const StreamRx* stream = nullptr;        // open: nullptr for an SSRC that nobody has announced; seal, for a group: whose copies get it
  Packet* packet = nullptr;                // open: the received packet, decrypted in place; seal: the outgoing packet
  union {
    const LegRx* leg = nullptr;            // open. Retired legs live until jobs in flight have drained
    SealSource* source;                    // seal
  };
  union {
    std::uint64_t index = 0;               // open: estimated packet index, or SRTCP index
    const LegTx* to;                       // seal, unless it is for a group: the receiver's side it goes to, RTP's or RTCP's
  };
  union {
    std::uint64_t marks = 0;               // all of these, to be cleared in one store
    struct {
      std::uint8_t epoch;                  // which half of the in-flight count it belongs to
      std::uint8_t key_index;              // open: which of the leg's keys
      std::uint8_t tries;
      bool rtcp;
      bool learn;                          // open: from an address that is not in force
      union {
        bool counts_use;                   // open: LegRx::counts_use
        bool group;                        // seal: goes to all copies of `stream`
      };
      bool encrypted;                      // open, SRTCP: E = 1
      bool moved;                          // open, SRTCP with E = 0 under GCM: index word moved in front of the tag
    };
  };
  std::uint32_t datagram_bytes = 0;        // open: UDP payload as received
  std::uint32_t changes = 0;               // WorkerTables::changes when `stream` or `to` was looked up
  std::array<std::byte, 16> scratch{};     // SRTCP under GCM: associated data, or the tag

  // Open: the first byte of the UDP payload.
  [[nodiscard]] std::byte* start() const noexcept { return rtcp && !moved ? src - kRtcpHeaderBytes : src - aad_bytes; }
  [[nodiscard]] std::uint32_t ssrc() const noexcept { return load_be32(start() + (rtcp ? 4 : 8)); }

 private:
  static constexpr std::size_t kRtcpHeaderBytes = 8;
};
static_assert(sizeof(SrtpOp) == 192);

// What sealing for a receiver looks at, beside his key.
inline void prefetch_receiver(const FanoutEntry& to) noexcept {
  prefetch(to.state);
  prefetch(to.leg);
  prefetch(to.leg->header + 32);  // the second line
}

// A list with room for a fixed number of pointers, which its users never exceed: as many as there are objects.
template <typename T>
class FixedList {
 public:
  explicit FixedList(std::size_t n) : items_(n) {}
  void push_back(T* item) noexcept { items_[count_++] = item; }
  void clear() noexcept { count_ = 0; }
  void erase_front(std::size_t n) noexcept {
    std::copy(items_.begin() + static_cast<std::ptrdiff_t>(n), items_.begin() + static_cast<std::ptrdiff_t>(count_), items_.begin());
    count_ -= n;
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] T* operator[](std::size_t i) const noexcept { return items_[i]; }
  [[nodiscard]] std::span<T* const> span() const noexcept { return {items_.data(), count_}; }

 private:
  std::vector<T*> items_;
  std::size_t count_ = 0;
};

// A fixed number of objects, handed out last in, first out, so that the same few stay in cache.
template <typename T>
class Pool {
 public:
  explicit Pool(std::size_t n) : objects_(n), free_(n), count_(n) {
    for (std::size_t i = 0; i < n; ++i) free_[i] = &objects_[n - 1 - i];
  }
  [[nodiscard]] T* take() noexcept { return count_ != 0 ? free_[--count_] : nullptr; }
  void give_back(T* object) noexcept { free_[count_++] = object; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

 private:
  std::vector<T> objects_;
  std::vector<T*> free_;
  std::size_t count_;
};

}  // namespace mediaward::dataplane
