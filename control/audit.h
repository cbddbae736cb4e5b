// SPDX-License-Identifier: Apache-2.0
// Who had swarms taken down and peers banned, when and why: the last ones, for ListAudit. The log has all of them and outlives the daemon;
// this does not.
// Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace mediaward::control {

// Values are those of AuditAction in peer.proto.
enum class AuditAction : std::uint8_t { kRemoveSwarm = 1, kBanPeer, kUnbanPeer };

struct AuditEntry {
  std::uint64_t sequence = 0;  // set by add
  std::uint64_t time_unix_ns = 0;
  AuditAction action = AuditAction::kRemoveSwarm;
  std::string object{}, author{}, reason{}, text{}, request_id{};
  std::uint64_t revision = 0;
};

class AuditList {
 public:
  explicit AuditList(std::size_t most) : most_(most) {}

  std::uint64_t add(AuditEntry entry) {
    const std::lock_guard lock(mutex_);
    entry.sequence = ++last_;
    entries_.push_back(std::move(entry));
    if (entries_.size() > most_) entries_.pop_front();
    return last_;
  }

  struct Page {
    std::vector<AuditEntry> entries;
    std::uint64_t next = 0;  // sequence number to go on from, 0: that was all
    std::uint64_t lost = 0;
  };
  [[nodiscard]] Page page(std::uint64_t from, std::size_t most) const {
    const std::lock_guard lock(mutex_);
    Page out;
    out.lost = last_ - entries_.size();
    for (const auto& entry : entries_) {
      if (entry.sequence < from) continue;
      if (out.entries.size() == most) {
        out.next = entry.sequence;
        break;
      }
      out.entries.push_back(entry);
    }
    return out;
  }

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::deque<AuditEntry> entries_;
  std::uint64_t last_ = 0;
};

}  // namespace mediaward::control
