// SPDX-License-Identifier: Apache-2.0
// The swarms of the fake data plane: keeps what it was told, and refuses what a real one would: unknown swarms, changed identities,
// prefixes with bits behind them, content that is not sealed, of another size, or that does not hash to the root. The tree is the naive
// one. No socket, no thread: fake_dataplane.h has the lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/seqpacket.h"
#include "crypto/error.h"
#include "dataplane/abi/peer.h"

namespace mediaward::control::test {

struct FakeRefusal {
  ErrorCode code = ErrorCode::kInvalid;
  std::uint32_t operation_index = 0;
  std::string field, message;
};

class FakePeers {
 public:
  struct Content {
    abi::ContentKind kind = abi::ContentKind::kContent;
    std::shared_ptr<const std::string> bytes;
  };

  [[nodiscard]] static bool knows(abi::MessageType type) noexcept;  // an operation of abi/peer.h
  [[nodiscard]] std::optional<FakeRefusal> apply(const Datagram& operation);
  // What a resynchronisation does not name goes.
  void sweep(const std::vector<Datagram>& operations);

  std::map<std::uint64_t, abi::Swarm> swarms;
  std::map<std::uint64_t, abi::Admission> admissions;
  std::map<std::uint64_t, std::vector<Content>> contents;  // by swarm
  std::vector<abi::PeerCommand> commands;

 private:
  std::optional<FakeRefusal> put(const abi::Swarm& swarm);
  std::optional<FakeRefusal> put(const abi::Admission& admission);
  std::optional<FakeRefusal> put(const abi::SwarmContent& message, const std::vector<UniqueFd>& fds);
  std::optional<FakeRefusal> remove(const abi::ObjectRemove& message);
  void forget(std::uint64_t swarm);
};

// RFC 7574 §5.1 by its words: leaves padded with zero hashes to a power of two, nodes over two empty ones zero as well. hash: its number
// there.
[[nodiscard]] std::string naive_leaves(const std::string& content, std::uint32_t chunk_bytes, std::uint8_t hash);
[[nodiscard]] std::string naive_root(const std::string& leaves, std::uint8_t hash);

// The contents of the captures: lines "%015x\n", cut to `bytes`.
[[nodiscard]] std::string capture_content(std::size_t bytes);

}  // namespace mediaward::control::test
