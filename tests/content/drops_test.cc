// SPDX-License-Identifier: Apache-2.0
// Every drop reason of the network peer is provoked, and leaks nothing (provoke.h).
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/content/provoke.h"

namespace mediaward::test {
namespace {

TEST(ContentDrops, EachIsProvoked) {
  for (const ContentDrop& drop : content_drops()) {
    SCOPED_TRACE(to_string(drop.reason));
    EXPECT_GT(drop.provoke(), 0u);
  }
}

TEST(ContentDrops, NoneIsForgotten) {
  std::set<std::string> provoked;
  for (const ContentDrop& drop : content_drops()) provoked.emplace(to_string(drop.reason));
  for (const auto& reason : dataplane::kDropReasons) {
    const std::string name(reason.name);
    EXPECT_TRUE((!name.starts_with("ppspp.") && !name.starts_with("guard.")) || provoked.contains(name)) << name;
  }
}

}  // namespace
}  // namespace mediaward::test
