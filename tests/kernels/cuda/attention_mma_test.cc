// The tensor-core kernel of attention, emulated: every tile it may pick, on heads that models have.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "fake_cuda.h"
#include "kernels/cuda/attention_runs.h"

namespace waterline {
namespace {

// On a device whose multiprocessors take two blocks of 64 keys, and on one of 32.
class CudaAttentionMmaTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    fake_cuda::Reset({.sm = GetParam()});
    ASSERT_EQ(cuda::PrepareAttention(), cudaSuccess);
  }
  void TearDown() override {
    emu::config = {};
    fake_cuda::Reset({});
  }
};

const AttentionOperand kOperands[] = {AttentionOperand::kBf16, AttentionOperand::kF16};

TEST_P(CudaAttentionMmaTest, MatchesDoubleSumsOfRoundedInputs) {
  for (const int64_t width : {30, 32, 64, 96, 128}) {
    for (const Terms terms : {Terms::kNone, Terms::kC2p, Terms::kP2c, Terms::kBoth, Terms::kBias}) {
      const AttentionOperand operand = kOperands[(width / 2 + static_cast<int>(terms)) % 2];
      SCOPED_TRACE(testing::Message() << width << " terms " << static_cast<int>(terms));
      AttentionInputs inputs({{1, 129, 63}, 1, width, terms});
      Round(inputs.qkv, operand);
      Round(inputs.tables, operand);
      OwnedMat out = RunOnDevice(inputs, operand), expected = inputs.Run(ReferenceKernels());
      EXPECT_LE(LargestDifference(out, expected), Tolerance(operand, inputs.args.v));
      EXPECT_TRUE(out.PaddingUntouched());
    }
  }
}

TEST_P(CudaAttentionMmaTest, SkipsTilesThatNobodySees) {
  for (const bool causal : {false, true}) {
    AttentionInputs inputs({{500}, 1, 64, Terms::kBoth, 30, causal});
    Round(inputs.qkv, AttentionOperand::kBf16);
    Round(inputs.tables, AttentionOperand::kBf16);
    const uint64_t before = emu::counters.mma;
    OwnedMat out = RunOnDevice(inputs, AttentionOperand::kBf16);
    const uint64_t masked = emu::counters.mma - before;
    EXPECT_LE(LargestDifference(out, inputs.Run(ReferenceKernels())),
              Tolerance(AttentionOperand::kBf16, inputs.args.v));
    inputs.args.window = kAllKeys;
    inputs.args.causal = false;
    RunOnDevice(inputs, AttentionOperand::kBf16);
    EXPECT_LE(2 * masked, emu::counters.mma - before - masked);
  }
}

TEST_P(CudaAttentionMmaTest, AnyOrderOfThreadsGivesTheSameBits) {
  for (const int64_t width : {32, 64, 128}) {
    const AttentionInputs inputs({{70, 5, 150}, 1, width, Terms::kBoth});
    const OwnedMat expected = RunOnDevice(inputs, AttentionOperand::kBf16);
    for (const emu::Order order : {emu::Order::kReverse, emu::Order::kRandom}) {
      emu::config.order = order;
      EXPECT_TRUE(SameBits(RunOnDevice(inputs, AttentionOperand::kBf16).view(), expected.view()))
          << width;
    }
  }
}

TEST_P(CudaAttentionMmaTest, HasNoBankConflictsInMatrixLoads) {
  const uint64_t before = emu::counters.ldmatrix_conflicts;
  for (const int64_t width : {32, 64, 128}) {
    RunOnDevice(AttentionInputs({{100}, 1, width, Terms::kBoth}), AttentionOperand::kBf16);
  }
  EXPECT_EQ(emu::counters.ldmatrix_conflicts, before);
}

// Rows that begin at any multiple of 4 bytes take another way into shared memory, to the same bits.
TEST_P(CudaAttentionMmaTest, AlignmentChangesNothing) {
  const AttentionInputs inputs({{70, 5}, 1, 64, Terms::kNone});
  const OwnedMat expected = RunOnDevice(inputs, AttentionOperand::kBf16);
  OwnedMat shifted(75, 3 * 64 + 1);
  for (int64_t t = 0; t < 75; ++t) {
    std::copy_n(inputs.qkv.view().row(t), 3 * 64, shifted.view().row(t) + 1);
  }
  const DeviceMat qkv(shifted.view());
  AttentionArgs args = inputs.args;
  args.q = qkv.view().Cols(1, 65);
  args.k = qkv.view().Cols(65, 129);
  args.v = qkv.view().Cols(129, 193);
  const OwnedMat out = RunOnDevice(args, AttentionOperand::kBf16);
  EXPECT_TRUE(SameBits(out.view(), expected.view()));
}

INSTANTIATE_TEST_SUITE_P(Sm, CudaAttentionMmaTest, testing::Values(80, 86));

}  // namespace
}  // namespace waterline
