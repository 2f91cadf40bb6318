// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace waterline {
namespace {

TEST(ThreadPool, RunsEachItemOnce) {
  ThreadPool pool(3, {});
  for (const int64_t count : {0, 1, 2, 3, 100, 1000}) {
    std::vector<std::atomic<int>> ran(static_cast<size_t>(count));
    pool.For(count, [&](int64_t i) { ++ran[static_cast<size_t>(i)]; });
    for (const auto& times : ran) EXPECT_EQ(times, 1);
  }
}

TEST(ThreadPool, ServesSeveralCallersAtOnce) {
  ThreadPool pool(2, {});
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 8; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) pool.For(20, [&](int64_t i) { sum += i; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 8 * 50 * 190);
}

TEST(ThreadPool, NeverRunsMoreItemsAtATimeThanThreads) {
  ThreadPool pool(2, {});
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      pool.For(25, [&](int64_t) {
        const int now = ++running;
        int seen = most;
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --running;
      });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_LE(most, 2);
}

TEST(ThreadPool, PreparesEachWorkerFirst) {
  std::atomic<int> prepared{0};
  {
    ThreadPool pool(4, [&] { ++prepared; });
  }
  EXPECT_EQ(prepared, 4);
}

}  // namespace
}  // namespace waterline
