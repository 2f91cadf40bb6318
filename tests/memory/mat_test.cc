// SPDX-License-Identifier: Apache-2.0
#include "memory/mat.h"

#include <gtest/gtest.h>

#include <new>
#include <utility>

namespace waterline {
namespace {

MatView Numbered(float* data, int64_t rows, int64_t cols, int64_t stride) {
  for (int64_t i = 0; i < rows * stride; ++i) data[i] = static_cast<float>(i);
  return {data, rows, cols, stride};
}

TEST(MatView, SelectsRowsAndColumnsInPlace) {
  float data[5 * 8];
  const MatView view = Numbered(data, 5, 6, 8);
  const MatView rows = view.Rows(1, 4);
  EXPECT_EQ(rows.rows, 3);
  EXPECT_EQ(rows.cols, 6);
  EXPECT_EQ(rows.row(0), data + 8);
  const MatView cols = view.Cols(2, 5);
  EXPECT_EQ(cols.rows, 5);
  EXPECT_EQ(cols.cols, 3);
  EXPECT_EQ(cols.row(1)[0], 10.0f);
  const MatView part = view.Rows(2, 4).Cols(1, 6);
  EXPECT_EQ(part.row(1)[4], 3 * 8 + 5.0f);
}

TEST(MatView, MayBeEmpty) {
  float data[4 * 4];
  const MatView view = Numbered(data, 4, 4, 4);
  EXPECT_TRUE(MatView().empty());
  EXPECT_TRUE(view.Rows(4, 4).empty());
  EXPECT_TRUE(view.Cols(0, 0).empty());
  EXPECT_FALSE(view.empty());
}

TEST(MatView, StaysNullWhenDry) {
  const MatView view{nullptr, 4, 4, 16};
  EXPECT_EQ(view.Rows(1, 3).data, nullptr);
  EXPECT_EQ(view.Cols(1, 3).data, nullptr);
}

TEST(MatView, AbortsOutsideItsBounds) {
  const MatView view{nullptr, 4, 3, 16};
  EXPECT_DEATH((void)view.Rows(0, 5), "broken invariant");
  EXPECT_DEATH((void)view.Rows(3, 2), "broken invariant");
  EXPECT_DEATH((void)view.Cols(-1, 2), "broken invariant");
  EXPECT_DEATH((void)view.Cols(0, 4), "broken invariant");
}

// What a pass does: dry for the plan, then in a block.
void Pass(Arena& arena) {
  Mat a(arena, 3, 5, "a");
  EXPECT_EQ(a.view().stride, 16);
  EXPECT_EQ(a.view().data == nullptr, arena.dry());
  {
    Mat b(arena, 2, 17, "b");
    EXPECT_EQ(b.view().stride, 32);
    if (!arena.dry()) {
      for (int64_t r = 0; r < b.rows(); ++r) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>(b.view().row(r)) % 64, 0U);
      }
    }
  }
  Mat c(arena, 1, 1, "c");
  a.Release();
  a.Release();  // A second time does nothing.
  Mat moved(std::move(c));
  Mat assigned;
  assigned = std::move(moved);
  EXPECT_EQ(assigned.rows(), 1);
}

TEST(Mat, GivesItsMemoryBackOnce) {
  Arena dry(std::pmr::get_default_resource());
  Pass(dry);
  const Plan plan = std::move(dry).MakePlan();
  ASSERT_EQ(plan.slots.size(), 3U);
  EXPECT_EQ(plan.bytes, 2 * Arena::kAlign);  // b and c share theirs.
  alignas(Arena::kAlign) std::byte block[2 * Arena::kAlign];
  Arena arena(block, plan);
  Pass(arena);
}

TEST(Mat, TakesNoMemoryWhenEmpty) {
  Arena dry(std::pmr::get_default_resource());
  { const Mat none(dry, 0, 100, "none"); }
  EXPECT_EQ(std::move(dry).MakePlan().bytes, 0U);
}

}  // namespace
}  // namespace waterline
