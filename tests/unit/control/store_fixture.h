// SPDX-License-Identifier: Apache-2.0
// A desired state that transactions are worked into, and what must hold of one that is refused. Test thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/control/state_fixture.h"

namespace mediaward::control::test {

class StoreFixture : public testing::Test {
 protected:
  ApiResult<NextState> apply(const std::vector<Operation>& operations) {
    auto next = apply_operations(state, operations, limits, suites, policy);
    if (next) state = next->state;
    return next;
  }
  void expect_refused(const std::vector<Operation>& operations, ErrorCode code, const std::string& object, const std::string& field,
                      const std::string& words = "") {
    const Snapshot before = state;
    const auto next = apply(operations);
    ASSERT_FALSE(next.has_value()) << field << " " << words;
    EXPECT_EQ(next.error().error.code, code) << next.error().error.message;
    EXPECT_EQ(next.error().object, object);
    EXPECT_EQ(next.error().field, field);
    EXPECT_NE(next.error().error.message.find(words), std::string::npos) << next.error().error.message;
    EXPECT_EQ(state, before);
  }

  Snapshot state = std::make_shared<DesiredState>();
  StateLimits limits;
  SuitePolicy suites;
  SwarmPolicy policy;
};

}  // namespace mediaward::control::test
