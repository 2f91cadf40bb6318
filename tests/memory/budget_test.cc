// SPDX-License-Identifier: Apache-2.0
#include "memory/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace waterline {
namespace {

TEST(Budget, TakesUpToItsLimitAndNoFurther) {
  Budget budget(100);
  EXPECT_TRUE(budget.Take(60, Use::kWeights));
  EXPECT_FALSE(budget.Take(41, Use::kStaging));
  EXPECT_EQ(budget.in_use(), 60U);
  EXPECT_EQ(budget.in_use(Use::kStaging), 0U);
  EXPECT_TRUE(budget.Take(40, Use::kStaging));
  EXPECT_EQ(budget.available(), 0U);
  EXPECT_FALSE(budget.Take(1, Use::kLoading));
  EXPECT_TRUE(budget.Take(0, Use::kLoading));
}

TEST(Budget, DoesNotOverflow) {
  Budget budget(100);
  ASSERT_TRUE(budget.Take(1, Use::kWeights));
  EXPECT_FALSE(budget.Take(std::numeric_limits<size_t>::max(), Use::kWeights));
  EXPECT_EQ(budget.in_use(), 1U);
}

TEST(Budget, RemembersItsPeak) {
  Budget budget(100);
  ASSERT_TRUE(budget.Take(70, Use::kWorkspace));
  budget.Give(70, Use::kWorkspace);
  ASSERT_TRUE(budget.Take(10, Use::kWorkspace));
  EXPECT_EQ(budget.peak(), 70U);
}

TEST(Budget, AbortsWhenMoreIsGivenThanTaken) {
  Budget budget(100);
  ASSERT_TRUE(budget.Take(10, Use::kWeights));
  EXPECT_DEATH(budget.Give(11, Use::kWeights), "broken invariant");
  EXPECT_DEATH(budget.Give(1, Use::kStaging), "broken invariant");
}

TEST(Budget, NamesItsUses) {
  std::vector<std::string> names;
  for (int use = 0; use < kUses; ++use) names.emplace_back(UseName(static_cast<Use>(use)));
  EXPECT_THAT(names, testing::ElementsAre("weights", "tokenizer", "staging", "workspace", "loading",
                                          "leases"));
}

TEST(Budget, StaysBelowItsLimitWhenThreadsRace) {
  constexpr size_t kLimit = 1000;
  Budget budget(kLimit);
  std::atomic<size_t> held = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Use use = static_cast<Use>(t % kUses);
      for (size_t i = 0; i < 20000; ++i) {
        const size_t bytes = (i * 37 + static_cast<size_t>(t) * 101) % 700;
        if (!budget.Take(bytes, use)) continue;
        if (held.fetch_add(bytes) + bytes > kLimit) over = true;
        held -= bytes;
        budget.Give(bytes, use);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(over);
  EXPECT_LE(budget.peak(), kLimit);
  EXPECT_EQ(budget.in_use(), 0U);
  for (int use = 0; use < kUses; ++use) EXPECT_EQ(budget.in_use(static_cast<Use>(use)), 0U);
}

TEST(Reservation, GivesBackWhenItDies) {
  Budget budget(100);
  {
    Reservation reservation(budget, Use::kStaging);
    EXPECT_TRUE(reservation.Resize(80));
    EXPECT_FALSE(reservation.Resize(101));
    EXPECT_EQ(reservation.bytes(), 80U);
    EXPECT_TRUE(reservation.Resize(30));
    EXPECT_EQ(budget.in_use(Use::kStaging), 30U);
  }
  EXPECT_EQ(budget.in_use(), 0U);
}

TEST(Reservation, MovesWhatItHolds) {
  Budget budget(100);
  Reservation first(budget, Use::kStaging);
  ASSERT_TRUE(first.Resize(40));
  Reservation second(std::move(first));
  EXPECT_EQ(second.bytes(), 40U);
  EXPECT_EQ(budget.in_use(), 40U);
  {
    Reservation third(budget, Use::kWorkspace);
    ASSERT_TRUE(third.Resize(50));
    third = std::move(second);
    EXPECT_EQ(third.bytes(), 40U);
  }
  second = Reservation();
  EXPECT_EQ(budget.in_use(), 0U);
}

TEST(BudgetResource, TakesWhatContainersAllocate) {
  Budget budget(1 << 20);
  BudgetResource resource(budget, Use::kTokenizer);
  {
    std::pmr::vector<double> numbers(1000, 1.0, &resource);
    EXPECT_GE(budget.in_use(Use::kTokenizer), 8000U);
    std::pmr::vector<double> moved = std::move(numbers);
    EXPECT_EQ(moved.size(), 1000U);
  }
  EXPECT_EQ(budget.in_use(), 0U);
}

TEST(BudgetResource, ThrowsOverBudgetAndLosesNothing) {
  Budget budget(1000);
  BudgetResource resource(budget, Use::kStaging);
  std::pmr::vector<char> bytes(&resource);
  bytes.resize(600);
  try {
    bytes.reserve(601);
    FAIL() << "took 601 of 400 bytes";
  } catch (const OverBudget& error) {
    EXPECT_EQ(error.wanted(), 601U);
    EXPECT_EQ(error.available(), 400U);
  }
  EXPECT_EQ(bytes.size(), 600U);
  EXPECT_EQ(budget.in_use(), 600U);
  EXPECT_THROW(bytes.reserve(500'000), std::bad_alloc);
  bytes = std::pmr::vector<char>(&resource);
  EXPECT_EQ(budget.in_use(), 0U);
}

TEST(BudgetResource, AlignsItsBlocks) {
  Budget budget(1 << 16);
  BudgetResource resource(budget, Use::kWorkspace);
  for (const size_t alignment : {1, 16, 64, 256, 4096}) {
    void* block = resource.allocate(100, alignment);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0U);
    resource.deallocate(block, 100, alignment);
  }
  EXPECT_EQ(budget.in_use(), 0U);
}

RC_GTEST_PROP(Reservation, HoldsWhatItsResizesSay, (const std::vector<uint16_t>& sizes)) {
  Budget budget(100'000);
  Reservation a(budget, Use::kStaging);
  Reservation b(budget, Use::kWeights);
  for (size_t i = 0; i < sizes.size(); ++i) {
    Reservation& mine = i % 2 == 0 ? a : b;
    const size_t other = budget.in_use() - mine.bytes();
    RC_ASSERT(mine.Resize(sizes[i]) == (other + sizes[i] <= budget.limit()));
    RC_ASSERT(budget.in_use() == a.bytes() + b.bytes());
    RC_ASSERT(budget.in_use() + budget.available() == budget.limit());
    RC_ASSERT(budget.peak() >= budget.in_use());
  }
}

TEST(Budget, APartTakesFromTheWholeToo) {
  auto whole = std::make_shared<Budget>(100);
  Budget a(80, whole), b(80, whole);
  EXPECT_TRUE(a.Take(70, Use::kWeights));
  EXPECT_FALSE(b.Take(40, Use::kWeights));  // The whole lacks it,
  EXPECT_FALSE(a.Take(20, Use::kWeights));  // or the part.
  EXPECT_EQ(b.available(), 30u);
  EXPECT_TRUE(b.Take(30, Use::kStaging));
  EXPECT_EQ(whole->in_use(), 100u);
  EXPECT_EQ(whole->in_use(Use::kStaging), 30u);
  EXPECT_EQ(b.peak(), 30u);  // What failed was never held.
  a.Give(70, Use::kWeights);
  EXPECT_EQ(whole->in_use(), 30u);
}

TEST(Budget, WhatReachesOnlyItselfIsNotTakenFromTheWhole) {
  auto whole = std::make_shared<Budget>(100);
  Budget part(80, whole);
  EXPECT_TRUE(part.Take(60, Use::kWeights, Reach::kOwn));
  EXPECT_EQ(whole->in_use(), 0u);
  EXPECT_FALSE(part.Take(21, Use::kWeights));
  part.Give(60, Use::kWeights, Reach::kOwn);
}

TEST(Budget, WhatWasTakenOutlivesTheLeavingOfThePart) {
  auto whole = std::make_shared<Budget>(100);
  Reservation adopted(*whole, Use::kWeights);
  {
    Budget part(80, whole);
    ASSERT_TRUE(part.Take(60, Use::kWeights));
    part.Leave();
    adopted.Adopt(60);
    part.Give(60, Use::kWeights);
    EXPECT_EQ(whole->in_use(), 60u);
  }
  adopted = Reservation();
  EXPECT_EQ(whole->in_use(), 0u);
}

TEST(Budget, RecentPeakBeginsAgain) {
  Budget budget(100);
  ASSERT_TRUE(budget.Take(90, Use::kStaging));
  budget.Give(50, Use::kStaging);
  budget.ResetPeak();
  EXPECT_EQ(budget.peak(), 90u);
  EXPECT_EQ(budget.recent_peak(), 40u);
}

}  // namespace
}  // namespace waterline
