// SPDX-License-Identifier: Apache-2.0
#include "engine/sizing.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "memory/block.h"

namespace waterline {
namespace {

std::vector<size_t> Begins(std::span<const int64_t> tokens, int64_t batch_tokens, int threads) {
  const auto begins = BatchBegins(tokens, batch_tokens, threads, std::pmr::get_default_resource());
  return {begins.begin(), begins.end()};
}

TEST(BatchBegins, CoversAllSequencesWithinTheLimit) {
  EXPECT_TRUE(rc::check("", [] {
    auto tokens = *rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(1, 600));
    std::sort(tokens.rbegin(), tokens.rend());
    const int64_t limit = *rc::gen::inRange<int64_t>(1, 2000);
    const int threads = *rc::gen::inRange(1, 9);
    const std::vector<size_t> begins = Begins(tokens, limit, threads);
    RC_ASSERT(begins.front() == 0u);
    RC_ASSERT(begins.back() == tokens.size());
    for (size_t b = 1; b < begins.size(); ++b) {
      RC_ASSERT(begins[b - 1] < begins[b]);
      const int64_t sum =
          std::accumulate(tokens.begin() + static_cast<std::ptrdiff_t>(begins[b - 1]),
                          tokens.begin() + static_cast<std::ptrdiff_t>(begins[b]), int64_t{0});
      RC_ASSERT(sum <= limit || begins[b] - begins[b - 1] == 1);
    }
  }));
}

TEST(BatchBegins, GivesEveryWorkerItsShare) {
  // Eight texts on two workers: one pass each rather than one for all.
  const std::vector<int64_t> tokens(8, 100);
  EXPECT_EQ(Begins(tokens, 1024, 2), (std::vector<size_t>{0, 4, 8}));
  EXPECT_EQ(Begins(tokens, 1024, 1), (std::vector<size_t>{0, 8}));
  EXPECT_EQ(Begins({}, 1024, 2), (std::vector<size_t>{0}));
}

TEST(MembersOf, IdleWorkersHelpWithTheLastPasses) {
  EXPECT_EQ(MembersOf(0, 1, 1), 1);
  EXPECT_EQ(MembersOf(0, 1, 4), 4);
  EXPECT_EQ(MembersOf(1, 6, 4), 1);
  EXPECT_EQ(MembersOf(2, 6, 4), 4);
  EXPECT_EQ(MembersOf(5, 6, 4), 4);
  EXPECT_EQ(MembersOf(0, 1, 1000), Team::kMost);
}

TEST(DivideRoom, KeepsItsSharesWithinWhatThereIs) {
  constexpr size_t kMiB = size_t{1} << 20;
  for (const size_t available : {size_t{0}, size_t{100}, kMiB, 3 * kMiB, 100 * kMiB, 4096 * kMiB}) {
    const Room room = DivideRoom(available, 2);
    EXPECT_LE(room.staging + room.workspace, available);
  }
  EXPECT_EQ(DivideRoom(100 * kMiB, 2).staging, 25 * kMiB);
  EXPECT_EQ(DivideRoom(4096 * kMiB, 2).staging, 65 * kMiB + kMiB / 8);
  EXPECT_EQ(DivideRoom(4096 * kMiB, 2).workspace, 256 * kMiB);
}

TEST(LeastRoom, IsEnoughForTheWorkspaceAndNoMore) {
  for (const size_t workspace :
       {size_t{4096}, size_t{1} << 20, size_t{1} << 22, size_t{77777777}}) {
    const size_t room = LeastRoom(workspace, 1);
    EXPECT_GE(DivideRoom(room, 1).workspace, workspace);
    EXPECT_LT(DivideRoom(room - 4 * kPage, 1).workspace, workspace);  // Whole pages.
  }
}

TEST(Resolve, RefusesWhatMakesNoSense) {
  EXPECT_FALSE(Resolve({.threads = -1}).ok());
  EXPECT_FALSE(Resolve({.threads = 100000}).ok());
  EXPECT_FALSE(Resolve({.batch_tokens = -1}).ok());
  const auto isa = Resolve({.isa = "sse9"});
  ASSERT_FALSE(isa.ok());
  EXPECT_NE(isa.error().message.find("sse9"), std::string::npos);
  EXPECT_GE(Resolve({})->threads, 1);
  EXPECT_GT(Resolve({})->budget, 0u);
}

}  // namespace
}  // namespace waterline
