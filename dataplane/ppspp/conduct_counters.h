// SPDX-License-Identifier: Apache-2.0
// What a worker counts of one peer in one swarm, for conduct.h to judge by: four lines of plain words with one writer.
// Workers count and never judge; the main thread takes a snapshot when it likes. What each word means exactly is the contract between
// the two: an honest peer is judged honest only if a chunk that need not be answered is not counted as unanswered.
#pragma once

#include <cstdint>

#include "dataplane/ppspp/single_writer.h"

namespace mediaward::dataplane::ppspp {

// Chunks, bytes and messages grow only; words marked "now" go both ways. Times are ticks; 0 is "never" or "none".
//
// Requests: a chunk asked of this peer counts in `requested` once, however often the REQUEST is repeated to it, and ends in exactly one
// of delivered_ok, timed_out and cancelled. The one exception is a chunk that comes after it was given up: it is in timed_out, in
// delivered_ok and in late.
struct alignas(64) PeerConduct {
  std::uint64_t claimed_chunks = 0;  // HAVE: chunks it has ever announced
  std::uint64_t requested = 0;       // chunks asked of it, each of which it had announced
  std::uint64_t repeated = 0;        // REQUESTs for chunks that were in `requested` already
  std::uint64_t delivered_ok = 0;    // verified, asked of it, and the first copy
  std::uint64_t late = 0;            // of delivered_ok: after they were in timed_out
  std::uint64_t timed_out = 0;       // given up at this peer, after its repeats; once, even if it is asked of it again (that is `repeated`)
  std::uint64_t cancelled = 0;       // need no answer any more: CHOKE, CANCEL, our own HAVE, a close, a new channel
  std::uint64_t bad = 0;             // asked of it, and does not belong to the content: data or hashes of this peer are wrong

  std::uint64_t unverifiable = 0;  // hashes were missing: no fault (RFC 7574 §5.3: may be lost)
  std::uint64_t unrequested = 0;   // dropped before hashing
  std::uint64_t duplicate = 0;     // of chunks that are held already
  std::uint64_t integrity_messages = 0;
  std::uint64_t data_messages = 0;   // of any kind
  std::uint64_t bytes_in_ok = 0;     // content of delivered_ok
  std::uint64_t bytes_in_other = 0;  // content of all other DATA
  std::uint64_t bytes_out = 0;       // content sent to it

  std::uint64_t acked_to_us_chunks = 0;  // distinct chunks that it acknowledged to us (ACK: verified and stored, RFC 7574 §3.4)
  std::uint64_t acked_to_us_bytes = 0;   // of those that were sent to it
  // now: of acked_to_us_chunks, those that it cannot have from us, that it may provide, and has not announced; HAVE may come behind ACK.
  // What was sent to it is not among them: who sends ACK and no HAVE to the sender, or to who has everything, hides nothing (§3.2).
  std::uint64_t acked_unclaimed = 0;
  std::uint64_t requested_though_claimed = 0;  // of requested_of_us: it had announced them
  std::uint64_t requested_of_us = 0;           // chunks it asked of us
  std::uint64_t chokes = 0;
  std::uint64_t choked = 0;  // now: 1 while it chokes us
  std::uint64_t keep_alives = 0;
  std::uint64_t datagrams_unanswered = 0;  // now: sent since it was last heard

  std::uint64_t audits_issued = 0;             // of requested: claimed chunks chosen at random
  std::uint64_t audits_answered = 0;           // of delivered_ok
  std::uint64_t audits_missed = 0;             // of timed_out
  std::uint64_t oldest_outstanding_ticks = 0;  // now: when the oldest chunk was first asked for that is not answered, given up or cancelled
  std::uint64_t last_heard_ticks = 0;          // now: any datagram on its channel that was in order
  std::uint64_t rtt_ticks = 0;                 // now: smoothed
  std::uint64_t outstanding = 0;               // now: chunks asked for that have not ended in any way

  // Main thread: every word as of about now.
  [[nodiscard]] PeerConduct snapshot() const noexcept;
};
static_assert(sizeof(PeerConduct) == 256);

}  // namespace mediaward::dataplane::ppspp
