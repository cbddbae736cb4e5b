// SPDX-License-Identifier: Apache-2.0
// CPUID leaves 1 and 7 and the register state the kernel enabled in XCR0 (Intel SDM vol. 1 §13, vol. 2 CPUID).
// Asks only for what the ipsec-mb managers of that level execute unconditionally. Any thread.
#include "crypto/cpu_features.h"

#include <cpuid.h>

namespace mediaward::crypto {
namespace {

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf) noexcept {
  Registers r;
  if (__get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

constexpr bool has_all(std::uint64_t value, std::uint64_t mask) noexcept {
  return (value & mask) == mask;
}

constexpr unsigned kOsXsave = bit_OSXSAVE;
constexpr unsigned kSseEcx = bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_AES | bit_PCLMUL;
constexpr unsigned kAvx2Ebx = bit_AVX2 | bit_BMI2;
constexpr unsigned kAvx512Ebx = bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL;
constexpr std::uint64_t kXcr0Ymm = 0x06;  // SSE and AVX state
constexpr std::uint64_t kXcr0Zmm = 0xe6;  // ... and opmask, ZMM_Hi256, Hi16_ZMM

std::uint64_t xcr0() noexcept {
  if ((cpuid(1).ecx & kOsXsave) == 0) return 0;
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

}  // namespace

bool cpu_supports(IsaLevel level) noexcept {
  const Registers basic = cpuid(1);
  const Registers extended = cpuid(7);
  const bool sse = has_all(basic.ecx, kSseEcx);
  if (level == IsaLevel::kSse) return sse;
  const bool avx2 = sse && has_all(basic.ecx, bit_AVX) && has_all(extended.ebx, kAvx2Ebx) && has_all(xcr0(), kXcr0Ymm);
  if (level == IsaLevel::kAvx2) return avx2;
  return avx2 && has_all(extended.ebx, kAvx512Ebx) && has_all(xcr0(), kXcr0Zmm);
}

bool cpu_has_sha_ni() noexcept {
  return (cpuid(7).ebx & bit_SHA) != 0;
}

bool cpu_has_vaes() noexcept {
  return has_all(cpuid(7).ecx, bit_VAES | bit_VPCLMULQDQ) && cpu_supports(IsaLevel::kAvx2);
}

}  // namespace mediaward::crypto
