// SPDX-License-Identifier: Apache-2.0
#include "memory/block_heap.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <atomic>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "memory/block.h"
#include "memory/budget.h"

namespace waterline {
namespace {

class BlockHeapTest : public testing::Test {
 protected:
  explicit BlockHeapTest(size_t bytes = size_t{64} << 10)
      : block_(std::move(*Block::Make(bytes, budget_, Use::kStaging))), heap_(block_.bytes()) {}

  Budget budget_{SIZE_MAX};
  Block block_;
  BlockHeap heap_;
};

TEST_F(BlockHeapTest, ServesContainers) {
  std::pmr::vector<std::pmr::string> words(&heap_);
  for (int i = 0; i < 100; ++i) words.emplace_back("a word that is too long for the string itself");
  EXPECT_EQ(words[57], "a word that is too long for the string itself");
  EXPECT_GT(heap_.in_use(), 100u * 45);
  words = std::pmr::vector<std::pmr::string>(&heap_);
  EXPECT_EQ(heap_.in_use(), 0u);
}

TEST_F(BlockHeapTest, RefusesWhatDoesNotFitAndSaysSo) {
  void* const half = heap_.allocate(32 << 10);
  try {
    (void)heap_.allocate(40 << 10);
    FAIL();
  } catch (const OverBudget& over) {
    EXPECT_EQ(over.wanted(), size_t{40} << 10);
    EXPECT_EQ(over.available(), (size_t{64} << 10) - heap_.in_use() - 16);
  }
  EXPECT_THROW((void)heap_.allocate(SIZE_MAX), OverBudget);
  EXPECT_THROW((void)heap_.allocate(SIZE_MAX - 40), OverBudget);
  heap_.deallocate(half, 32 << 10);
  EXPECT_EQ(heap_.in_use(), 0u);
}

TEST_F(BlockHeapTest, IsOnePieceAgainWhateverHappened) {
  rc::check([this](const std::vector<uint16_t>& sizes, uint32_t seed) {
    std::mt19937 random(seed);
    struct Piece {
      std::byte* data;
      size_t size;
      std::byte mark;
    };
    std::vector<Piece> live;
    const auto free_one = [&] {
      const size_t i = random() % live.size();
      for (size_t b = 0; b < live[i].size; ++b) RC_ASSERT(live[i].data[b] == live[i].mark);
      heap_.deallocate(live[i].data, live[i].size);
      live[i] = live.back();
      live.pop_back();
    };
    for (const uint16_t size : sizes) {
      if (!live.empty() && random() % 3 == 0) free_one();
      try {
        auto* data = static_cast<std::byte*>(heap_.allocate(size % 9000));
        RC_ASSERT(reinterpret_cast<uintptr_t>(data) % 16 == 0);
        const auto mark = static_cast<std::byte>(random());
        std::fill_n(data, size % 9000, mark);
        live.push_back({data, size % 9000u, mark});
      } catch (const OverBudget&) {
      }
    }
    while (!live.empty()) free_one();
    RC_ASSERT(heap_.in_use() == 0u);
    // All of it but the header is free in one piece.
    const size_t all = heap_.size() - 48;
    heap_.deallocate(heap_.allocate(all), all);
  });
}

TEST_F(BlockHeapTest, ThreadsShareIt) {
  std::vector<std::thread> threads;
  std::atomic<bool> wrong{false};
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 2000; ++i) {
        const size_t size = 1 + random() % 3000;
        auto* data = static_cast<unsigned char*>(heap_.allocate(size));
        std::memset(data, static_cast<int>(t), size);
        if (data[0] != t || data[size - 1] != t) wrong = true;
        heap_.deallocate(data, size);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(wrong);
  EXPECT_EQ(heap_.in_use(), 0u);
  EXPECT_GT(heap_.peak(), 0u);
}

TEST_F(BlockHeapTest, TrimsOnlyWhenNothingIsHeld) {
  void* const piece = heap_.allocate(100);
  EXPECT_FALSE(heap_.Trim());
  heap_.deallocate(piece, 100);
  EXPECT_TRUE(heap_.Trim());
  heap_.deallocate(heap_.allocate(60 << 10), 60 << 10);
}

// The address sanitizer tells when it is not.
TEST_F(BlockHeapTest, LeavesItsMemoryToOthers) {
  {
    BlockHeap heap(block_.bytes());
    (void)heap.allocate(100);
  }
  std::memset(block_.bytes().data(), 1, block_.bytes().size());
}

TEST_F(BlockHeapTest, FailsOnceWhereATestAsksForIt) {
  heap_.FailAt(2);
  void* const first = heap_.allocate(1);
  EXPECT_THROW((void)heap_.allocate(1), OverBudget);
  void* const third = heap_.allocate(1);
  heap_.deallocate(first, 1);
  heap_.deallocate(third, 1);
  EXPECT_EQ(heap_.in_use(), 0u);
}

}  // namespace
}  // namespace waterline
