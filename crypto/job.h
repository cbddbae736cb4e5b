// SPDX-License-Identifier: Apache-2.0
// One unit of cryptographic work: a whole packet opened or sealed.
// The engine runs all passes of a transform itself, so that a chained accelerator needs one round trip only, and no job comes back
// with plaintext that is not authentic. How differs: AES-CM on the CPU compares the tag first and decrypts the survivors only; AES-GCM
// decrypts on the way to its tag and takes back what came out under a wrong one, before the job is done; a crypto device works in a
// buffer of the engine's own, and only what is authentic is copied out of it.
// A Job owns nothing: the caller keeps key and buffers alive until the job comes back from Engine::poll.
// Worker thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/job_op.h"

namespace mediaward::crypto {

enum class JobStatus : std::uint8_t {
  kPending = 0,
  kOk,
  kAuthFailed,   // the tag did not match: bytes are as they were, so that another key or index may be tried; what a GCM open out of place
                 // wrote is destroyed. (A device may destroy what it opened in place as well: then a further try fails.)
  kEngineError,  // the engine could not do it (lengths out of range, device fault): nothing may be sent or delivered
};

// Prepared key, laid out by the provider that made it (CryptoProvider::expand).
struct KeyContext;

// A place in a table, and who was there: when the generation moved on, it is somebody else's by now.
struct Handle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  bool operator==(const Handle&) const noexcept = default;
};

struct Segment {
  std::byte* src;
  std::byte* dst;
  std::uint32_t bytes;
};

// Contract on buffers
//  - The cipher runs over [src, src+bytes) into [dst, dst+bytes); src == dst is in place, otherwise they do not overlap.
//    bytes may be 0 (RTP without payload). `more` names further segments in order; total ≤ kMaxJobBytes.
//  - The additional authenticated data (RTP header, CSRCs, extension) is [aad, aad+aad_bytes). For CM and NULL operations it lies
//    directly in front of the ciphertext: aad + aad_bytes == src (open) or == dst (seal).
//  - CM and NULL: `roc` (host order) is appended to the authenticated portion (RFC 3711 §4.2). The engine may overwrite the
//    4 bytes behind the last ciphertext byte while it works and puts them back; they must be readable and writable.
//  - Tag: read from `tag` (open) or written to `tag` (seal), exactly tag_bytes (4 to 16). Usually right behind the ciphertext.
//  - The check operations only read: dst is not looked at by kGcm*Check, and is src for kNullOpen used as the check of a CM suite.
//    kNullOpen and kNullSeal take the key context of any suite with HMAC-SHA1 (also unencrypted SRTCP, RFC 4568 §6.3.2).
//  - SRTCP (RFC 3711 §3.4): CM and NULL have the 8-byte header as AAD and the E flag with the index as `roc`, which lies behind the
//    ciphertext anyway; GCM has header, E flag and index as AAD, anywhere in memory, or all of the packet when it is not encrypted.
//  - iv: 16 bytes; CM uses all 16 as the first counter block, whose last two bytes are 0 (RFC 3711 §4.1.1); GCM the first 12.
//  - aad_bytes ≤ 16384, and ≤ 2028 for CM jobs of several segments. What is out of these bounds ends as kEngineError, untouched.
inline constexpr std::uint32_t kMaxJobBytes = 16 * 1024 + 512;

struct alignas(64) Job {
  JobOp op = JobOp::kCm128Open;
  JobStatus status = JobStatus::kPending;
  std::uint8_t tag_bytes = 0;
  std::uint8_t service = 0;  // whose job this is; the engine does not look
  std::uint32_t roc = 0;
  const KeyContext* key = nullptr;
  std::byte* src = nullptr;
  std::byte* dst = nullptr;
  std::uint32_t bytes = 0;
  std::uint16_t aad_bytes = 0;
  std::uint16_t more_count = 0;
  const std::byte* aad = nullptr;
  std::byte* tag = nullptr;
  const Segment* more = nullptr;
  // second cache line
  alignas(16) std::byte iv[16];

  // What a new job begins with, in two stores rather than seven: that is what making one costs.
  void begin(JobOp what, std::uint8_t tag_length, std::uint32_t length, std::uint16_t aad_length, std::uint32_t roc_or_word) noexcept {
    const std::uint64_t terms = static_cast<std::uint64_t>(what) | std::uint64_t{tag_length} << 16 | std::uint64_t{roc_or_word} << 32;
    const std::uint64_t lengths = length | std::uint64_t{aad_length} << 32;
    std::memcpy(reinterpret_cast<std::byte*>(this), &terms, sizeof terms);
    std::memcpy(reinterpret_cast<std::byte*>(this) + offsetof(Job, bytes), &lengths, sizeof lengths);
  }
};
static_assert(sizeof(Job) == 128 && static_cast<int>(JobStatus::kPending) == 0);
static_assert(offsetof(Job, status) == 1 && offsetof(Job, tag_bytes) == 2 && offsetof(Job, roc) == 4);
static_assert(offsetof(Job, aad_bytes) == offsetof(Job, bytes) + 4 && offsetof(Job, more_count) == offsetof(Job, bytes) + 6);

}  // namespace mediaward::crypto
