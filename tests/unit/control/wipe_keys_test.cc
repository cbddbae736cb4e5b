// SPDX-License-Identifier: Apache-2.0
// No key of a request survives, whatever operation holds it.
#include "control/proto/wipe_keys.h"

#include <gtest/gtest.h>

#include <string>

namespace mediaward::control {
namespace {

const std::string kSecret = "a master key that nobody may read";

void fill(v1::KeySet& key) {
  key.set_suite("AEAD_AES_256_GCM");
  key.set_master_key(kSecret);
  key.set_master_salt(kSecret);
}

// A Leg or a RekeyLeg.
template <typename Message>
void fill_leg(Message& message) {
  fill(*message.mutable_receive_key());
  fill(*message.mutable_send_key());
  for (int i = 0; i < 2; ++i) {
    fill(*message.add_more_receive_keys());
    fill(*message.add_more_send_keys());
  }
}

TEST(WipeKeys, NoOperationKeepsAKey) {
  v1::ApplyTransactionRequest request;
  request.set_request_id("kept");
  fill(*request.add_operations()->mutable_put_conference()->add_group_keys());
  fill_leg(*request.add_operations()->mutable_put_leg());
  fill_leg(*request.add_operations()->mutable_rekey_leg());
  fill(*request.add_operations()->mutable_rekey_conference()->add_group_keys());
  auto& whole = *request.add_operations()->mutable_replace_conference();
  fill(*whole.mutable_conference()->add_group_keys());
  fill_leg(*whole.add_legs());
  ASSERT_NE(request.SerializeAsString().find(kSecret), std::string::npos);
  const std::size_t bytes = request.ByteSizeLong();
  wipe_keys(request);
  EXPECT_EQ(request.SerializeAsString().find(kSecret.substr(0, 8)), std::string::npos);
  EXPECT_EQ(request.ByteSizeLong(), bytes);
  EXPECT_EQ(request.request_id(), "kept");
  EXPECT_EQ(request.operations(1).put_leg().receive_key().suite(), "AEAD_AES_256_GCM");
}

TEST(WipeKeys, NothingIsAddedToALegWithoutKeys) {
  v1::ApplyTransactionRequest request;
  (void)request.add_operations()->mutable_put_leg();
  wipe_keys(request);
  EXPECT_FALSE(request.operations(0).put_leg().has_receive_key());
}

}  // namespace
}  // namespace mediaward::control
