// SPDX-License-Identifier: Apache-2.0
#include "memory/turnstile.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

namespace waterline {
namespace {

TEST(Turnstile, NeverLetsInMoreThanItsCapacity) {
  Turnstile turnstile(100);
  std::atomic<size_t> inside{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (size_t t = 1; t <= 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        const auto pass = turnstile.Enter(t * 12, {});
        if ((inside += t * 12) > 100) over = true;
        inside -= t * 12;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(over);
}

TEST(Turnstile, LetsInAloneWhatIsLargerThanItself) {
  Turnstile turnstile(10);
  { EXPECT_TRUE(turnstile.Enter(1000000, {}).ok()); }
  const auto all = turnstile.EnterAlone({});
  ASSERT_TRUE(all.ok());
  const auto late = turnstile.Enter(
      1, {.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(2)});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, Code::kDeadline);
}

TEST(Turnstile, ServesInOrderOfArrivalThoughSomeGiveUp) {
  Turnstile turnstile(10);
  std::vector<int> order;
  std::mutex mutex;
  std::vector<std::thread> threads;
  {
    const auto all = turnstile.EnterAlone({});
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        WaitLimit limit;
        if (i % 2 == 1) limit.deadline = std::chrono::steady_clock::now();
        const auto pass = turnstile.Enter(10, limit);
        const std::lock_guard lock(mutex);
        if (pass.ok()) order.push_back(i);
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // So that they come in order.
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 2, 4}));
}

}  // namespace
}  // namespace waterline
