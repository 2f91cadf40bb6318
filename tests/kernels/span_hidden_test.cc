// Hidden rows of listed spans.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/rows_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class SpanHiddenTest : public KernelTest {};

TEST_P(SpanHiddenTest, MatchesTheReference) {
  const std::vector<int32_t> starts{0, 3, 3, 6};
  const std::vector<int32_t> ends{0, 3, 5, 6};
  for (const int64_t width : kRowWidths) {
    OwnedMat u = RandomMat(7, width, 1);
    OwnedMat v = RandomMat(7, width, 2);
    for (const Act act : {Act::kNone, Act::kRelu, Act::kGelu}) {
      OwnedMat out(4, width);
      OwnedMat expected(4, width);
      kernels().SpanHidden(u, v, starts, ends, act, out);
      reference().SpanHidden(u, v, starts, ends, act, expected);
      EXPECT_LE(LargestDifference(out, expected), 1e-6);  // One rounding, and the activation's.
      EXPECT_TRUE(out.PaddingUntouched());
    }
  }
}

WATERLINE_FOR_EACH_ISA(SpanHiddenTest);

}  // namespace

}  // namespace waterline
