// SPDX-License-Identifier: Apache-2.0
// Reflection over a message. One thread.
#include "tools/mediawardctl/json.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "control/digest.h"

namespace mediaward::tools {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::ordered_json;

Json text_value(const FieldDescriptor& field, const std::string& text) {
  if (field.type() != FieldDescriptor::TYPE_BYTES) return text;
  return control::to_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Json single_value(const Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.GetFloat(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return enum_word(field.enum_type(), reflection.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return text_value(field, reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return to_json(reflection.GetMessage(message, &field));
  }
  return nullptr;
}

Json repeated_value(const Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  Json list = Json::array();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT32:
        list.push_back(reflection.GetRepeatedUInt32(message, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        list.push_back(reflection.GetRepeatedUInt64(message, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        list.push_back(text_value(field, reflection.GetRepeatedString(message, &field, i)));
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        list.push_back(to_json(reflection.GetRepeatedMessage(message, &field, i)));
        break;
      default:
        list.push_back(nullptr);
        break;  // no such field in the API
    }
  }
  return list;
}

}  // namespace

std::string enum_word(const google::protobuf::EnumDescriptor* type, int number) {
  const auto* value = type->FindValueByNumber(number);
  if (value == nullptr) return std::to_string(number);
  const std::string& zero = type->value(0)->name();
  std::string word = value->name().substr(zero.size() - std::string_view("UNSPECIFIED").size());
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
  return word;
}

Json to_json(const Message& message) {
  Json object = Json::object();
  const auto& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.real_containing_oneof() != nullptr && !message.GetReflection()->HasField(message, &field)) continue;
    object[field.name()] = field.is_repeated() ? repeated_value(message, field) : single_value(message, field);
  }
  return object;
}

}  // namespace mediaward::tools
