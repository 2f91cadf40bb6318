// The f32 kernel of attention, emulated: widths of heads that models have, and one slab more.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/attention_runs.h"

namespace waterline {
namespace {

TEST(CudaAttentionF32Test, TakesHeadsOfAnyWidth) {
  ASSERT_EQ(cuda::PrepareAttention(), cudaSuccess);
  for (const int64_t width : {1, 4, 12, 31, 33, 64, 65, 96, 128, 132, 256}) {
    for (const Terms terms : {Terms::kBoth, Terms::kBias}) {
      SCOPED_TRACE(testing::Message() << width << " terms " << static_cast<int>(terms));
      const AttentionInputs inputs({{66, 3}, 2, width, terms, kAllKeys, false, 1});
      OwnedMat out = RunOnDevice(inputs, AttentionOperand::kF32);
      OwnedMat expected = inputs.Run(ReferenceKernels());
      EXPECT_LE(LargestDifference(out, expected), Tolerance(AttentionOperand::kF32, inputs.args.v));
      EXPECT_TRUE(out.PaddingUntouched());
    }
  }
}

}  // namespace
}  // namespace waterline
