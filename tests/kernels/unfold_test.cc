// Windows of rows for convolutions.
// SPDX-License-Identifier: Apache-2.0
#include "support/kernel_test.h"

namespace waterline {

namespace {

class UnfoldTest : public KernelTest {};

TEST_P(UnfoldTest, StopsAtTheEndsOfSequences) {
  const std::vector<int32_t> begins = BeginsOf({3, 1, 0, 6});
  OwnedMat x = RandomMat(10, 19, 1);
  for (const int64_t kernel : {1, 3, 5, 9}) {
    for (const auto& [first, rows] : {std::pair<int64_t, int64_t>{0, 10}, {2, 5}, {9, 1}}) {
      OwnedMat out(rows, 19 * kernel);
      OwnedMat expected(rows, 19 * kernel);
      kernels().Unfold(x, begins, kernel, first, out);
      reference().Unfold(x, begins, kernel, first, expected);
      EXPECT_TRUE(SameBits(out, expected)) << kernel << " from " << first;
      EXPECT_TRUE(out.PaddingUntouched());
    }
  }
}

WATERLINE_FOR_EACH_ISA(UnfoldTest);

}  // namespace

}  // namespace waterline
