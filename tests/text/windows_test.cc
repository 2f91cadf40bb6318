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
  return MakeWindows(
      Begins(tokens), limits, [](int32_t) { return false; }, std::pmr::get_default_resource(),
      too_long);
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
    const int32_t sentence = *rc::gen::inRange(1, 40);
    const auto windows = MakeWindows(
        begins, {limits.words, limits.tokens, overlap},
        [&](int32_t word) { return word % sentence == 0; }, std::pmr::get_default_resource(),
        &too_long);
    RC_ASSERT(windows.has_value());
    int32_t owned = 0, before_end = 0;
    for (const Window& w : *windows) {
      RC_ASSERT(w.alone_begin == before_end);
      RC_ASSERT(w.end > before_end || tokens.empty());
      before_end = w.end;
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

TEST(MakeWindows, PutsTheBorderWhereASentenceBegins) {
  const auto make = [](int32_t sentence) {
    int32_t too_long = -1;
    const auto windows = MakeWindows(
        Begins(std::vector<uint32_t>(55, 1)), {.words = 40, .tokens = 100, .overlap = 12},
        [&](int32_t word) { return word == sentence; }, std::pmr::get_default_resource(),
        &too_long);
    EXPECT_EQ(windows->size(), 2u);
    EXPECT_EQ((*windows)[0].own_end, (*windows)[1].own_begin);
    return std::pair((*windows)[1].begin, (*windows)[1].own_begin);
  };
  EXPECT_EQ(make(-1), std::pair(28, 34));  // No sentence begins near the end: the middle.
  EXPECT_EQ(make(34), std::pair(28, 34));
  EXPECT_EQ(make(30), std::pair(24, 30));
  EXPECT_EQ(make(22), std::pair(16, 22));  // As far back as the overlap is long,
  EXPECT_EQ(make(21), std::pair(28, 34));  // no farther,
  EXPECT_EQ(make(35), std::pair(28, 34));  // and never nearer to the end.
}

TEST(MakeWindows, OwnsHalfOfWhatItCouldAtLeast) {
  // However short sentences and windows are, a text is not read many times.
  int32_t too_long = -1;
  const auto windows = MakeWindows(
      Begins(std::vector<uint32_t>(2000, 1)), {.words = 20, .tokens = 100, .overlap = 10},
      [](int32_t word) { return word % 7 == 0; }, std::pmr::get_default_resource(), &too_long);
  ASSERT_TRUE(windows);
  EXPECT_LT(windows->size(), 2u * 2000 / 10);
}

}  // namespace
}  // namespace waterline
