// SPDX-License-Identifier: Apache-2.0
// Which seeds a test takes that repeats itself with one after the other. Sanitized code runs many times slower, and what sanitizers find
// does not hang on the two hundredth seed: they get every eleventh, every other build each of them. Only for runs that differ in nothing
// but the seed and what follows from it: what is enumerated (lengths, suites, modes) is enumerated everywhere. Tests only.
#pragma once

namespace mediaward::test {

#if defined(__has_feature)  // clang
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MEDIAWARD_TEST_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(MEDIAWARD_TEST_SANITIZED)
inline constexpr unsigned kSeedStep = 11;  // a prime, so that every remainder has its turn that a test makes a choice of
#else
inline constexpr unsigned kSeedStep = 1;
#endif
#undef MEDIAWARD_TEST_SANITIZED

// How many of 1 to `last` that makes.
[[nodiscard]] constexpr unsigned seeded_runs(unsigned last) noexcept {
  return (last + kSeedStep - 1) / kSeedStep;
}

}  // namespace mediaward::test
