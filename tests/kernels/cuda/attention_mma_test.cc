// The tensor-core kernel of attention, emulated, on heads that models have: tiles of 64 keys up to
// 32 columns, of 32 keys beyond.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "kernels/cuda/attention_runs.h"

namespace waterline {
namespace {

class CudaAttentionMmaTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(cuda::PrepareAttention(), cudaSuccess); }
  void TearDown() override { emu::config = {}; }
};

const AttentionOperand kOperands[] = {AttentionOperand::kBf16, AttentionOperand::kF16};

TEST_F(CudaAttentionMmaTest, MatchesDoubleSumsOfRoundedInputs) {
  for (const int64_t width : {24, 32, 64, 96, 128}) {
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

TEST_F(CudaAttentionMmaTest, SkipsTilesThatNobodySees) {
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

TEST_F(CudaAttentionMmaTest, AnyOrderOfThreadsGivesTheSameBits) {
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

TEST_F(CudaAttentionMmaTest, HasNoBankConflictsInMatrixLoads) {
  const uint64_t before = emu::counters.ldmatrix_conflicts;
  for (const int64_t width : {32, 64, 128}) {
    RunOnDevice(AttentionInputs({{100}, 1, width, Terms::kBoth}), AttentionOperand::kBf16);
  }
  EXPECT_EQ(emu::counters.ldmatrix_conflicts, before);
}

// Rows that cannot be read in fours go through the general kernel, in f32.
TEST_F(CudaAttentionMmaTest, LeavesUnalignedRowsToF32) {
  OwnedMat shifted = RandomMat(75, 3 * 64 + 1, 7);
  const std::vector<int32_t> begins = BeginsOf({70, 5});
  AttentionArgs args;
  args.q = shifted.view().Cols(1, 65);
  args.k = shifted.view().Cols(65, 129);
  args.v = shifted.view().Cols(129, 193);
  args.begins = begins;
  args.longest = 70;
  args.scale = 0.125f;
  OwnedMat expected(75, 64);
  ReferenceKernels().Attention(args, expected);
  const DeviceMat qkv(shifted.view());
  for (MatView* m : {&args.q, &args.k, &args.v}) *m = SamePart(qkv, shifted.view(), *m);
  OwnedMat out = RunOnDevice(args, AttentionOperand::kBf16);
  EXPECT_LE(LargestDifference(out, expected), Tolerance(AttentionOperand::kF32, expected));
}

}  // namespace
}  // namespace waterline
