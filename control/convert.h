// SPDX-License-Identifier: Apache-2.0
// Requests of mediaward.proto into the controller's values. Text becomes types here, once; what cannot be honoured is refused.
// No gRPC, only protobuf. Any thread.
#pragma once

#include "control/controller.h"
#include "mediaward/v1/mediaward.pb.h"

namespace mediaward::control {

[[nodiscard]] ApiResult<Transaction> to_transaction(const v1::ApplyTransactionRequest& request);

}  // namespace mediaward::control
