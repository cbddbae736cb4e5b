// SPDX-License-Identifier: Apache-2.0
// Starts and ends EAL, launches worker lcores, removes EAL's runtime directory afterwards (its name carries the process id, so
// nobody else would ever reuse it). Main thread.
#include "drivers/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

namespace mediaward::drivers {
namespace {

bool eal_was_started = false;  // EAL cannot be started twice in one process, not even after its clean-up

int run_body(void* body) {
  (*static_cast<std::function<void()>*>(body))();
  return 0;
}

Error refused(int error, const std::vector<std::string>& arguments) {
  std::string text;
  for (const auto& argument : arguments) text += " " + argument;
  return {ErrorCode::kUnavailable, std::string("DPDK's EAL did not start (") + rte_strerror(error) + ") with:" + text};
}

}  // namespace

Result<Eal> Eal::start(const EalSettings& settings) {
  if (std::exchange(eal_was_started, true)) return fail(ErrorCode::kInternal, "EAL was already started in this process");
  signal(SIGPIPE, SIG_IGN);  // the virtio-user PMD writes to its socket when the peer has gone
  std::vector<std::string> arguments = eal_arguments(settings);
  std::vector<std::string> copy = arguments;  // rte_eal_init reorders and keeps pointers until it returns
  std::vector<char*> argv;
  for (auto& argument : copy) argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) return tl::unexpected<Error>(refused(rte_errno, arguments));
  Eal eal;
  eal.active_ = true;
  eal.hugepages_ = settings.hugepages;
  eal.file_prefix_ = settings.file_prefix;
  return eal;
}

Eal::Eal(Eal&& other) noexcept
    : active_(std::exchange(other.active_, false)), hugepages_(other.hugepages_), file_prefix_(std::move(other.file_prefix_)) {}

Eal::~Eal() {
  if (!active_) return;
  join_workers();
  const std::filesystem::path directory = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  std::error_code ignored;
  if (directory.filename() == file_prefix_) std::filesystem::remove_all(directory, ignored);
}

Result<void> Eal::launch(std::size_t index, std::function<void()>& body) {
  const int status = rte_eal_remote_launch(run_body, &body, static_cast<unsigned>(index + 1));
  if (status != 0) return fail(ErrorCode::kInternal, "worker " + std::to_string(index) + " cannot be launched: " + rte_strerror(-status));
  return {};
}

// rte_eal_mp_wait_lcore spins, and would take half of a CPU that a worker shares with the caller.
void Eal::join_workers() noexcept {
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) {
    while (rte_eal_get_lcore_state(lcore) == RUNNING) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  rte_eal_mp_wait_lcore();
}

}  // namespace mediaward::drivers
