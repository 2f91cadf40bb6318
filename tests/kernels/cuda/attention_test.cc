// Attention in every type, emulated, against the formula: what does not depend on the kernel.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "fake_cuda.h"
#include "kernels/cuda/attention_runs.h"

namespace waterline {
namespace {

TEST(CudaAttentionTilesTest, CoverEveryQueryLongestFirst) {
  const std::vector<int32_t> begins = BeginsOf({17, 0, 64, 130, 65, 0});
  const std::vector<cuda::AttentionTile> tiles = TilesOf(begins);
  std::vector<std::pair<int32_t, int32_t>> found;
  for (const cuda::AttentionTile& t : tiles) found.emplace_back(t.sequence, t.first);
  const std::vector<std::pair<int32_t, int32_t>> expected = {{3, 0},  {3, 64}, {3, 128}, {4, 0},
                                                             {4, 64}, {2, 0},  {0, 0}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(cuda::CountAttentionTiles({}), 0);
}

class CudaAttentionTest : public testing::TestWithParam<AttentionOperand> {
 protected:
  void SetUp() override { ASSERT_EQ(cuda::PrepareAttention(), cudaSuccess); }
  OwnedMat Run(const AttentionInputs& inputs) const { return RunOnDevice(inputs, GetParam()); }
  // Compares a case with the formula on rounded inputs.
  void Compare(const AttentionCase& test) const {
    SCOPED_TRACE(testing::Message()
                 << test.lengths.front() << " x " << test.width << " terms "
                 << static_cast<int>(test.terms) << " window " << test.window << " causal "
                 << test.causal << " key heads " << test.key_heads);
    AttentionInputs inputs(test);
    Round(inputs.qkv, GetParam());
    Round(inputs.tables, GetParam());
    OwnedMat out = Run(inputs), expected = inputs.Run(ReferenceKernels());
    EXPECT_LE(LargestDifference(out, expected), Tolerance(GetParam(), inputs.args.v));
    EXPECT_TRUE(out.PaddingUntouched());
  }
};

TEST_P(CudaAttentionTest, MatchesDoubleSums) {
  for (const AttentionCase& test : AttentionCases()) Compare(test);
}

TEST_P(CudaAttentionTest, SeesOnlyWhatWindowCausalityAndGroupsLeave) {
  // bf16 and f16 are one kernel; a sample tells whether the types are mixed up.
  const size_t step = GetParam() == AttentionOperand::kF16 ? 7 : 1;
  const std::vector<AttentionCase> cases = MaskedAttentionCases();
  for (size_t n = 0; n < cases.size(); n += step) Compare(cases[n]);
}

TEST_P(CudaAttentionTest, ACausalTokenHasTheBitsItHasAtTheEnd) {
  const AttentionInputs inputs({{150}, 2, 16, Terms::kNone, kAllKeys, true, 1});
  const OwnedMat all = Run(inputs);
  const DeviceMat qkv(inputs.qkv.view());
  for (const int32_t length : {1, 15, 64, 65, 100}) {
    const std::vector<int32_t> begins{0, length};
    AttentionArgs args = inputs.args;
    args.q = SamePart(qkv, inputs.qkv.view(), args.q.Rows(0, length));
    args.k = SamePart(qkv, inputs.qkv.view(), args.k.Rows(0, length));
    args.v = SamePart(qkv, inputs.qkv.view(), args.v.Rows(0, length));
    args.begins = begins;
    args.longest = length;
    const OwnedMat start = RunOnDevice(args, GetParam());
    EXPECT_TRUE(SameBits(start.view(), all.view().Rows(0, length))) << length;
  }
}

TEST_P(CudaAttentionTest, QueriesMayHaveOtherRowsThanKeys) {
  const std::vector<int32_t> begins = BeginsOf({3, 140, 0, 17, 2});
  const std::vector<int32_t> key_begins = BeginsOf({170, 5, 9, 1, 0});
  OwnedMat q = RandomMat(begins.back(), 2 * 16, 1), k = RandomMat(key_begins.back(), 2 * 16, 2),
           v = RandomMat(key_begins.back(), 2 * 16, 3);
  for (const MatView m : {q.view(), k.view(), v.view()}) Round(m, GetParam());
  AttentionArgs args;
  args.q = q;
  args.k = k;
  args.v = v;
  args.begins = begins;
  args.key_begins = key_begins;
  args.longest = 170;
  args.heads = args.key_heads = 2;
  args.scale = 0.25f;
  OwnedMat expected(begins.back(), 2 * 16);
  ReferenceKernels().Attention(args, expected);
  const DeviceMat dq(q.view()), dk(k.view()), dv(v.view());
  args.q = dq;
  args.k = dk;
  args.v = dv;
  OwnedMat out = RunOnDevice(args, GetParam());
  EXPECT_LE(LargestDifference(out, expected), Tolerance(GetParam(), v));

  // With a window that ends before the keys do, some queries see none.
  args.window = 20;
  out = RunOnDevice(args, GetParam());
  for (int64_t i = 3 + 25; i < 3 + 140; ++i) {
    for (int64_t c = 0; c < 32; ++c) ASSERT_EQ(out.view().row(i)[c], 0) << "query " << i;
  }
}

TEST_P(CudaAttentionTest, StaysExactWhenScoresAreLarge) {
  AttentionInputs inputs({{70, 20}, 2, 16, Terms::kBoth});
  Round(inputs.qkv, GetParam());
  Round(inputs.tables, GetParam());
  inputs.args.scale = 20;
  OwnedMat out = Run(inputs), expected = inputs.Run(ReferenceKernels());
  // Scores reach 500, so they are known to 1e-4.
  EXPECT_LE(LargestDifference(out, expected), 2e-3 + Tolerance(GetParam(), inputs.args.v));
}

TEST_P(CudaAttentionTest, ASequenceAloneHasTheBitsItHasAmongOthers) {
  const std::vector<int64_t> lengths{17, 200, 1, 64, 129};
  std::vector<AttentionCase> cases;
  for (const Terms terms : {Terms::kNone, Terms::kC2p, Terms::kP2c, Terms::kBoth, Terms::kBias}) {
    cases.push_back({lengths, 1, 16, terms});
  }
  cases.push_back({lengths, 1, 16, Terms::kBoth, 20});
  cases.push_back({lengths, 1, 16, Terms::kNone, kAllKeys, true});
  for (const AttentionCase& test : cases) {
    const AttentionInputs all(test);
    const OwnedMat together = Run(all);
    for (size_t s = 0; s < lengths.size(); ++s) {
      // The same rows of the same tables; `reach` and `longest` stay those of the batch.
      AttentionInputs alone(test);
      const int64_t first = all.begins[s], last = all.begins[s + 1];
      alone.begins = {0, static_cast<int32_t>(last - first)};
      alone.args.begins = alone.begins;
      alone.args.longest = last - first;
      for (MatView* m : {&alone.args.q, &alone.args.k, &alone.args.v}) *m = m->Rows(first, last);
      EXPECT_TRUE(SameBits(Run(alone).view(), together.view().Rows(first, last)))
          << "sequence " << s;
    }
  }
}

TEST_P(CudaAttentionTest, NaNStaysInItsSequence) {
  AttentionInputs inputs({{17, 20, 33}, 2, 16, Terms::kBoth});
  const OwnedMat clean = Run(inputs);
  for (int64_t t = 17; t < 37; ++t) {
    std::fill_n(inputs.qkv.view().row(t), inputs.qkv.view().cols,
                std::numeric_limits<float>::quiet_NaN());
  }
  const OwnedMat out = Run(inputs);
  EXPECT_TRUE(SameBits(out.view().Rows(0, 17), clean.view().Rows(0, 17)));
  EXPECT_TRUE(SameBits(out.view().Rows(37, 70), clean.view().Rows(37, 70)));
  for (int64_t t = 17; t < 37; ++t) {
    for (int64_t c = 0; c < 32; ++c) ASSERT_TRUE(std::isnan(out.view().row(t)[c])) << t;
  }
}

TEST_P(CudaAttentionTest, AnyOrderOfThreadsGivesTheSameBits) {
  for (const AttentionCase& test :
       {AttentionCase{{70, 5, 130}, 1, 32, Terms::kBoth},
        AttentionCase{{70, 5, 130}, 2, 20, Terms::kBias, 40, true, 1}}) {
    const AttentionInputs inputs(test);
    const OwnedMat expected = Run(inputs);
    for (const emu::Order order : {emu::Order::kReverse, emu::Order::kRandom}) {
      emu::config.order = order;
      const OwnedMat out = Run(inputs);
      emu::config = {};
      EXPECT_TRUE(SameBits(out.view(), expected.view()));
    }
  }
}

TEST_P(CudaAttentionTest, NothingIsLaunchedForNothing) {
  const std::vector<int32_t> begins{0, 0, 0};
  const long before = fake_cuda::Now().launches;
  AttentionArgs args;
  args.q = {nullptr, 0, 64, 64};
  args.begins = begins;
  EXPECT_EQ(cuda::Attention(args, {}, GetParam(), {}, nullptr), cudaSuccess);
  EXPECT_EQ(fake_cuda::Now().launches, before);
}

TEST_P(CudaAttentionTest, RefusesHeadsThatAreTooWide) {
  const AttentionInputs inputs({{3}, 1, 260, Terms::kNone});
  const DeviceArray<cuda::AttentionTile> tiles(TilesOf(inputs.begins));
  EXPECT_EQ(cuda::Attention(inputs.args, tiles.span(), GetParam(), inputs.args.q, nullptr),
            cudaErrorInvalidValue);
}

INSTANTIATE_TEST_SUITE_P(All, CudaAttentionTest,
                         testing::Values(AttentionOperand::kF32, AttentionOperand::kBf16,
                                         AttentionOperand::kF16),
                         [](const auto& tested) {
                           return tested.param == AttentionOperand::kF32    ? "f32"
                                  : tested.param == AttentionOperand::kBf16 ? "bf16"
                                                                            : "f16";
                         });

}  // namespace
}  // namespace waterline
