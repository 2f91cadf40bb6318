// SPDX-License-Identifier: Apache-2.0
#include "encoder/pre_norm.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace waterline {
namespace {

// The distances at which T5Attention._relative_position_bucket of transformers 4.57.6 changes.
TEST(T5Bucket, EqualsTheReferenceAtEveryDistance) {
  struct Table {
    int64_t buckets, max_distance;
    std::vector<std::pair<int64_t, int64_t>> changes;
  };
  const Table tables[] = {
      {32, 128, {{-700, 15}, {-90, 14}, {-63, 13}, {-45, 12}, {-31, 11}, {-22, 10}, {-15, 9},
                 {-11, 8},   {-7, 7},   {-6, 6},   {-5, 5},   {-4, 4},   {-3, 3},   {-2, 2},
                 {-1, 1},    {0, 0},    {1, 17},   {2, 18},   {3, 19},   {4, 20},   {5, 21},
                 {6, 22},    {7, 23},   {8, 24},   {12, 25},  {16, 26},  {23, 27},  {32, 28},
                 {46, 29},   {64, 30},  {91, 31}}},
      {16,
       100,
       {{-700, 7},
        {-44, 6},
        {-19, 5},
        {-8, 4},
        {-3, 3},
        {-2, 2},
        {-1, 1},
        {0, 0},
        {1, 9},
        {2, 10},
        {3, 11},
        {4, 12},
        {9, 13},
        {20, 14},
        {45, 15}}},
  };
  for (const Table& table : tables) {
    size_t at = 0;
    for (int64_t distance = -700; distance <= 700; ++distance) {
      while (at + 1 < table.changes.size() && table.changes[at + 1].first <= distance) ++at;
      EXPECT_EQ(T5Bucket(distance, table.buckets, table.max_distance), table.changes[at].second)
          << "distance " << distance;
    }
  }
}

}  // namespace
}  // namespace waterline
