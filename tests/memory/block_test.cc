// SPDX-License-Identifier: Apache-2.0
#include "memory/block.h"

#include <gtest/gtest.h>

namespace waterline {
namespace {

TEST(Block, IsTakenFromTheBudgetAndGivenBack) {
  Budget budget(1 << 20);
  {
    const Result<Block> block = Block::Make(1 << 19, budget, Use::kWorkspace);
    ASSERT_TRUE(block.ok());
    EXPECT_EQ(budget.in_use(Use::kWorkspace), size_t{1} << 19);
    EXPECT_EQ(block->bytes()[12345], std::byte{0});
    const Result<Block> too_much = Block::Make((1 << 19) + 1, budget, Use::kWorkspace);
    ASSERT_FALSE(too_much.ok());
    EXPECT_EQ(too_much.error().code, Code::kOverBudget);
  }
  EXPECT_EQ(budget.in_use(), 0u);
}

TEST(Block, CountsWholePages) {
  Budget budget(1 << 20);
  const Result<Block> block = Block::Make(kPage + 1, budget, Use::kWeights);
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(block->bytes().size(), 2 * kPage);
  EXPECT_EQ(budget.in_use(Use::kWeights), 2 * kPage);
}

TEST(Block, OfNoBytesIsEmpty) {
  Budget budget(0);
  const Result<Block> block = Block::Make(0, budget, Use::kWorkspace);
  ASSERT_TRUE(block.ok());
  EXPECT_TRUE(block->bytes().empty());
}

TEST(Block, CanBeCountedWithoutMemory) {
  Budget budget(size_t{1} << 50);
  const Result<Block> block = Block::MakeCounted(size_t{1} << 49, budget, Use::kWorkspace);
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(block->size(), size_t{1} << 49);
  EXPECT_TRUE(block->bytes().empty());
  EXPECT_EQ(budget.in_use(), size_t{1} << 49);
}

TEST(Block, ThatTheSystemRefusesIsNotCounted) {
  Budget budget(SIZE_MAX);
  const Result<Block> block = Block::Make(size_t{1} << 60, budget, Use::kWorkspace);
  ASSERT_FALSE(block.ok());
  EXPECT_EQ(block.error().code, Code::kIo);
  EXPECT_EQ(budget.in_use(), 0u);
}

}  // namespace
}  // namespace waterline
