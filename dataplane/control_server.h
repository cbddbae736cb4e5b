// SPDX-License-Identifier: Apache-2.0
// The data plane's end of the socket to its controller (abi/protocol.h): collects transactions for the core, answers queries, sends
// events. One controller at a time; a new connection is served when the old one is gone. Parses fixed-size structs only.
// Main thread: run() is its loop body; it blocks in poll, never spins.
#pragma once

#include <openssl/crypto.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/core.h"
#include "dataplane/learning.h"
#include "dataplane/memfd.h"

namespace mediaward::dataplane {

// What the data plane's main program knows of ports, CPUs and engines; drivers implement it. Headers are filled in by the server.
class InfoSource {
 public:
  virtual ~InfoSource() = default;
  virtual std::vector<abi::PortInfo> ports() = 0;
  virtual std::vector<abi::WorkerInfo> workers() = 0;  // cpu, NUMA node, idle policy, queues; the server adds the counters
  virtual std::vector<abi::EngineInfo> engines() = 0;
  virtual std::vector<abi::MemoryInfo> memory() = 0;   // pools; the server adds arena and state region
  virtual std::vector<abi::PlanLine> plan() = 0;
};

struct ControlServerSettings {
  std::string socket_path;
  std::uint32_t mode = 0660;
  std::string group;                                   // empty: the process' own
  std::function<std::uint64_t()> clock = {};           // what workers are run by; empty: the time stamp counter
};

// Memory that held keys is overwritten before it is given back.
template <typename T>
struct WipingAllocator {
  using value_type = T;
  [[nodiscard]] T* allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
  void deallocate(T* p, std::size_t n) noexcept {
    OPENSSL_cleanse(p, n * sizeof(T));
    std::allocator<T>().deallocate(p, n);
  }
  bool operator==(const WipingAllocator&) const noexcept = default;
};

class ControlServer {
 public:
  // Fails with a message that names the path when the socket cannot be made, or another live process serves it.
  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> create(Core& core, ControlServerSettings settings, InfoSource& info);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

  // Serves what arrives within timeout_ms (sooner when something goes on), then events, what goes on by itself, and retired memory.
  // Call again and again.
  void run(int timeout_ms);

  [[nodiscard]] bool connected() const noexcept { return static_cast<bool>(client_); }

 private:
  struct Transaction {
    std::uint64_t id = 0;
    TransactionOptions options;
    std::vector<Operation, WipingAllocator<Operation>> operations;
    std::optional<abi::BucketMove> move;      // these two are alone in their transaction
    std::optional<abi::PeerCommand> peer;
  };

  ControlServer(Core& core, ControlServerSettings settings, InfoSource& info, UniqueFd listener);
  void wait(int timeout_ms);
  void accept_client();
  void drop_client(const char* why);
  void read_client();
  void handle(ConstBytes message, UniqueFd fd);
  void hello(const abi::Hello& m, UniqueFd fd);
  void begin(const abi::Begin& m);
  void end(const abi::End& m);
  void finish_pending();
  void finish_moves();
  void answer(const Refusal& refusal, std::uint64_t id);
  void query(const abi::Query& m);
  std::vector<abi::WorkerInfo> worker_infos();
  std::vector<abi::MemoryInfo> memory_infos();
  std::vector<abi::StageInfo> stage_infos();
  std::vector<abi::NeighbourInfo> neighbour_infos();
  [[nodiscard]] std::uint64_t clock_ns() const;
  void take_events();
  void learn();
  void take_evidence();
  void send_events();
  void send_event(abi::EventMessage message);
  void watch_workers();
  void watch_links();

  template <typename T>
  void send(T message, abi::MessageType type, std::uint64_t id, std::span<const int> fds = {});
  template <typename T>
  void send_all(std::vector<T> messages, abi::MessageType type, std::uint64_t id);
  template <typename T>
  bool collect_operation(ConstBytes message);
  template <typename T>
  bool collect_single(ConstBytes message, std::optional<T> Transaction::* where);
  bool collect_content(ConstBytes message, const UniqueFd& fd);

  Core& core_;
  ControlServerSettings settings_;
  InfoSource& info_;
  UniqueFd listener_;
  UniqueFd client_;
  bool greeted_ = false;
  Learning learning_;
  const std::uint64_t boot_id_;
  std::unique_ptr<Transaction> open_;         // between Begin and End
  std::uint64_t pending_ = 0;                 // handed to the workers, not yet applied
  bool has_pending_ = false;
  std::uint64_t applied_ = 0;
  struct Watched {
    std::uint64_t loops = 0;
    std::uint64_t since_ns = 0;
    bool stalled = false;
    std::uint64_t events_lost = 0;
  };
  std::vector<WorkerEvent> contacts_;         // admitted addresses that were heard for the first time
  std::vector<Watched> watched_;
  std::vector<bool> link_up_;
  std::uint64_t next_link_check_ns_ = 0;
};

}  // namespace mediaward::dataplane
