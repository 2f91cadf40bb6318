// SPDX-License-Identifier: Apache-2.0
#include "seen_ids.h"

#include <gtest/gtest.h>

#include <string>

namespace waterline::cli {
namespace {

TEST(SeenIds, RemembersSoManyAndNoMore) {
  SeenIds ids;
  EXPECT_FALSE(ids.Repeats("a"));
  EXPECT_TRUE(ids.Repeats("a"));
  for (size_t i = 1; i < SeenIds::kMost; ++i) ASSERT_FALSE(ids.Repeats(std::to_string(i)));
  EXPECT_TRUE(ids.full());
  EXPECT_TRUE(ids.Repeats("17"));
  EXPECT_FALSE(ids.Repeats("new"));
  EXPECT_FALSE(ids.Repeats("new"));
  ids.Clear();
  EXPECT_FALSE(ids.Repeats("17"));
}

}  // namespace
}  // namespace waterline::cli
