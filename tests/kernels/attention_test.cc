// Attention of every instruction set: each sequence's and head's independence, large scores,
// scratch. Against the formula: doctor/kernel_checks_test.cc. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "doctor/attention_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class AttentionTest : public KernelTest {};

// What a causal model says of a token does not depend on those that follow, so that a text may come
// in pieces.
TEST_P(AttentionTest, ACausalTokenHasTheBitsItHasAtTheEnd) {
  const AttentionInputs inputs({{150}, 2, 16, Terms::kNone, kAllKeys, true, 1});
  OwnedMat all = inputs.Run(kernels());
  for (const int32_t length : {1, 15, 16, 17, 100}) {
    const std::vector<int32_t> begins{0, length};
    AttentionArgs args = inputs.args;
    args.q = args.q.Rows(0, length);
    args.k = args.k.Rows(0, length);
    args.v = args.v.Rows(0, length);
    args.begins = begins;
    args.longest = length;
    AlignedBytes scratch(kernels().AttentionScratchBytes(length, 16, nullptr));
    args.scratch = scratch.span();
    OwnedMat start(length, 32);
    kernels().Attention(args, start);
    EXPECT_TRUE(SameBits(start, all.view().Rows(0, length))) << length;
  }
}

TEST_P(AttentionTest, StaysExactWhenScoresAreLarge) {
  AttentionInputs inputs({{70, 20}, 2, 16, Terms::kBoth});
  inputs.args.scale = 20;
  OwnedMat out = inputs.Run(kernels());
  OwnedMat expected = inputs.Run(reference());
  // Scores reach 500, so they are known to 1e-4.
  EXPECT_LE(LargestDifference(out, expected), 2e-3);
}

TEST_P(AttentionTest, ASequenceAloneHasTheBitsItHasAmongOthers) {
  std::vector<AttentionCase> cases;
  for (const Terms terms : {Terms::kNone, Terms::kC2p, Terms::kP2c, Terms::kBoth, Terms::kBias}) {
    cases.push_back({{17, 300, 1, 64, 129, 33, 2}, 2, 16, terms});
    cases.push_back({{17, 300, 1, 64, 129, 33, 2}, 2, 16, terms, 20});
    cases.push_back({{17, 300, 1, 64, 129, 33, 2}, 2, 16, terms, kAllKeys, true});
  }
  for (const AttentionCase& test : cases) {
    const AttentionInputs inputs(test);
    OwnedMat all = inputs.Run(kernels());
    for (size_t s = 0; s + 1 < inputs.begins.size(); ++s) {
      const int64_t first = inputs.begins[s];
      const int64_t last = inputs.begins[s + 1];
      const std::vector<int32_t> begins{0, static_cast<int32_t>(last - first)};
      AttentionArgs args = inputs.args;
      args.q = args.q.Rows(first, last);
      args.k = args.k.Rows(first, last);
      args.v = args.v.Rows(first, last);
      args.begins = begins;
      args.longest = last - first;
      AlignedBytes scratch(kernels().AttentionScratchBytes(args.longest, 16, args.relative));
      args.scratch = scratch.span();
      OwnedMat alone(last - first, 32);
      kernels().Attention(args, alone);
      EXPECT_TRUE(SameBits(alone, all.view().Rows(first, last))) << "sequence " << s;
    }
  }
}

TEST_P(AttentionTest, AHeadAloneHasTheBitsItHasAmongOthers) {
  for (const AttentionCase& test :
       {AttentionCase{{40, 17}, 4, 16, Terms::kBoth}, AttentionCase{{40, 17}, 4, 16, Terms::kBias},
        AttentionCase{{40, 17}, 4, 16, Terms::kNone, 9, true, 2}}) {
    AttentionInputs inputs(test);
    OwnedMat all = inputs.Run(kernels());
    for (int head = 0; head < 4; ++head) {
      inputs.args.first_head = head;
      inputs.args.end_head = head + 1;
      OwnedMat one = inputs.Run(kernels());
      const int64_t begin = head * test.width, end = begin + test.width;
      EXPECT_TRUE(SameBits(one.view().Cols(begin, end), all.view().Cols(begin, end)));
      if (head > 0) {
        EXPECT_EQ(one.view().row(3)[begin - 1], OwnedMat::kUntouched);
      }
    }
  }
}

TEST_P(AttentionTest, NaNStaysInItsSequence) {
  AttentionInputs inputs({{17, 20, 33}, 2, 16, Terms::kBoth});
  OwnedMat clean = inputs.Run(kernels());
  for (int64_t t = 17; t < 37; ++t) {
    std::fill_n(inputs.qkv.view().row(t), inputs.qkv.view().cols,
                std::numeric_limits<float>::quiet_NaN());
  }
  OwnedMat out = inputs.Run(kernels());
  EXPECT_TRUE(SameBits(out.view().Rows(0, 17), clean.view().Rows(0, 17)));
  EXPECT_TRUE(SameBits(out.view().Rows(37, 70), clean.view().Rows(37, 70)));
  EXPECT_TRUE(std::isnan(out.view().row(20)[0]));
}

TEST_P(AttentionTest, DirtyScratchChangesNothing) {
  const AttentionInputs inputs({{17, 70}, 2, 7, Terms::kBoth});
  OwnedMat clean = inputs.Run(kernels());
  AlignedBytes scratch(kernels().AttentionScratchBytes(70, 7, inputs.args.relative));
  std::fill(scratch.span().begin(), scratch.span().end(), std::byte{0xff});  // NaN
  AttentionArgs args = inputs.args;
  args.scratch = scratch.span();
  OwnedMat out(87, 14);
  kernels().Attention(args, out);
  EXPECT_TRUE(SameBits(out, clean));
}

TEST_P(AttentionTest, ScratchGrowsLinearlyWithTheLongestSequence) {
  const RelativeTerms* none = nullptr;
  const size_t at_1000 = kernels().AttentionScratchBytes(1008, 64, none);
  const size_t at_4000 = kernels().AttentionScratchBytes(4032, 64, none);
  EXPECT_LE(at_4000, 4 * at_1000);
  const AttentionInputs inputs({{16}, 1, 64, Terms::kBoth});
  EXPECT_LE(kernels().AttentionScratchBytes(4096, 64, inputs.args.relative),
            4096 * 500 * sizeof(float));
}

WATERLINE_FOR_EACH_ISA(AttentionTest);

}  // namespace

}  // namespace waterline
