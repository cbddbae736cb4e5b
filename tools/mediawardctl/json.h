// SPDX-License-Identifier: Apache-2.0
// Messages of the control API as JSON for programs: field names as in the .proto, enums as lower-case words, numbers as numbers
// (64-bit ones too), every field present, of a choice the chosen one. One thread.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace mediaward::tools {

[[nodiscard]] nlohmann::ordered_json to_json(const google::protobuf::Message& message);

// "DATAPLANE_LOST" of EVENT_TYPE_DATAPLANE_LOST as "dataplane-lost"; a number that has no name as digits.
[[nodiscard]] std::string enum_word(const google::protobuf::EnumDescriptor* type, int number);

}  // namespace mediaward::tools
