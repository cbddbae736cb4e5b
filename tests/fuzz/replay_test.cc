// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without a fuzzer, in every build: the corpus as it is, then cut short at every length and with a few thousand
// deterministic mutations. The corpus folder is the value of FUZZ_CORPUS.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

std::vector<Input> corpus() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(FUZZ_CORPUS)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Input> inputs;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return inputs;
}

void run(const Input& input) { LLVMFuzzerTestOneInput(input.data(), input.size()); }

void mutate(Input& input, const Input& other, std::mt19937& random) {
  const auto pick = [&random](std::size_t below) { return below == 0 ? 0 : random() % below; };
  for (auto changes = 1 + pick(4); changes != 0 && !input.empty(); --changes) {
    const std::size_t at = pick(input.size());
    switch (pick(6)) {
      case 0: input[at] ^= static_cast<std::uint8_t>(1u << pick(8)); break;
      case 1: input[at] = static_cast<std::uint8_t>(random()); break;
      case 2: input[at] = pick(2) == 0 ? 0 : 0xff; break;
      case 3: input.erase(input.begin() + static_cast<std::ptrdiff_t>(at)); break;
      case 4: input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random())); break;
      default: {
        const std::size_t bytes = pick(std::min(other.size(), input.size() - at));
        const std::size_t from = pick(other.size() - bytes);
        std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(from), bytes, input.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
  }
}

TEST(Replay, CorpusAsItIs) {
  const auto inputs = corpus();
  ASSERT_FALSE(inputs.empty());
  run({});
  for (const auto& input : inputs) run(input);
}

TEST(Replay, CorpusCutShort) {
  for (const auto& input : corpus()) {
    const std::size_t step = 1 + input.size() / 64;
    for (std::size_t bytes = 0; bytes < input.size(); bytes += step) run(Input(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(bytes)));
  }
}

TEST(Replay, CorpusMutated) {
  const auto inputs = corpus();
  std::mt19937 random(1);
  for (unsigned i = 0; i < FUZZ_MUTATIONS; ++i) {
    Input input = inputs[random() % inputs.size()];
    mutate(input, inputs[random() % inputs.size()], random);
    run(input);
  }
}

}  // namespace
