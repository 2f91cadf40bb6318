// Jobs on several threads: each piece once, stages apart, problems in order, memory within bounds.
// SPDX-License-Identifier: Apache-2.0
#include "ops/packing_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "memory/budget.h"

namespace waterline {
namespace {

using testing::ElementsAre;

TEST(PackingJobs, RunEachPieceOnceAndStagesOneAfterAnother) {
  for (const int threads : {1, 2, 7}) {
    PackingJobs jobs(std::pmr::get_default_resource());
    std::vector<std::atomic<int>> runs(5 * 40);
    std::atomic<int> read = 0, early = 0;
    for (int64_t job = 0; job < 40; ++job) {
      jobs.Add(Stage::kProject, 1, [&](int64_t, float*) {
        early += read != 5 * 40;
        return std::string();
      });
      jobs.Add(Stage::kRead, 5, [&, job](int64_t piece, float*) {
        ++runs[static_cast<size_t>(5 * job + piece)];
        ++read;
        return std::string();
      });
    }
    std::vector<std::string> problems;
    jobs.Run(threads, 0, problems);
    for (const std::atomic<int>& count : runs) EXPECT_EQ(count, 1);
    EXPECT_EQ(early, 0);
    EXPECT_TRUE(problems.empty());
  }
}

TEST(PackingJobs, TellTheFirstProblemOfEachJobInTheOrderOfTheJobs) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    PackingJobs jobs(std::pmr::get_default_resource());
    for (int64_t job = 0; job < 3; ++job) {
      jobs.Add(Stage::kRead, 20, [job](int64_t piece, float*) {
        return piece < 3 || job == 1 ? std::string()
                                     : std::to_string(job) + "." + std::to_string(piece);
      });
    }
    jobs.Add(Stage::kRead, 1, [](int64_t, float*) { return std::string("0.3"); });
    jobs.Add(Stage::kNormalise, 1, [](int64_t, float*) { return std::string("later"); });
    std::vector<std::string> problems = {"before"};
    jobs.Run(4, 0, problems);
    EXPECT_THAT(problems, ElementsAre("before", "0.3", "2.3", "later"));
  }
}

TEST(PackingJobs, GiveEachThreadItsOwnAlignedScratch) {
  PackingJobs jobs(std::pmr::get_default_resource());
  std::mutex mutex;
  std::multiset<float*> busy;
  bool shared = false, unaligned = false;
  jobs.Add(Stage::kRead, 500, [&](int64_t, float* scratch) {
    const auto enter = [&](bool in) {
      const std::lock_guard lock(mutex);
      unaligned |= reinterpret_cast<uintptr_t>(scratch) % 64 != 0;
      if (in) {
        shared |= busy.contains(scratch);
        busy.insert(scratch);
      } else {
        busy.erase(scratch);
      }
    };
    enter(true);
    for (int i = 0; i < 100; ++i) scratch[i] = 1;
    enter(false);
    return std::string();
  });
  std::vector<std::string> problems;
  jobs.Run(4, 100, problems);
  EXPECT_FALSE(shared);
  EXPECT_FALSE(unaligned);
}

TEST(PackingJobs, UseFewerThreadsWhereMemoryIsShort) {
  constexpr int64_t kFloats = 10000;
  for (const size_t threads : {1, 2, 3}) {
    Budget budget(threads * PackingJobs::KeptBytes(kFloats));
    BudgetResource memory(budget, Use::kLoading);
    {
      PackingJobs jobs(&memory);
      std::atomic<int> pieces = 0;
      jobs.Add(Stage::kRead, 100, [&](int64_t, float*) {
        ++pieces;
        return std::string();
      });
      std::vector<std::string> problems;
      jobs.Run(3, kFloats, problems);
      EXPECT_EQ(pieces, 100);
      EXPECT_GT(budget.peak(), threads * kFloats * sizeof(float));
    }
    EXPECT_EQ(budget.in_use(), 0u);
  }
  Budget none(1000);
  BudgetResource memory(none, Use::kLoading);
  PackingJobs jobs(&memory);
  std::vector<std::string> problems;
  EXPECT_THROW(jobs.Run(3, kFloats, problems), OverBudget);
}

TEST(PackingJobs, ReportMemoryThatAPieceLacks) {
  for (const int threads : {1, 3}) {
    PackingJobs jobs(std::pmr::get_default_resource());
    jobs.Add(Stage::kRead, 10, [](int64_t piece, float*) -> std::string {
      if (piece == 4) throw std::bad_alloc();
      return {};
    });
    std::vector<std::string> problems;
    EXPECT_THROW(jobs.Run(threads, 0, problems), std::bad_alloc);
  }
}

}  // namespace
}  // namespace waterline
