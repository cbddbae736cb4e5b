// SPDX-License-Identifier: Apache-2.0
// Any text as a configuration, read with every kind of value that the reader knows: it is refused with a message or read within bounds.
// Input: a TOML text.
#include "config/toml_reader.h"
#include "tests/fuzz/exact_buffer.h"

namespace {

using namespace mediaward;

enum class Colour { kRed, kGreen };

bool read(config::TomlTable table, unsigned depth) {
  std::string text;
  bool flag = false;
  double ratio = 0.5;
  std::uint16_t port = 7;
  std::vector<std::string> names;
  std::vector<std::uint8_t> numbers;
  Colour colour = Colour::kRed;
  table.read("text", text);
  table.read("flag", flag);
  table.read("ratio", ratio, 0.0, 1.0);
  table.read("port", port, 5, 1000);
  table.read_list("names", names);
  table.read_list("numbers", numbers, 1, 63);
  table.read_choice("colour", colour, {{"red", Colour::kRed}, {"green", Colour::kGreen}});
  bool good = ratio >= 0.0 && ratio <= 1.0 && port >= 5 && port <= 1000;
  for (const auto n : numbers) good = good && n >= 1 && n <= 63;
  if (depth == 0) return good;
  if (auto inner = table.table("inner")) good = read(*inner, depth - 1) && good;
  for (auto& item : table.tables("item")) {
    item.require("text");
    good = read(item, depth - 1) && good;
  }
  for (auto& [name, named] : table.named_tables("named")) good = read(named, depth - 1) && good;
  return good;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  const auto document = config::TomlDocument::parse({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!document) {
    FUZZ_REQUIRE(!document.error().message.empty());
    return 0;
  }
  FUZZ_REQUIRE(read(document->root(), 3));
  if (const auto finished = document->finish(); !finished) FUZZ_REQUIRE(!finished.error().message.empty());
  return 0;
}
