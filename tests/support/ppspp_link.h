// SPDX-License-Identifier: Apache-2.0
// A network in memory for PpsppPeers: delivers by endpoint after a delay, and loses, doubles and delays datagrams as told and by seed.
// Time is simulated and jumps to whatever is due next. Tests only; one thread.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "tools/ppspp/peer.h"

namespace mediaward::test {

struct Impairment {
  double loss = 0, duplicate = 0, reorder = 0;  // shares of datagrams
  double corrupt = 0;                           // of which a byte is another, and some are cut short
  std::uint64_t delay_us = 5000, late_us = 20000;
};

class PpsppLink {
 public:
  explicit PpsppLink(Impairment impairment = {}, std::uint64_t seed = 1) : impairment_(impairment), random_(seed) {}

  tools::ppspp::PpsppPeer& add(tools::ppspp::PeerSettings settings) {
    peers_.push_back(std::make_unique<tools::ppspp::PpsppPeer>(std::move(settings)));
    return *peers_.back();
  }
  // True as soon as `done`; false when it is not within so much more time.
  bool run_until(const std::function<bool()>& done, std::uint64_t limit_us = 120'000'000) {
    const std::uint64_t end = now_ + limit_us;
    while (!done()) {
      collect();
      if (done()) return true;
      const std::uint64_t next = next_event();
      if (next > end) {
        now_ = end;
        return false;
      }
      now_ = std::max(now_, next);
      deliver();
    }
    return true;
  }
  void run_for(std::uint64_t us) {
    (void)run_until([] { return false; }, us);
  }
  [[nodiscard]] std::uint64_t now() const { return now_; }

  std::function<void(const tools::ppspp::Datagram&)> on_send;  // sees each before it may get lost

 private:
  bool chance(double share) { return share > 0 && std::uniform_real_distribution<>(0, 1)(random_) < share; }
  void corrupt(tools::ppspp::Blob& payload) {
    payload[random_() % payload.size()] = static_cast<std::byte>(random_());
    if (random_() % 4 == 0) payload.resize(random_() % payload.size());
  }
  void collect() {
    for (const auto& peer : peers_) {
      if (peer->next_due_us() > now_) continue;
      for (tools::ppspp::Datagram& d : peer->poll(now_)) {
        if (on_send) on_send(d);
        if (chance(impairment_.loss)) continue;
        if (chance(impairment_.corrupt)) corrupt(d.payload);
        const std::uint64_t late = chance(impairment_.reorder) ? impairment_.late_us : 0;
        flying_.emplace(now_ + impairment_.delay_us + late, d);
        if (chance(impairment_.duplicate)) flying_.emplace(now_ + impairment_.delay_us + 1, d);
      }
    }
  }
  [[nodiscard]] std::uint64_t next_event() const {
    std::uint64_t next = flying_.empty() ? ~std::uint64_t{0} : flying_.begin()->first;
    for (const auto& peer : peers_) next = std::min(next, std::max(peer->next_due_us(), now_ + 1));
    return next;
  }
  void deliver() {
    while (!flying_.empty() && flying_.begin()->first <= now_) {
      const auto d = flying_.extract(flying_.begin()).mapped();
      for (const auto& peer : peers_)
        if (peer->settings().local == d.to) peer->handle(now_, d.from, d.payload);
    }
  }

  Impairment impairment_;
  std::mt19937_64 random_;
  std::uint64_t now_ = 1'000'000;
  std::vector<std::unique_ptr<tools::ppspp::PpsppPeer>> peers_;
  std::multimap<std::uint64_t, tools::ppspp::Datagram> flying_;
};

}  // namespace mediaward::test
