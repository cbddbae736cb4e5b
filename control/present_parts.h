// SPDX-License-Identifier: Apache-2.0
// What the present*.cc that ask the data plane share. Only they include this. Any thread.
#pragma once

#include "control/present.h"

namespace mediaward::control {

// Queries the data plane and calls fill for every message of the type; others are skipped.
template <typename Message, typename Fill>
ApiResult<void> collect(Controller& controller, abi::QueryKind kind, abi::MessageType type, Fill fill, std::uint64_t object_id = 0) {
  auto answer = controller.dataplane().query(kind, object_id);
  if (!answer) return tl::unexpected(ApiError{answer.error()});
  for (const auto& datagram : *answer)
    if (datagram.header().type == type)
      if (const auto message = datagram.as<Message>()) fill(*message);
  return {};
}

}  // namespace mediaward::control
