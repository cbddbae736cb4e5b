// SPDX-License-Identifier: Apache-2.0
// See self_test_run.h. Main thread.
#include "crypto/self_test_run.h"

#include <vector>

namespace mediaward::crypto::self_test_run {
namespace {

constexpr std::size_t kMaxPolls = 1 << 20;  // an engine that does not answer by then has failed

}  // namespace

bool run_jobs(Engine& engine, std::span<Job> jobs, JobOp op) {
  std::vector<Job*> todo;
  for (Job& job : jobs) {
    job.op = op;
    job.status = JobStatus::kPending;
    todo.push_back(&job);
  }
  std::vector<Job*> done(jobs.size());
  std::size_t taken = 0;
  std::size_t back = 0;
  for (std::size_t polls = 0; back < jobs.size() && polls < kMaxPolls; ++polls) {
    taken += engine.submit(std::span<Job* const>(todo).subspan(taken));
    back += engine.poll(std::span<Job*>(done).subspan(back));
  }
  return back == jobs.size();
}

}  // namespace mediaward::crypto::self_test_run
