// Sums and products of rows.
// SPDX-License-Identifier: Apache-2.0
#include "support/kernel_test.h"

namespace waterline {

namespace {

class AddActTest : public KernelTest {};

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

TEST_P(ScaleTest, WritesOverItsInput) {
  OwnedMat x = RandomMat(5, 37, 1);
  OwnedMat by = RandomMat(1, 37, 2);
  OwnedMat expected(5, 37);
  reference().Scale(x, by.view().data, expected);
  kernels().Scale(x, by.view().data, x);
  EXPECT_TRUE(SameBits(x, expected));
}

WATERLINE_FOR_EACH_ISA(AddActTest);
WATERLINE_FOR_EACH_ISA(ScaleTest);

}  // namespace

}  // namespace waterline
