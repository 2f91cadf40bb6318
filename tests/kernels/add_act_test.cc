// Sums and products of rows.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/rows_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class AddActTest : public KernelTest {};

TEST_P(AddActTest, MatchesTheReference) {
  for (const int64_t width : kRowWidths) {
    OwnedMat a = RandomMat(5, width, 1);
    for (const int64_t rows : {5, 1, 0}) {  // As many rows, one for all, none.
      OwnedMat b = RandomMat(rows, width, 2);
      for (const Act act : {Act::kNone, Act::kRelu}) {
        OwnedMat out(5, width);
        OwnedMat expected(5, width);
        kernels().AddAct(a, b, act, out);
        reference().AddAct(a, b, act, expected);
        EXPECT_EQ(LargestDifference(out, expected), 0) << width << " and " << rows << " rows";
        EXPECT_TRUE(out.PaddingUntouched());
      }
    }
  }
}

TEST_P(AddActTest, WritesOverEitherInput) {
  OwnedMat expected(3, 37);
  OwnedMat a = RandomMat(3, 37, 1);
  OwnedMat b = RandomMat(3, 37, 2);
  reference().AddAct(a, b, Act::kRelu, expected);
  kernels().AddAct(a, b, Act::kRelu, a);
  EXPECT_EQ(LargestDifference(a, expected), 0);
  OwnedMat again = RandomMat(3, 37, 1);
  kernels().AddAct(again, b, Act::kRelu, b);
  EXPECT_EQ(LargestDifference(b, expected), 0);
}

class ScaleTest : public KernelTest {};

TEST_P(ScaleTest, MatchesTheReference) {
  for (const int64_t width : kRowWidths) {
    OwnedMat x = RandomMat(5, width, 1);
    OwnedMat by = RandomMat(1, width, 2);
    OwnedMat out(5, width);
    OwnedMat expected(5, width);
    kernels().Scale(x, by.view().data, out);
    reference().Scale(x, by.view().data, expected);
    EXPECT_TRUE(SameBits(out, expected)) << width;
    EXPECT_TRUE(out.PaddingUntouched());
    kernels().Scale(x, by.view().data, x);
    EXPECT_TRUE(SameBits(x, expected)) << width;
  }
}

WATERLINE_FOR_EACH_ISA(AddActTest);
WATERLINE_FOR_EACH_ISA(ScaleTest);

}  // namespace

}  // namespace waterline
