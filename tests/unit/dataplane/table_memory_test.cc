// SPDX-License-Identifier: Apache-2.0
// Blocks are aligned as asked for, apart, used again, and in large mappings.
#include "dataplane/table_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <set>

#include "crypto/huge_pages.h"

namespace mediaward::test {
namespace {

using dataplane::TableMemory;

struct alignas(64) Line {
  std::uint64_t words[8];
};

TEST(TableMemory, BlocksAreAlignedAndApart) {
  TableMemory memory(false);
  std::mt19937 random(1);
  struct Block {
    std::byte* at;
    std::size_t bytes, alignment;
  };
  std::vector<Block> blocks;
  for (int i = 0; i < 4000; ++i) {
    const std::size_t alignment = std::size_t{1} << (random() % 7);
    const std::size_t bytes = (1 + random() % 2000 + alignment - 1) / alignment * alignment;
    auto* at = static_cast<std::byte*>(memory.allocate(bytes, alignment));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(at) % alignment, 0u);
    std::memset(at, i & 0xff, bytes);
    blocks.push_back({at, bytes, alignment});
  }
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (std::size_t k = 0; k < blocks[i].bytes; ++k) ASSERT_EQ(std::to_integer<unsigned>(blocks[i].at[k]), i & 0xff);
  for (const Block& block : blocks) memory.deallocate(block.at, block.bytes, block.alignment);
}

TEST(TableMemory, WhatIsGivenBackIsUsedAgain) {
  TableMemory memory(false);
  std::set<const Line*> seen;
  for (int round = 0; round < 10000; ++round) seen.insert(memory.make<Line>().get());
  EXPECT_LE(seen.size(), 4u);
  EXPECT_EQ(memory.used_bytes(), 0u);
}

TEST(TableMemory, ManyBlocksOfASizeLieSideBySide) {
  TableMemory memory(false);
  std::set<std::uintptr_t> pages;
  constexpr std::size_t kBlocks = 16384;
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(memory.allocate(sizeof(Line), alignof(Line)));
    pages.insert(reinterpret_cast<std::uintptr_t>(blocks.back()) / crypto::kHugePageBytes);
  }
  EXPECT_LE(pages.size(), 2 * kBlocks * sizeof(Line) / crypto::kHugePageBytes + 2);
  EXPECT_EQ(memory.used_bytes(), kBlocks * sizeof(Line));
  for (void* block : blocks) memory.deallocate(block, sizeof(Line), alignof(Line));
}

TEST(TableMemory, HoldsTheListsOfVeryLargeConferences) {
  TableMemory memory(false);
  for (int i = 0; i < 3; ++i) {
    std::pmr::vector<Line> list(100000, &memory);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(list.data()) % alignof(Line), 0u);
    list.back().words[7] = 1;
  }
}

TEST(HugePages, AreWholeAlignedAndZero) {
  const auto mapping = crypto::map_huge_pages(3 << 20, false);
  ASSERT_EQ(mapping.memory.size(), 2 * crypto::kHugePageBytes);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping.memory.data()) % crypto::kHugePageBytes, 0u);
  EXPECT_TRUE(mapping.page_kind == "thp" || mapping.page_kind == "4k") << mapping.page_kind;
  EXPECT_EQ(mapping.memory[0], std::byte{0});
  EXPECT_EQ(mapping.memory.back(), std::byte{0});
  crypto::unmap_huge_pages(mapping.memory);
}

}  // namespace
}  // namespace mediaward::test
