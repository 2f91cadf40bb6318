// Random passes through an arena: the plan never lets two live buffers meet, and is what is
// replayed. SPDX-License-Identifier: Apache-2.0
#include "memory/arena.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

namespace waterline {
namespace {

// A pass: bytes > 0 takes a buffer, bytes == 0 gives back the live buffer number `pick` modulo how
// many there are. What is left at the end is given back from the newest to the oldest.
struct Step {
  size_t bytes = 0;
  size_t pick = 0;
};

template <typename Visit>
void RunPass(Arena& arena, const std::vector<Step>& steps, Visit visit) {
  std::vector<int> live;
  for (const Step& step : steps) {
    if (step.bytes > 0) {
      live.push_back(arena.Take(step.bytes, "buffer"));
      visit(live, live.back(), step.bytes);
    } else if (!live.empty()) {
      const auto at = live.begin() + static_cast<ptrdiff_t>(step.pick % live.size());
      arena.Give(*at);
      live.erase(at);
    }
  }
  for (; !live.empty(); live.pop_back()) arena.Give(live.back());
}

Plan PlanOf(const std::vector<Step>& steps) {
  Arena arena(std::pmr::get_default_resource());
  RunPass(arena, steps, [](const auto&, int, size_t) {});
  return std::move(arena).MakePlan();
}

// Bytes aligned as an arena wants its block.
class Block {
 public:
  explicit Block(size_t size)
      : size_(size),
        data_(static_cast<std::byte*>(
            ::operator new (std::max<size_t>(size, 1), std::align_val_t{Arena::kAlign}))) {}
  ~Block() { ::operator delete (data_, std::align_val_t{Arena::kAlign}); }
  std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  const size_t size_;
  std::byte* const data_;
};

bool LiveTogether(const Slot& a, const Slot& b) { return a.birth < b.death && b.birth < a.death; }

// The most bytes alive at any one time: no plan can need less.
size_t LowerBound(const Plan& plan) {
  size_t most = 0;
  for (const Slot& at : plan.slots) {
    size_t alive = 0;
    for (const Slot& slot : plan.slots) {
      if (slot.birth <= at.birth && at.birth < slot.death) alive += slot.bytes;
    }
    most = std::max(most, alive);
  }
  return most;
}

std::vector<Step> AnyPass() {
  const auto numbers = *rc::gen::container<std::vector<std::pair<size_t, size_t>>>(
      rc::gen::pair(rc::gen::inRange<size_t>(0, 5000), rc::gen::inRange<size_t>(0, 100)));
  std::vector<Step> steps;
  for (const auto& [bytes, pick] : numbers) {
    steps.push_back({pick % 5 < 2 ? 0 : bytes + 1, pick});
  }
  return steps;
}

TEST(Arena, HandsOutNoMemoryWhenDry) {
  Arena arena(std::pmr::get_default_resource());
  EXPECT_TRUE(arena.dry());
  const int slot = arena.Take(100, "x");
  EXPECT_EQ(arena.Data(slot), nullptr);
  arena.Give(slot);
  const Plan plan = std::move(arena).MakePlan();
  ASSERT_EQ(plan.slots.size(), 1U);
  EXPECT_EQ(plan.bytes, Arena::kAlign);
  EXPECT_STREQ(plan.slots[0].name, "x");
}

TEST(Arena, ReusesTheMemoryOfBuffersThatAreGone) {
  // a lives alone, then b: they share an offset. c lives with b.
  const Plan plan = PlanOf({{1024}, {0, 0}, {1024}, {512}, {0, 0}, {0, 0}});
  EXPECT_EQ(plan.slots[0].offset, plan.slots[1].offset);
  EXPECT_EQ(plan.bytes, 1536U);
}

TEST(Arena, PlansNothingForNothing) {
  const Plan plan = PlanOf({});
  EXPECT_EQ(plan.bytes, 0U);
  Arena arena(std::span<std::byte>(), plan);
  EXPECT_FALSE(arena.dry());
}

TEST(Arena, AbortsWhenAReplayDepartsFromItsPlan) {
  const Plan plan = PlanOf({{1000}, {2000}, {0, 0}, {0, 0}});
  const Block block(plan.bytes);
  const auto replay = [&](const std::vector<Step>& steps) {
    Arena arena(block.bytes(), plan);
    RunPass(arena, steps, [](const auto&, int, size_t) {});
  };
  replay({{1000}, {2000}, {0, 0}, {0, 0}});
  EXPECT_DEATH(replay({{1000}, {3000}, {0, 0}, {0, 0}}), "broken invariant");  // Another size.
  EXPECT_DEATH(replay({{1000}, {2000}, {0, 1}, {0, 0}}), "broken invariant");  // Another order.
  EXPECT_DEATH(replay({{1000}, {0, 0}, {2000}}), "broken invariant");          // Given too early.
  EXPECT_DEATH(replay({{1000}, {2000}, {5}}), "broken invariant");             // One too many.
}

TEST(Arena, AbortsWhenItsBlockIsTooSmall) {
  const Plan plan = PlanOf({{1000}});
  const Block block(plan.bytes - 1);
  EXPECT_DEATH(Arena(block.bytes(), plan), "broken invariant");
}

TEST(Arena, AbortsWhenABufferWasNotGivenBack) {
  Arena arena(std::pmr::get_default_resource());
  arena.Take(10, "kept");
  EXPECT_DEATH((void)std::move(arena).MakePlan(), "broken invariant");
}

RC_GTEST_PROP(Arena, NeverLetsLiveBuffersMeet, ()) {
  const Plan plan = PlanOf(AnyPass());
  for (const Slot& a : plan.slots) {
    RC_ASSERT(a.offset % Arena::kAlign == 0 && a.bytes % Arena::kAlign == 0);
    RC_ASSERT(a.offset + a.bytes <= plan.bytes);
    for (const Slot& b : plan.slots) {
      if (&a == &b || !LiveTogether(a, b)) continue;
      RC_ASSERT(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
    }
  }
}

// First fit by size is a heuristic; on random passes it stays close to the bound. (Real passes,
// whose buffers nest, meet it.)
RC_GTEST_PROP(Arena, NeedsLittleMoreThanWhatIsAlive, ()) {
  const Plan plan = PlanOf(AnyPass());
  const size_t bound = LowerBound(plan);
  RC_ASSERT(plan.bytes >= bound);
  RC_ASSERT(plan.bytes <= 2 * bound);
}

RC_GTEST_PROP(Arena, NeedsNoMoreThanWhatIsAliveWhenBuffersNest, ()) {
  // Give back in the reverse order of Take only.
  const auto sizes = *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, 5000));
  Arena arena(std::pmr::get_default_resource());
  std::vector<int> live;
  for (const size_t bytes : sizes) {
    if (bytes % 3 != 0) {
      live.push_back(arena.Take(bytes, "nested"));
    } else if (!live.empty()) {
      arena.Give(live.back());
      live.pop_back();
    }
  }
  for (; !live.empty(); live.pop_back()) arena.Give(live.back());
  const Plan plan = std::move(arena).MakePlan();
  RC_ASSERT(plan.bytes <= LowerBound(plan) * 3 / 2);
}

RC_GTEST_PROP(Arena, ReplaysWhatItPlanned, ()) {
  const std::vector<Step> steps = AnyPass();
  const Plan plan = PlanOf(steps);
  const Block block(plan.bytes);
  Arena arena(block.bytes(), plan);
  std::vector<size_t> sizes;
  // Each buffer is filled with its number; all live ones must still hold theirs.
  RunPass(arena, steps, [&](const std::vector<int>& live, int slot, size_t bytes) {
    sizes.push_back(bytes);
    std::byte* data = arena.Data(slot);
    RC_ASSERT(data == block.bytes().data() + plan.slots[static_cast<size_t>(slot)].offset);
    RC_ASSERT(reinterpret_cast<uintptr_t>(data) % Arena::kAlign == 0);
    std::memset(data, slot % 251, bytes);
    for (const int other : live) {
      const std::byte* begin = arena.Data(other);
      const std::byte* end = begin + sizes[static_cast<size_t>(other)];
      RC_ASSERT(std::all_of(begin, end, [&](std::byte b) { return b == std::byte(other % 251); }));
    }
  });
}

}  // namespace
}  // namespace waterline
