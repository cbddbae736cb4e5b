// SPDX-License-Identifier: Apache-2.0
// The error of the control path: a code that callers branch on and one sentence that a person acts on.
// The hot path never builds one. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace mediaward {

enum class ErrorCode : std::uint8_t {
  kOk = 0,
  kInvalid,       // the input is wrong: say what, where, what to do
  kNotFound,
  kConflict,      // collides with an object that exists
  kExhausted,     // a configured limit or a pool is reached
  kUnavailable,   // the other side is not there; try again
  kUnsupported,
  kInternal,
};

[[nodiscard]] constexpr const char* to_string(ErrorCode code) noexcept {
  constexpr const char* kNames[] = {"ok", "invalid", "not-found", "conflict", "exhausted", "unavailable", "unsupported", "internal"};
  return kNames[static_cast<std::uint8_t>(code)];
}

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace mediaward
