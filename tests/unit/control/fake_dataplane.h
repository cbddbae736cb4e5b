// SPDX-License-Identifier: Apache-2.0
// A data plane without packets for tests of the control side: listens on a SEQPACKET socket, keeps the objects it was told of,
// answers transactions and queries, and misbehaves when asked to. It checks what a real one checks only where a test needs it.
// One thread of its own; all methods may be called by the test's thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "control/seqpacket.h"
#include "control/unique_fd.h"
#include "dataplane/abi/protocol.h"
#include "dataplane/abi/regions.h"
#include "tests/unit/control/fake_peers.h"

namespace mediaward::control::test {

// A directory of its own for sockets and files, removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class FakeDataplane {
 public:
  struct Transaction {
    std::uint64_t id = 0;
    bool resync = false, dry_run = false;
    std::vector<Datagram> operations;
  };
  using Refusal = FakeRefusal;

  explicit FakeDataplane(std::string path);
  ~FakeDataplane();

  void start();  // a new life: new boot id, nothing carried
  void stop();   // as if it crashed
  void drop_connection();

  void refuse_next(Refusal refusal);
  void stay_silent(bool silent) { silent_ = silent; }  // applies transactions, but does not answer
  void answer_hello_with(std::function<void(abi::HelloReply&)> change);
  void send_raw(ConstBytes bytes);
  void send_event(abi::EventKind kind, std::uint64_t object_id, std::uint64_t a, std::uint64_t b, const std::string& text);

  [[nodiscard]] std::vector<Transaction> transactions() const;  // without operations' descriptors
  [[nodiscard]] std::map<std::uint64_t, abi::Conference> conferences() const;
  [[nodiscard]] std::map<std::uint64_t, abi::Leg> legs() const;
  [[nodiscard]] std::map<std::uint64_t, abi::Stream> streams() const;
  // By {smaller, larger} leg; none with kBoth.
  [[nodiscard]] std::map<std::pair<std::uint64_t, std::uint64_t>, abi::Topology> topology() const;
  [[nodiscard]] std::vector<abi::BucketMove> bucket_moves() const;
  [[nodiscard]] FakePeers peers() const;
  void set_swarm_info(const abi::SwarmInfo& info);  // is answered for that swarm; without, one that counts nothing
  void set_peers(std::vector<abi::PeerInfo> peers);
  void send_evidence(abi::EvidenceMessage evidence);
  [[nodiscard]] std::size_t hellos() const;
  [[nodiscard]] bool last_hello_offered_state() const;
  [[nodiscard]] std::uint64_t state_inode() const;  // of the memfd in use

  // Waits up to five seconds.
  [[nodiscard]] bool wait_until(const std::function<bool()>& condition) const;

  void write_slot(std::uint32_t slot, const abi::StateIdentity& identity, std::uint64_t highest_index, std::uint64_t packets,
                  std::uint64_t bytes, bool torn = false);
  void write_srtcp(std::uint32_t slot, std::uint32_t index, std::uint32_t packets);  // of a slot that was written
  void write_latch(std::uint32_t slot, std::uint64_t leg_id, const abi::LegSlot& latch);
  void write_drop(std::size_t reason, std::uint64_t packets);  // of worker 0; worker 1 has one less

 private:
  void serve();
  void serve_client();
  bool handle(Datagram datagram);  // false: drop the client
  struct Objects {
    std::map<std::uint64_t, abi::Conference> conferences;
    std::map<std::uint64_t, abi::Leg> legs;
    std::map<std::uint64_t, abi::Stream> streams;
    std::map<std::pair<std::uint64_t, std::uint64_t>, abi::Topology> topology;
    FakePeers peers;
  };
  bool remove(const abi::ObjectRemove& message);  // false: there is no such object
  void remove_leg(std::uint64_t id);
  void sweep(const std::vector<Datagram>& operations);
  [[nodiscard]] std::optional<Refusal> apply_all(const Transaction& transaction);
  void hello(const Datagram& datagram);
  void finish(const Datagram& end);
  bool apply(const Datagram& operation);  // false: refused
  void answer_query(const abi::Query& query);
  void answer_peer_query(const abi::Query& query);
  template <typename T>
  void send(T message, abi::MessageType type, std::uint64_t id, std::vector<int> fds = {});

  const std::string path_;
  mutable std::mutex mutex_;
  std::thread thread_;
  UniqueFd listener_, client_, stop_event_;
  std::atomic<bool> silent_{false};
  std::optional<Refusal> refusal_;
  std::function<void(abi::HelloReply&)> hello_change_;
  std::optional<Transaction> open_;
  std::vector<Transaction> transactions_;
  Objects objects_;
  std::vector<abi::BucketMove> bucket_moves_;
  std::map<std::uint64_t, abi::SwarmInfo> swarm_infos_;
  std::vector<abi::PeerInfo> peer_infos_;
  std::uint64_t boot_id_ = 0, applied_ = 0;
  std::size_t hellos_ = 0;
  bool offered_ = false;
  UniqueFd stats_fd_, state_fd_;
};

}  // namespace mediaward::control::test
