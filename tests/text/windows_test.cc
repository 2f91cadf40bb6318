// SPDX-License-Identifier: Apache-2.0
#include "text/windows.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <vector>

namespace waterline {
namespace {

// Begins of words with the given numbers of tokens.
std::vector<uint32_t> Begins(const std::vector<uint32_t>& tokens) {
  std::vector<uint32_t> begins{0};
  for (const uint32_t t : tokens) begins.push_back(begins.back() + t);
  return begins;
}

std::optional<std::pmr::vector<Window>> Make(const std::vector<uint32_t>& tokens,
                                             const WindowLimits& limits, int32_t* too_long) {
  return MakeWindows(Begins(tokens), limits, std::pmr::get_default_resource(), too_long);
}

TEST(MakeWindows, GivesOneWindowToATextThatFits) {
  int32_t too_long = -1;
  for (const size_t words : {0u, 1u, 10u}) {
    const auto windows =
        Make(std::vector<uint32_t>(words, 1), {.words = 10, .tokens = 10, .overlap = 4}, &too_long);
    ASSERT_TRUE(windows);
    ASSERT_EQ(windows->size(), 1u);
    EXPECT_EQ((*windows)[0].begin, 0);
    EXPECT_EQ((*windows)[0].end, static_cast<int32_t>(words));
    EXPECT_EQ((*windows)[0].own_begin, 0);
    EXPECT_EQ((*windows)[0].own_end, static_cast<int32_t>(words));
  }
}

TEST(MakeWindows, SharesTheOverlapAndOwnsHalfOfIt) {
  int32_t too_long = -1;
  const auto windows =
      Make(std::vector<uint32_t>(16, 1), {.words = 10, .tokens = 100, .overlap = 4}, &too_long);
  ASSERT_TRUE(windows);
  ASSERT_EQ(windows->size(), 2u);
  EXPECT_EQ((*windows)[0].end, 10);
  EXPECT_EQ((*windows)[1].begin, 6);
  EXPECT_EQ((*windows)[0].own_end, 8);
  EXPECT_EQ((*windows)[1].own_begin, 8);
  EXPECT_EQ((*windows)[1].end, 16);
}

TEST(MakeWindows, NamesAWordThatIsTooLong) {
  int32_t too_long = -1;
  EXPECT_FALSE(Make({1, 1, 11, 1}, {.words = 10, .tokens = 10, .overlap = 2}, &too_long));
  EXPECT_EQ(too_long, 2);
}

TEST(MakeWindows, OwnsEachWordOnceWithinTheLimits) {
  EXPECT_TRUE(rc::check("", [] {
    const auto tokens =
        *rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange<uint32_t>(0, 7));
    const WindowLimits limits{.words = *rc::gen::inRange<int64_t>(2, 40),
                              .tokens = *rc::gen::inRange<int64_t>(6, 60),
                              .overlap = *rc::gen::inRange<int64_t>(0, 20)};
    const int64_t overlap = std::min(limits.overlap, limits.words / 2);
    int32_t too_long = -1;
    const auto begins = Begins(tokens);
    const auto windows = MakeWindows(begins, {limits.words, limits.tokens, overlap},
                                     std::pmr::get_default_resource(), &too_long);
    RC_ASSERT(windows.has_value());
    int32_t owned = 0;
    for (const Window& w : *windows) {
      RC_ASSERT(w.own_begin == owned);
      RC_ASSERT(w.begin <= w.own_begin);
      RC_ASSERT(w.own_end <= w.end);
      RC_ASSERT(w.own_begin < w.own_end || tokens.empty());
      RC_ASSERT(w.end - w.begin <= limits.words);
      RC_ASSERT(begins[static_cast<size_t>(w.end)] - begins[static_cast<size_t>(w.begin)] <=
                static_cast<uint32_t>(limits.tokens));
      owned = w.own_end;
    }
    RC_ASSERT(owned == static_cast<int32_t>(tokens.size()));
  }));
}

TEST(MakeWindows, HoldsEverySpanOfHalfTheOverlapWhole) {
  // Where the limits leave room, a span that starts in the owned words ends in the window.
  const std::vector<uint32_t> tokens(200, 1);
  int32_t too_long = -1;
  const auto windows = Make(tokens, {.words = 50, .tokens = 100, .overlap = 24}, &too_long);
  ASSERT_TRUE(windows);
  for (const Window& w : *windows) {
    const int32_t last_start = w.own_end - 1;
    EXPECT_LE(std::min(last_start + 12, 200), w.end);
  }
}

}  // namespace
}  // namespace waterline
