// SPDX-License-Identifier: Apache-2.0
// Parts that the convert*.cc share: the object that an error names, addresses, enums, keys, and legs themselves.
// Only convert*.cc include this. Any thread.
#pragma once

#include <string>
#include <vector>

#include "control/convert.h"

namespace mediaward::control {

// One object of a request, with its name for errors.
struct ConvertContext {
  ObjectKind kind;
  std::string id;
  [[nodiscard]] tl::unexpected<ApiError> refuse(std::string field, std::string message, ErrorCode code = ErrorCode::kInvalid) const {
    return tl::unexpected(object_error(code, {kind, id}, std::move(field), std::move(message)));
  }
  [[nodiscard]] tl::unexpected<ApiError> unsupported(std::string field, std::string message) const {
    return refuse(std::move(field), std::move(message), ErrorCode::kUnsupported);
  }
  // An enum value that a newer client knows.
  [[nodiscard]] tl::unexpected<ApiError> unknown_value(std::string field, int value) const {
    return unsupported(std::move(field), std::to_string(value) + " is not a value that this release knows");
  }
};

using KeySets = google::protobuf::RepeatedPtrField<v1::KeySet>;

[[nodiscard]] ApiResult<void> check_unknown(const ConvertContext& context, const google::protobuf::Message& message,
                                            const std::string& field);
[[nodiscard]] ApiResult<void> convert_key(const ConvertContext& context, const v1::KeySet& in, const std::string& field, KeySet& out);
[[nodiscard]] ApiResult<void> convert_key_list(const ConvertContext& context, const KeySets& in, const std::string& field,
                                               std::vector<KeySet>& out);
// receive_key, more_receive_keys, send_key, more_send_keys of a Leg or a RekeyLeg.
template <typename Message>
[[nodiscard]] ApiResult<void> convert_keys(const ConvertContext& context, const Message& in, LegRequest& out);
[[nodiscard]] ApiResult<LegRequest> convert_leg(const v1::Leg& in);

// False: `text` is no address of either family.
[[nodiscard]] bool parse_address(const std::string& text, abi::Family& family, std::array<std::uint8_t, 16>& address);
[[nodiscard]] bool bits_behind(abi::Family family, const std::array<std::uint8_t, 16>& address, unsigned bits);

// Enums whose numbers in the API and in the ABI are equal; 0 is the first.
template <typename Abi>
[[nodiscard]] ApiResult<void> convert_enum(const ConvertContext& context, int in, Abi most, const char* field, Abi& out) {
  if (in < 0 || in > static_cast<int>(most)) return context.unknown_value(field, in);
  out = static_cast<Abi>(in == 0 ? 1 : in);
  return {};
}

// A text that a person may have sent by mistake instead of an address: cut before it is quoted.
[[nodiscard]] std::string shown(const std::string& text);

template <typename Message>
ApiResult<void> convert_keys(const ConvertContext& context, const Message& in, LegRequest& out) {
  out.has_receive_key = in.has_receive_key();
  out.has_send_key = in.has_send_key();
  const auto all_or_none = [&](const std::string& key) {
    return context.refuse("leg.more_" + key + "s",
                          "leg." + key + " must be given with them: a leg keeps all keys of a direction or gets all anew");
  };
  if (!out.has_receive_key && in.more_receive_keys_size() != 0) return all_or_none("receive_key");
  if (!out.has_send_key && in.more_send_keys_size() != 0) return all_or_none("send_key");
  if (out.has_receive_key)
    if (auto good = convert_key(context, in.receive_key(), "leg.receive_key", out.leg.receive_key); !good) return good;
  if (out.has_send_key)
    if (auto good = convert_key(context, in.send_key(), "leg.send_key", out.leg.send_key); !good) return good;
  if (auto good = convert_key_list(context, in.more_receive_keys(), "leg.more_receive_keys", out.leg.more_receive_keys); !good) return good;
  return convert_key_list(context, in.more_send_keys(), "leg.more_send_keys", out.leg.more_send_keys);
}

}  // namespace mediaward::control
