// SPDX-License-Identifier: Apache-2.0
// Which instruction set levels this machine can run, found by CPUID and XGETBV of our own: some releases of ipsec-mb
// trust CPUID alone and crash in a virtual machine whose kernel does not save the wide registers.
// Any thread; pure questions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mediaward::crypto {

// The ipsec-mb managers, narrow to wide.
enum class IsaLevel : std::uint8_t { kSse, kAvx2, kAvx512 };

inline constexpr std::array kIsaLevels{IsaLevel::kSse, IsaLevel::kAvx2, IsaLevel::kAvx512};

[[nodiscard]] constexpr std::string_view to_string(IsaLevel level) noexcept {
  constexpr std::array<std::string_view, 3> kNames{"sse", "avx2", "avx512"};
  return kNames[static_cast<std::uint8_t>(level)];
}

[[nodiscard]] constexpr std::optional<IsaLevel> find_isa(std::string_view name) noexcept {
  for (const IsaLevel level : kIsaLevels)
    if (to_string(level) == name) return level;
  return std::nullopt;
}

// True when both the CPU has the instructions and the kernel saves the registers.
[[nodiscard]] bool cpu_supports(IsaLevel level) noexcept;

// Single extensions that decide how a level is best used, not whether it runs.
[[nodiscard]] bool cpu_has_sha_ni() noexcept;
[[nodiscard]] bool cpu_has_vaes() noexcept;  // with VPCLMULQDQ: AES-GCM over wide registers

}  // namespace mediaward::crypto
