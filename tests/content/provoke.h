// SPDX-License-Identifier: Apache-2.0
// One way to each drop reason of the network peer, by a peer that says what no honest one would, or at a stand that lacks something. The
// coverage of drop reasons counts them (tests/packet/drop_coverage_test.cc). Single thread.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/drop_reason.h"

namespace mediaward::test {

struct ContentDrop {
  dataplane::DropReason reason;
  std::uint64_t (*provoke)();  // how often it was counted
};
[[nodiscard]] std::span<const ContentDrop> content_drops() noexcept;

}  // namespace mediaward::test
