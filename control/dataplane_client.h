// SPDX-License-Identifier: Apache-2.0
// The connection to mediaward-dataplane: connects, greets, resynchronises, sends transactions and queries, hands out events, keeps
// the state region's descriptor so that a restarted data plane gets it back, and reconnects with growing pauses.
// One thread of its own (the loop) owns the socket; transact and query are called by any other thread and wait for their answer.
// It knows nothing of the desired state: what to send comes through Handlers.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/content_file.h"
#include "control/reconcile.h"
#include "control/regions.h"
#include "control/seqpacket.h"

namespace mediaward::control {

struct DataplaneOptions {
  std::string socket_path = "/run/mediaward/dataplane.sock";
  std::chrono::milliseconds transaction_timeout{5000};
  std::chrono::milliseconds hello_timeout{5000};
  std::chrono::milliseconds reconnect_min{50}, reconnect_max{1000};
  std::string content_directory{};  // where files of swarms' content lie; empty: there are none
};

struct DataplaneInfo {
  bool ready = false;  // greeted and resynchronised
  std::uint64_t boot_id = 0;
  std::string release;
  bool state_adopted = false;
  std::uint32_t workers = 0, max_legs = 0, max_streams = 0;
  std::uint64_t applied_transaction = 0;
  std::uint64_t sync_transaction = 0;  // id of the last resynchronisation sent, 0 none
  std::uint64_t connections = 0;
  std::string last_error;
};

// Why a transaction is not known to be applied.
struct Nack {
  Error error;
  bool has_operation = false;  // operation_index counts the plan's messages
  std::uint32_t operation_index = 0;
  std::uint64_t object_id = 0;
  std::string field;
  std::uint64_t transaction_id = 0;
  bool outcome_unknown = false;  // it may have been applied; the connection is dropped and the next greeting tells
};
using TransactResult = tl::expected<std::uint64_t, Nack>;  // transaction id

class DataplaneClient {
 public:
  struct Handlers {                                                  // all on the loop thread, no lock held
    std::function<Plan(const DataplaneInfo& greeted)> plan_sync;     // what the data plane must hear before it is used
    std::function<void(const TransactResult& result)> synchronized;  // result 0: there was nothing to send
    std::function<void(const std::string& reason)> lost;
    std::function<void(const abi::EventMessage& event)> event;
    std::function<void(const abi::EvidenceMessage& evidence)> evidence{};
    std::function<void(const std::string& swarm_id, const std::string& why)> content_unreadable{};  // behind lost
  };

  DataplaneClient(DataplaneOptions options, Handlers handlers);
  ~DataplaneClient();
  DataplaneClient(const DataplaneClient&) = delete;
  DataplaneClient& operator=(const DataplaneClient&) = delete;

  [[nodiscard]] Result<void> start();
  void stop();  // joins; everything that waits gets kUnavailable

  [[nodiscard]] TransactResult transact(const Plan& plan, bool dry_run);
  [[nodiscard]] Result<std::vector<Datagram>> query(abi::QueryKind kind, std::uint64_t object_id = 0);

  [[nodiscard]] DataplaneInfo info() const;
  [[nodiscard]] std::shared_ptr<const StatsRegion> stats() const;  // null before the first greeting
  [[nodiscard]] std::shared_ptr<const StateRegion> state() const;
  [[nodiscard]] std::uint64_t beats() const noexcept { return beats_.load(std::memory_order_relaxed); }  // moves while the loop lives
  [[nodiscard]] const DataplaneOptions& options() const noexcept { return options_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase : std::uint8_t { kDown, kGreeting, kSyncing, kReady };
  struct Pending {
    bool done = false;
    TransactResult result = 0;
    std::vector<Datagram> messages;
  };

  struct Outgoing {
    SecretBuffer bytes;
    std::shared_ptr<const SwarmContent> content{};  // goes beside it
  };

  void run();
  void connect();
  void disconnect(const std::string& reason);
  void receive_all();
  [[nodiscard]] Result<void> handle(Datagram& datagram);
  [[nodiscard]] Result<void> handle_hello(Datagram& datagram);
  [[nodiscard]] Result<void> handle_reply(const Datagram& datagram);
  [[nodiscard]] Result<void> handle_query_message(Datagram& datagram);
  void begin_sync();
  void finish_sync(const TransactResult& result);
  void flush();
  [[nodiscard]] bool copy_content(const Outgoing& message);  // true: copy_ is ready to be sent
  void check_deadline();
  [[nodiscard]] int poll_timeout_ms() const;
  void enqueue(std::uint64_t id, const Plan& plan, bool dry_run);  // lock held
  void fail_all(const std::string& reason);                        // lock held
  void wake() noexcept;

  // Longer for many objects, and where content must be copied and checked.
  [[nodiscard]] std::chrono::milliseconds time_for(const Plan& plan) const;

  const DataplaneOptions options_;
  const Handlers handlers_;
  std::thread thread_;
  UniqueFd wake_;
  std::atomic<std::uint64_t> beats_{0};

  // Loop thread only.
  std::optional<SeqpacketSocket> socket_;
  Phase phase_ = Phase::kDown;
  Clock::time_point deadline_{}, retry_at_{};
  std::chrono::milliseconds backoff_;
  UniqueFd state_fd_;
  std::uint64_t sync_id_ = 0;
  bool blocked_ = false;             // the socket took no more
  std::deque<Outgoing> sending_;     // taken from outgoing_
  std::optional<ContentCopy> copy_;  // of the first of sending_, under way or done

  mutable std::mutex mutex_;
  std::condition_variable answered_;
  bool stop_ = false;
  std::string drop_reason_;  // not empty: the loop shall drop the connection
  std::deque<Outgoing> outgoing_;
  std::map<std::uint64_t, std::shared_ptr<Pending>> pending_;
  std::uint64_t next_id_ = 1;
  DataplaneInfo info_;
  std::shared_ptr<const StatsRegion> stats_;
  std::shared_ptr<const StateRegion> state_;
};

}  // namespace mediaward::control
