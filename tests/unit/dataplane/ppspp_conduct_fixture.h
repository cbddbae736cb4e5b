// SPDX-License-Identifier: Apache-2.0
// One peer whose counters a test writes as a worker would, second by second, and what the judge says of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "dataplane/ppspp/conduct.h"

namespace mediaward::test {

using namespace dataplane::ppspp;

inline constexpr std::uint64_t kHz = 1'000'000;
inline constexpr std::uint64_t kPeer = 17;

class PpsppConduct : public ::testing::Test {
 protected:
  void SetUp() override {
    counts_.claimed_chunks = 1000;
    heard();
    look();
  }
  void heard() { counts_.last_heard_ticks = now_; }
  Assessment look() {
    const std::size_t before = findings_.size();
    const Assessment a = judge_.assess(kPeer, counts_, now_, findings_);
    for (std::size_t i = before; i < findings_.size(); ++i) EXPECT_EQ(findings_[i].peer, kPeer);
    return a;
  }
  // Seconds go by, with a look at each; `each` says what happens in one.
  template <typename F>
  Assessment seconds(unsigned n, F&& each) {
    Assessment a;
    for (unsigned i = 0; i < n; ++i) {
      now_ += kHz;
      each();
      a = look();
    }
    return a;
  }
  Assessment alive(unsigned n) {
    return seconds(n, [this] { heard(); });
  }
  Assessment silent(unsigned n) {
    return seconds(n, [] {});
  }
  void ask(std::uint64_t chunks) { counts_.requested += chunks; }
  void deliver(std::uint64_t chunks) {
    counts_.delivered_ok += chunks;
    counts_.data_messages += chunks;
    counts_.bytes_in_ok += chunks * 1024;
    heard();
  }
  [[nodiscard]] std::size_t found(Verdict verdict) const {
    return static_cast<std::size_t>(
        std::count_if(findings_.begin(), findings_.end(), [&](const Finding& f) { return f.verdict == verdict; }));
  }
  [[nodiscard]] const Finding& last(Verdict verdict) const {
    return *std::find_if(findings_.rbegin(), findings_.rend(), [&](const Finding& f) { return f.verdict == verdict; });
  }
  void policy(const ConductPolicy& p) { judge_.set_policy(p); }

  ConductPolicy defaults_;
  ConductJudge judge_{defaults_, kHz};
  PeerConduct counts_;
  std::uint64_t now_ = 500 * kHz;
  std::vector<Finding> findings_;
};

}  // namespace mediaward::test
