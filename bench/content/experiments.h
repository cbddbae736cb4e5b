// SPDX-License-Identifier: Apache-2.0
// The experiments of bench_content: what each compares and which rows come of it. One thread, pinned by main.cc.
#pragma once

#include "bench/path/results.h"
#include "crypto/hash.h"

namespace mediaward::bench {

// What every experiment is given.
struct ContentBench {
  crypto::CryptoProvider& media;  // the appliance's engine
  crypto::HashProvider& hashes;   // what the appliance chooses
  Rounds rounds;
  bool quick = false;  // only the figures that were promised
  double ticks_per_ns = 0;
  Results& results;
};

// Whole trees: through ours against an EVP_Digest per node; every instruction set's kernels beside each other.
void run_trees(ContentBench& bench);
// A content that is fetched, against the bare kernels; hash calls; where the cycles go.
void run_fetching(ContentBench& bench);
// A content served to peers that acknowledge at once, and one that passes through a guard.
void run_serving(ContentBench& bench);
// Media and content in one worker, against each alone.
void run_sharing(ContentBench& bench);
// A HANDSHAKE among 100,000 admissions and 10,000 swarms, against 100 and 10.
void run_admissions(ContentBench& bench);
// Bytes: of the tree per chunk, of a content, a peer, a channel.
void run_memory(ContentBench& bench);

}  // namespace mediaward::bench
