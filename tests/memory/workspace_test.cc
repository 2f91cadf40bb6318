// SPDX-License-Identifier: Apache-2.0
#include "memory/workspace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "memory/arena.h"

namespace waterline {
namespace {

Block MustMake(size_t bytes, Budget& budget) {
  Result<Block> block = Block::Make(bytes, budget, Use::kWorkspace);
  EXPECT_TRUE(block.ok()) << block.error().message;
  return std::move(*block);
}

TEST(Block, IsTakenFromTheBudgetAndGivenBack) {
  Budget budget(1 << 20);
  {
    const Block block = MustMake(1 << 19, budget);
    EXPECT_EQ(budget.in_use(Use::kWorkspace), size_t{1} << 19);
    EXPECT_EQ(block.bytes()[12345], std::byte{0});
    const Result<Block> too_much = Block::Make((1 << 19) + 1, budget, Use::kWorkspace);
    ASSERT_FALSE(too_much.ok());
    EXPECT_EQ(too_much.error().code, Code::kOverBudget);
  }
  EXPECT_EQ(budget.in_use(), 0u);
}

TEST(Block, OfNoBytesIsEmpty) {
  Budget budget(0);
  EXPECT_TRUE(MustMake(0, budget).bytes().empty());
}

TEST(Workspace, GivesSlotsToSmallPassesAndAllToALargeOne) {
  Budget budget(1 << 20);
  Workspace workspace(MustMake(1 << 20, budget), 4);
  EXPECT_EQ(workspace.slot_bytes(), size_t{1} << 18);
  {
    const Workspace::Lease a = workspace.Acquire(1000);
    const Workspace::Lease b = workspace.Acquire(workspace.slot_bytes());
    EXPECT_EQ(a.bytes().size(), 1000u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(b.bytes().data()) % Arena::kAlign, 0u);
    EXPECT_TRUE(a.bytes().data() + a.bytes().size() <= b.bytes().data() ||
                b.bytes().data() + b.bytes().size() <= a.bytes().data());
    // Two neighbouring slots.
    const Workspace::Lease c = workspace.Acquire(workspace.slot_bytes() + 1);
    std::memset(c.bytes().data(), 1, c.bytes().size());
  }
  const Workspace::Lease all = workspace.Acquire(1 << 20);
  std::memset(all.bytes().data(), 1, all.bytes().size());
  EXPECT_EQ(workspace.peak(), size_t{1} << 20);
}

TEST(Workspace, HoldsThatLiveTogetherNeverOverlap) {
  Budget budget(1 << 20);
  Workspace workspace(MustMake((1 << 20) - 4096, budget), 3);
  std::atomic<bool> overlap{false};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 200; ++i) {
        const size_t bytes = 1 + random() % workspace.bytes();
        const Workspace::Lease lease = workspace.Acquire(bytes);
        const auto mark = static_cast<std::byte>(t + 1);
        std::fill_n(lease.bytes().begin(), std::min<size_t>(bytes, 4096), mark);
        lease.bytes().back() = mark;
        std::this_thread::yield();
        if (lease.bytes().front() != mark || lease.bytes().back() != mark) overlap = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(overlap);
}

TEST(Workspace, ALargePassIsNotStarvedBySmallOnes) {
  Budget budget(1 << 20);
  Workspace workspace(MustMake(1 << 20, budget), 2);
  std::optional<Workspace::Lease> first = workspace.Acquire(1);
  std::atomic<bool> large_done{false};
  std::thread large([&] {
    const Workspace::Lease lease = workspace.Acquire(1 << 20);
    large_done = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  // Comes later and would fit now, but waits its turn.
  std::atomic<bool> small_before_large{false};
  std::thread small([&] {
    const Workspace::Lease lease = workspace.Acquire(1);
    small_before_large = !large_done;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  first.reset();
  large.join();
  small.join();
  EXPECT_FALSE(small_before_large);
}

}  // namespace
}  // namespace waterline
