// SPDX-License-Identifier: Apache-2.0
#include "base/team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <numeric>
#include <thread>
#include <vector>

#include "base/thread_pool.h"

namespace waterline {
namespace {

using std::chrono_literals::operator""ms;

// Runs `fn` on a worker of `pool`.
void OnWorker(ThreadPool& pool, FunctionRef<void()> fn) {
  pool.For(1, [&](int64_t) { fn(); });
}

// Waits until `done`, for at most ten seconds.
template <typename Done>
bool Eventually(Done done) {
  for (int i = 0; i < 10000 && !done(); ++i) std::this_thread::sleep_for(1ms);
  return done();
}

TEST(Team, RunsEachIndexOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads, {});
    OnWorker(pool, [&] {
      Team team(threads, &pool);
      for (int64_t round = 0; round < 2000; ++round) {
        const int64_t count = round % 37;
        std::vector<int> ran(
            static_cast<size_t>(count));  // Races here are the sanitizer's to find.
        std::vector<std::atomic<int>> busy(static_cast<size_t>(threads));
        team.For(count, [&](int64_t begin, int64_t end, int member) {
          ASSERT_LT(begin, end);
          ASSERT_TRUE(0 <= member && member < threads);
          EXPECT_EQ(busy[static_cast<size_t>(member)]++, 0);
          for (int64_t i = begin; i < end; ++i) ++ran[static_cast<size_t>(i)];
          --busy[static_cast<size_t>(member)];
        });
        for (const int times : ran) ASSERT_EQ(times, 1) << round;
      }
    });
  }
}

TEST(Team, ALoopSeesWhatTheOneBeforeWrote) {
  ThreadPool pool(3, {});
  OnWorker(pool, [&] {
    Team team(3, &pool);
    std::vector<int64_t> values(100, 0), next(100, 0);
    for (int64_t round = 1; round <= 3000; ++round) {
      team.For(100, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          next[static_cast<size_t>(i)] = values[static_cast<size_t>(99 - i)] + 1;
        }
      });
      values.swap(next);
      ASSERT_EQ(std::accumulate(values.begin(), values.end(), int64_t{0}), 100 * round);
    }
  });
}

TEST(Team, IsAloneWithoutAPool) {
  Team team(4);
  int calls = 0;
  team.For(10, [&](int64_t begin, int64_t end, int member) {
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 10);
    EXPECT_EQ(member, 0);
    ++calls;
  });
  EXPECT_EQ(calls, 1);
}

TEST(Team, IdleWorkersHelp) {
  ThreadPool pool(3, {});
  OnWorker(pool, [&] {
    Team team(3, &pool);
    std::atomic<int> inside{0};
    // Ends only with three members inside at once.
    team.For(6, [&](int64_t, int64_t, int) {
      ++inside;
      EXPECT_TRUE(Eventually([&] { return inside >= 3; }));
    });
  });
}

TEST(Team, HelpersThatFellAsleepComeBack) {
  ThreadPool pool(2, {});
  OnWorker(pool, [&] {
    Team team(2, &pool);
    for (int round = 0; round < 5; ++round) {
      std::this_thread::sleep_for(20ms);
      std::atomic<int> inside{0};
      team.For(2, [&](int64_t, int64_t, int) {
        ++inside;
        EXPECT_TRUE(Eventually([&] { return inside >= 2; }));
      });
    }
  });
}

TEST(Team, HelpersLeaveForItemsOfThePool) {
  ThreadPool pool(2, {});
  std::atomic<bool> other_ran{false};
  std::thread caller;
  OnWorker(pool, [&] {
    Team team(2, &pool);
    std::atomic<bool> helped{false};
    team.For(1000, [&](int64_t, int64_t, int member) {
      if (member == 1) helped = true;
      Eventually([&] { return helped.load(); });
    });
    // The other worker is in the team, and the item is its own all the same.
    caller = std::thread([&] { pool.For(1, [&](int64_t) { other_ran = true; }); });
    while (!other_ran) team.For(100, [](int64_t, int64_t, int) {});
  });
  caller.join();
  EXPECT_TRUE(other_ran);
}

TEST(Team, SeveralShareTheIdleWorkers) {
  ThreadPool pool(5, {});
  std::vector<std::thread> callers;
  std::atomic<int64_t> sum{0};
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        pool.For(3, [&](int64_t) {
          Team team(5, &pool);
          for (int loop = 0; loop < 10; ++loop) {
            team.For(20, [&](int64_t begin, int64_t end, int) {
              for (int64_t i = begin; i < end; ++i) sum += i;
            });
          }
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 50 * 3 * 10 * 190);
}

TEST(Team, IdleHelpersBurnNoTime) {
  ThreadPool pool(4, {});
  OnWorker(pool, [&] {
    Team team(4, &pool);
    team.For(100, [](int64_t, int64_t, int) {});
    std::this_thread::sleep_for(50ms);  // More than enough to fall asleep.
    const std::clock_t before = std::clock();
    std::this_thread::sleep_for(300ms);
    const double busy = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
    EXPECT_LT(busy, 0.15);
  });
}

}  // namespace
}  // namespace waterline
