// SPDX-License-Identifier: Apache-2.0
// Keys on their way between programs: overwritten in the message that carried them, by its sender once it is sent and by its receiver once
// they are taken over. The transport's own buffers are beyond reach. Any thread.
#pragma once

#include "mediaward/v1/mediaward.pb.h"

namespace mediaward::control {

// Every master key and salt in the request, whatever operation holds it; lengths and everything else stay.
void wipe_keys(v1::ApplyTransactionRequest& request);

}  // namespace mediaward::control
