// SPDX-License-Identifier: Apache-2.0
#include "memory/workspace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include "memory/arena.h"
#include "memory/block.h"
#include "memory/machine.h"

namespace waterline {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const WaitLimit kNoLimit{};

class WorkspaceTest : public testing::Test {
 protected:
  Workspace& Make(size_t bytes, int workers) {
    Result<Block> block = Block::Make(bytes, budget_, Use::kWorkspace);
    EXPECT_TRUE(block.ok()) << block.error().message;
    block_ = std::move(*block);
    return workspace_.emplace(block_.bytes(), block_.size(), workers);
  }
  static Workspace::Part Must(Result<Workspace::Part> part) {
    EXPECT_TRUE(part.ok()) << part.error().message;
    return std::move(*part);
  }

  Budget budget_{size_t{64} << 20};
  Block block_;
  std::optional<Workspace> workspace_;
};

TEST_F(WorkspaceTest, GivesPartsOfWhatIsAskedAndAllToALargePass) {
  Workspace& workspace = Make(1 << 20, 4);
  EXPECT_EQ(workspace.share(), size_t{1} << 18);
  {
    const Workspace::Part a = Must(workspace.Acquire(1000, kNoLimit));
    const Workspace::Part b = Must(workspace.Acquire(workspace.share(), kNoLimit));
    EXPECT_EQ(a.bytes().size(), 1024u);  // Whole units of alignment.
    EXPECT_EQ(reinterpret_cast<uintptr_t>(b.bytes().data()) % Arena::kAlign, 0u);
    EXPECT_TRUE(a.bytes().data() + a.bytes().size() <= b.bytes().data() ||
                b.bytes().data() + b.bytes().size() <= a.bytes().data());
    EXPECT_EQ(workspace.in_use(), 1024u + workspace.share());
  }
  const Workspace::Part all = Must(workspace.Acquire(1 << 20, kNoLimit));
  std::memset(all.bytes().data(), 1, all.bytes().size());
  EXPECT_EQ(workspace.peak(), size_t{1} << 20);
}

TEST_F(WorkspaceTest, PartsThatLiveTogetherNeverOverlap) {
  Workspace& workspace = Make((1 << 20) - 4096, 3);
  std::atomic<bool> overlap{false};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 200; ++i) {
        const size_t bytes = 1 + random() % workspace.size();
        const bool leases = t == 0 && bytes < workspace.size() / 2;
        const Result<Workspace::Part> part =
            leases ? workspace.Lease(bytes, kNoLimit) : workspace.Acquire(bytes, kNoLimit);
        if (!part.ok()) continue;  // Larger than what the lease of thread 0 left.
        const auto mark = static_cast<std::byte>(t + 1);
        std::fill_n(part->bytes().begin(), std::min<size_t>(bytes, 4096), mark);
        part->bytes().back() = mark;
        std::this_thread::yield();
        if (part->bytes().front() != mark || part->bytes().back() != mark) overlap = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(overlap);
  EXPECT_EQ(workspace.in_use(), 0u);
  EXPECT_EQ(workspace.leased(), 0u);
}

TEST_F(WorkspaceTest, ALargePassIsNotStarvedBySmallOnes) {
  Workspace& workspace = Make(1 << 20, 2);
  std::optional<Workspace::Part> first(Must(workspace.Acquire(1, kNoLimit)));
  std::atomic<bool> large_done{false};
  std::thread large([&] {
    const Workspace::Part part = Must(workspace.Acquire(1 << 20, kNoLimit));
    large_done = true;
  });
  std::this_thread::sleep_for(milliseconds(20));
  // Comes later and would fit now, but waits its turn.
  std::atomic<bool> small_before_large{false};
  std::thread small([&] {
    const Workspace::Part part = Must(workspace.Acquire(1, kNoLimit));
    small_before_large = !large_done;
  });
  std::this_thread::sleep_for(milliseconds(20));
  first.reset();
  large.join();
  small.join();
  EXPECT_FALSE(small_before_large);
}

TEST_F(WorkspaceTest, WaitingEndsAtTheDeadlineAndLeavesTheLine) {
  Workspace& workspace = Make(1 << 20, 2);
  std::optional<Workspace::Part> all(Must(workspace.Acquire(1 << 20, kNoLimit)));
  const auto late = workspace.Acquire(1, {.deadline = steady_clock::now() + milliseconds(5)});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, Code::kDeadline);
  all.reset();
  EXPECT_TRUE(workspace.Acquire(1, kNoLimit).ok());  // Nobody stands in front.
}

TEST_F(WorkspaceTest, WaitingEndsWhenAStopIsRequested) {
  Workspace& workspace = Make(1 << 20, 2);
  const Workspace::Part all = Must(workspace.Acquire(1 << 20, kNoLimit));
  std::stop_source source;
  std::thread waiting([&] {
    const auto stopped = workspace.Acquire(1, {.stop = source.get_token()});
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.error().code, Code::kCancelled);
  });
  std::this_thread::sleep_for(milliseconds(5));
  source.request_stop();
  waiting.join();
}

TEST_F(WorkspaceTest, ALeaseTakesWholePagesFromTheEndAndReducesTheShare) {
  Workspace& workspace = Make(1 << 20, 2);
  const Workspace::Part pass = Must(workspace.Acquire(1000, kNoLimit));
  {
    const Workspace::Part lease = Must(workspace.Lease(5000, kNoLimit));
    EXPECT_EQ(lease.bytes().size(), 2 * kPage);
    EXPECT_EQ(lease.bytes().data() + lease.bytes().size(), block_.bytes().data() + block_.size());
    EXPECT_EQ(workspace.leased(), 2 * kPage);
    EXPECT_EQ(workspace.capacity(), (size_t{1} << 20) - 2 * kPage);
    EXPECT_LT(workspace.share(), size_t{1} << 19);
    const auto all = workspace.Acquire(1 << 20, kNoLimit);
    ASSERT_FALSE(all.ok());  // Does not wait for the end of a lease.
    EXPECT_EQ(all.error().code, Code::kOverBudget);
    lease.bytes().front() = std::byte{1};
  }
  EXPECT_EQ(workspace.capacity(), size_t{1} << 20);
  EXPECT_EQ(block_.bytes()[(1 << 20) - 2 * kPage], std::byte{0});  // Its pages went back.
}

TEST_F(WorkspaceTest, RefusesALeaseThatIsLargerThanItself) {
  Workspace& workspace = Make(1 << 20, 2);
  for (const size_t bytes : {(size_t{1} << 20) + 1, SIZE_MAX, SIZE_MAX - 100}) {
    const auto lease = workspace.Lease(bytes, kNoLimit);
    ASSERT_FALSE(lease.ok());
    EXPECT_EQ(lease.error().code, Code::kOverBudget);
  }
}

TEST_F(WorkspaceTest, TrimGivesBackWhatNobodyHolds) {
  Workspace& workspace = Make(32 << 20, 2);
  {
    const Workspace::Part all = Must(workspace.Acquire(32 << 20, kNoLimit));
    std::memset(all.bytes().data(), 1, all.bytes().size());
  }
  const Workspace::Part held = Must(workspace.Acquire(1 << 20, kNoLimit));
  held.bytes()[5] = std::byte{7};
  const size_t before = ReadResidentMemory().now;
  workspace.Trim();
  const size_t after = ReadResidentMemory().now;
  EXPECT_LT(after + (size_t{30} << 20), before);
  EXPECT_EQ(held.bytes()[5], std::byte{7});
}

}  // namespace
}  // namespace waterline
