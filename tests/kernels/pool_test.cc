// Pooling of sub-words and words.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/rows_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class PoolTest : public KernelTest {};

TEST_P(PoolTest, MatchesTheReference) {
  const std::vector<RowRange> ranges{{0, 1}, {1, 4}, {4, 4}, {2, 12}, {11, 12}};
  for (const int64_t width : kRowWidths) {
    OwnedMat x = RandomMat(12, width, 1);
    for (const Pooling pooling :
         {Pooling::kFirst, Pooling::kLast, Pooling::kMean, Pooling::kMax, Pooling::kSum}) {
      OwnedMat out(5, width);
      OwnedMat expected(5, width);
      kernels().Pool(x, ranges, pooling, out);
      reference().Pool(x, ranges, pooling, expected);
      // The mean of 10 rows rounds ten times, their sum nine; the others are exact.
      const double tolerance = pooling == Pooling::kMean  ? 1e-6
                               : pooling == Pooling::kSum ? 5e-6
                                                          : 0;
      EXPECT_LE(LargestDifference(out, expected), tolerance);
      EXPECT_TRUE(out.PaddingUntouched());
    }
  }
}

WATERLINE_FOR_EACH_ISA(PoolTest);

}  // namespace

}  // namespace waterline
