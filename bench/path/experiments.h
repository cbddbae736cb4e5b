// SPDX-License-Identifier: Apache-2.0
// The experiments of bench_path: what each compares and which rows come of it. One thread, pinned by main.cc.
#pragma once

#include <string>

#include "bench/path/results.h"
#include "crypto/suite.h"

namespace mediaward::bench {

// Calls of two: the pipeline against its engine and ipsec-mb alone, OpenSSL and libsrtp.
void run_calls(Bench& bench);
// One sender, 1 to 128 receivers: what a further one costs, each under its own key or all under one.
void run_fan_out(Bench& bench);
// 64 to 65,536 streams, visited in turn and in random order.
void run_streams(Bench& bench);
// Every suite by payload size. Full runs only.
void run_suites(Bench& bench);

// "cm128", "gcm256", "cm128_32": how rows call a suite.
[[nodiscard]] std::string short_name(crypto::Suite suite);

}  // namespace mediaward::bench
