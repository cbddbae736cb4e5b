// SPDX-License-Identifier: Apache-2.0
// See wipe_keys.h.
#include "control/proto/wipe_keys.h"

#include <openssl/crypto.h>

namespace mediaward::control {
namespace {

using KeySets = google::protobuf::RepeatedPtrField<v1::KeySet>;

void wipe(v1::KeySet& key) {
  OPENSSL_cleanse(key.mutable_master_key()->data(), key.master_key().size());
  OPENSSL_cleanse(key.mutable_master_salt()->data(), key.master_salt().size());
}

void wipe(KeySets& keys) {
  for (auto& key : keys) wipe(key);
}

// A Leg or a RekeyLeg.
template <typename Message>
void wipe_leg(Message& message) {
  if (message.has_receive_key()) wipe(*message.mutable_receive_key());
  if (message.has_send_key()) wipe(*message.mutable_send_key());
  wipe(*message.mutable_more_receive_keys());
  wipe(*message.mutable_more_send_keys());
}

void wipe(v1::Operation& operation) {
  if (operation.has_put_conference()) wipe(*operation.mutable_put_conference()->mutable_group_keys());
  if (operation.has_put_leg()) wipe_leg(*operation.mutable_put_leg());
  if (operation.has_rekey_leg()) wipe_leg(*operation.mutable_rekey_leg());
  if (operation.has_rekey_conference()) wipe(*operation.mutable_rekey_conference()->mutable_group_keys());
  if (!operation.has_replace_conference()) return;
  auto& whole = *operation.mutable_replace_conference();
  wipe(*whole.mutable_conference()->mutable_group_keys());
  for (auto& leg : *whole.mutable_legs()) wipe_leg(leg);
}

}  // namespace

void wipe_keys(v1::ApplyTransactionRequest& request) {
  for (auto& operation : *request.mutable_operations()) wipe(operation);
}

}  // namespace mediaward::control
