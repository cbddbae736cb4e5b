// SPDX-License-Identifier: Apache-2.0
// Any text as a conference file: it is refused with a message, or what was read is what is read again from its own rendering.
// Input: a conference file.
#include <string_view>

#include "tests/fuzz/exact_buffer.h"
#include "tools/conference_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mediaward;
  if (size > 16384) return 0;
  const auto parsed = tools::parse_conference({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!parsed) {
    FUZZ_REQUIRE(!parsed.error().message.empty());
    return 0;
  }
  const std::string text = tools::to_toml(*parsed);
  const auto again = tools::parse_conference(text, "again.toml");
  if (!again) std::fprintf(stderr, "%s\n%s\n", again.error().message.c_str(), text.c_str());
  FUZZ_REQUIRE(again.has_value());
  FUZZ_REQUIRE(tools::to_toml(*again) == text);
  FUZZ_REQUIRE(again->participants.size() == parsed->participants.size());
  return 0;
}
