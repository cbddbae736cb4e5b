// SPDX-License-Identifier: Apache-2.0
// The resting half of the worker loop: the system calls of the idle policies. Worker thread.
#include "drivers/worker_loop.h"

#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <sched.h>
#include <time.h>

#include <algorithm>

namespace mediaward::drivers {

using dataplane::IdlePolicy;

void Idler::begin() noexcept {
  if (policy() != IdlePolicy::kInterrupt) return;
  for (const auto& [port_id, queue] : settings_.interrupt_queues)
    if (rte_eth_dev_rx_intr_ctl_q(port_id, queue, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, nullptr) != 0)
      policy_.store(IdlePolicy::kSleep, std::memory_order_relaxed);
}

void Idler::end() noexcept {
  if (policy() != IdlePolicy::kInterrupt) return;
  for (const auto& [port_id, queue] : settings_.interrupt_queues)
    rte_eth_dev_rx_intr_ctl_q(port_id, queue, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL, nullptr);
}

void Idler::yield() noexcept { sched_yield(); }

// Doubles from 1/8 of the longest rest, so that the first packet after a short gap waits little.
void Idler::sleep() noexcept {
  const std::uint32_t step = std::min<std::uint32_t>((empty_loops_ - kEmptyLoopsBeforeRest) / 8, 3);
  const timespec rest{0, static_cast<long>(std::max(settings_.sleep_us >> (3 - step), 1u)) * 1000};
  nanosleep(&rest, nullptr);
}

void Idler::arm() noexcept {
  for (const auto& [port_id, queue] : settings_.interrupt_queues) rte_eth_dev_rx_intr_enable(port_id, queue);
}

void Idler::disarm() noexcept {
  for (const auto& [port_id, queue] : settings_.interrupt_queues) rte_eth_dev_rx_intr_disable(port_id, queue);
}

void Idler::wait() noexcept {
  rte_epoll_event event{};
  rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, static_cast<int>(kInterruptWaitMs));
}

}  // namespace mediaward::drivers
