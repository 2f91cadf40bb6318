// SPDX-License-Identifier: Apache-2.0
#include "memory/turnstile.h"

#include <gtest/gtest.h>

#include <atomic>
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
        const Turnstile::Pass pass(turnstile, t * 12);
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
  { const Turnstile::Pass pass(turnstile, 1000000); }
  const Turnstile::Pass again(turnstile, 10);
}

}  // namespace
}  // namespace waterline
