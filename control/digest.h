// SPDX-License-Identifier: Apache-2.0
// SHA-256 and hex for handles, fingerprints and request digests. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace mediaward::control {

using Sha256Digest = std::array<std::uint8_t, 32>;

// Over the parts one after the other.
[[nodiscard]] Sha256Digest sha256(std::initializer_list<std::span<const std::uint8_t>> parts);
[[nodiscard]] Sha256Digest sha256(std::string_view text);
[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);

}  // namespace mediaward::control
