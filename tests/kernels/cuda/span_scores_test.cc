// Span scores, emulated, against the formula, and each sequence's independence.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/span_scores.h"

#include <fake_cuda.h>
#include <gpu.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "doctor/reference_kernels.h"
#include "doctor/span_scores_cases.h"
#include "kernels/cuda/device_slice.h"

namespace waterline {
namespace {

using cuda::ScoreOperand;
constexpr ScoreOperand kOperands[] = {ScoreOperand::kF32, ScoreOperand::kBf16, ScoreOperand::kF16};

// F products of size 1, as for the CPU's kernels.
double Tolerance(int64_t features) { return 6e-8 * 4 * static_cast<double>(features) + 1e-6; }

float Rounded(ScoreOperand operand, float x) {
  if (operand == ScoreOperand::kBf16) return Bf16ToFloat(FloatToBf16(x));
  if (operand == ScoreOperand::kF16) return F16ToFloat(FloatToF16(x));
  return x;
}

// The formula with both operands rounded.
std::vector<float> Expected(const SpanScoreInputs& inputs, ScoreOperand operand) {
  if (operand == ScoreOperand::kF32) return inputs.Run(ReferenceKernels());
  const SpanScoreArgs& args = inputs.args;
  const int64_t features = args.start.cols;
  std::vector<float> scores, hidden(static_cast<size_t>(features));
  OwnedMat labels(args.labels.rows, features);
  for (int64_t c = 0; c < args.labels.rows; ++c) {
    for (int64_t f = 0; f < features; ++f) {
      labels.view().row(c)[f] = Rounded(operand, args.labels.row(c)[f]);
    }
  }
  for (size_t s = 0; s + 1 < args.word_begins.size(); ++s) {
    const int64_t words = args.word_begins[s + 1] - args.word_begins[s];
    for (int64_t span = 0; span < words * args.widths; ++span) {
      const int64_t i = args.word_begins[s] + span / args.widths, j = i + span % args.widths;
      const bool inside = j < args.word_begins[s + 1];
      for (int64_t f = 0; f < features && inside; ++f) {
        const float sum = args.start.row(i)[f] + args.end.row(j)[f];
        hidden[static_cast<size_t>(f)] =
            Rounded(operand, args.act == Act::kRelu ? std::max(sum, 0.f) : sum);
      }
      for (int64_t c = args.label_groups[s].begin; c < args.label_groups[s].end; ++c) {
        double sum = args.labels.cols > features ? args.labels.row(c)[features] : 0;
        for (int64_t f = 0; f < features; ++f) {
          sum += static_cast<double>(hidden[static_cast<size_t>(f)]) * labels.view().row(c)[f];
        }
        scores.push_back(inside ? static_cast<float>(sum)
                                : -std::numeric_limits<float>::infinity());
      }
    }
  }
  return scores;
}

// The scores of the sequences [first, last), from matrices that begin `offset` columns into their
// rows. What is not written is zero.
std::vector<float> Score(const SpanScoreInputs& inputs, ScoreOperand operand, size_t first,
                         size_t last, int64_t offset = 0) {
  std::vector<int64_t> lengths, score_begins{0};
  int64_t most_labels = 0;
  for (size_t s = first; s < last; ++s) {
    lengths.push_back(inputs.word_begins[s + 1] - inputs.word_begins[s]);
    score_begins.push_back(inputs.score_begins[s + 1] - inputs.score_begins[first]);
    const RowRange group = inputs.label_groups[s];
    most_labels = std::max<int64_t>(most_labels, group.end - group.begin);
  }
  const int64_t begin = inputs.word_begins[first], end = inputs.word_begins[last];
  const DeviceSlice starts(inputs.args.start.Rows(begin, end), offset);
  const DeviceSlice ends(
      inputs.args.end.empty() ? inputs.args.end : inputs.args.end.Rows(begin, end), offset);
  const DeviceSlice labels(inputs.args.labels, offset);
  const DeviceArray<int32_t> word_begins(BeginsOf(lengths));
  const DeviceArray<RowRange> label_groups(
      std::span(inputs.label_groups).subspan(first, last - first));
  const DeviceArray<int64_t> device_score_begins(score_begins);
  const DeviceArray<float> scores(
      std::vector<float>(static_cast<size_t>(score_begins.back()), 0.f));
  SpanScoreArgs args = inputs.args;
  args.start = starts;
  args.end = ends;
  args.labels = labels;
  args.word_begins = word_begins.span();
  args.label_groups = label_groups.span();
  args.score_begins = device_score_begins.span();
  EXPECT_EQ(cuda::SpanScores(args, *std::max_element(lengths.begin(), lengths.end()), most_labels,
                             scores.span(), nullptr, operand),
            cudaSuccess);
  return scores.ToHost();
}
std::vector<float> Score(const SpanScoreInputs& inputs, ScoreOperand operand, int64_t offset = 0) {
  return Score(inputs, operand, 0, inputs.word_begins.size() - 1, offset);
}

TEST(CudaSpanScoresTest, MatchDoubleSums) {
  for (const SpanScoreCase& test : SpanScoreCases()) {
    const SpanScoreInputs inputs(test);
    for (const ScoreOperand operand : kOperands) {
      SCOPED_TRACE(testing::Message()
                   << test.words.front() << " words, " << test.labels.front() << " labels, "
                   << test.features << " features, operand " << static_cast<int>(operand));
      const std::vector<float> aligned = Score(inputs, operand);
      EXPECT_LE(LargestDifference(aligned, Expected(inputs, operand)), Tolerance(test.features));
      if (test.features <= 100) {
        EXPECT_EQ(Score(inputs, operand, 1), aligned);
      }
    }
  }
}

TEST(CudaSpanScoresTest, SpansPastTheEndAreMinusInfinity) {
  const SpanScoreInputs inputs({{3}, {2}, 8, 4, Act::kRelu, true});
  for (const ScoreOperand operand : kOperands) {
    const std::vector<float> scores = Score(inputs, operand);
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t k = 0; k < 4; ++k) {
        const float score = scores[static_cast<size_t>((i * 4 + k) * 2)];
        EXPECT_EQ(score == -std::numeric_limits<float>::infinity(), i + k >= 3) << i << " " << k;
      }
    }
  }
}

TEST(CudaSpanScoresTest, PairsMatchDoubleSums) {
  for (const int64_t entities : {1, 5, 40}) {
    SCOPED_TRACE(entities);
    SpanScoreInputs inputs({{entities}, {7}, 600, entities, Act::kRelu, true});
    inputs.args.pairs = true;
    EXPECT_LE(LargestDifference(Score(inputs, ScoreOperand::kF32), inputs.Run(ReferenceKernels())),
              Tolerance(600));
  }
}

TEST(CudaSpanScoresTest, OneWidthAloneMatchesDoubleSums) {
  for (const int64_t only : {0, 2, 4}) {
    SCOPED_TRACE(only);
    SpanScoreInputs inputs({{60, 3, 1}, {7, 33, 2}, 100, 5, Act::kNone, true});
    inputs.args.only_width = only;
    inputs.args.end = {};
    EXPECT_LE(LargestDifference(Score(inputs, ScoreOperand::kF32), inputs.Run(ReferenceKernels())),
              Tolerance(100));
  }
}

TEST(CudaSpanScoresTest, SharedLabelsGiveWhatOwnOnesGive) {
  SpanScoreInputs inputs({{20, 20}, {7, 7}, 100, 12, Act::kRelu, true});
  for (int64_t i = 0; i < 20; ++i) {
    std::copy_n(inputs.start.view().row(i), 100, inputs.start.view().row(20 + i));
    std::copy_n(inputs.end.view().row(i), 100, inputs.end.view().row(20 + i));
  }
  inputs.label_groups[1] = inputs.label_groups[0];
  for (const ScoreOperand operand : kOperands) {
    const std::vector<float> scores = Score(inputs, operand);
    const auto second = scores.begin() + inputs.score_begins[1];
    EXPECT_TRUE(std::equal(scores.begin(), second, second));
  }
}

// Beside a group of 70 labels, tiles are wider than alone.
TEST(CudaSpanScoresTest, ASequenceAloneHasTheBitsItHasAmongOthers) {
  for (const ScoreOperand operand : kOperands) {
    const SpanScoreInputs inputs(
        {{17, 64, 1, 129, 2}, {3, 12, 70, 9, 7}, 100, 12, Act::kRelu, true});
    const std::vector<float> all = Score(inputs, operand);
    for (size_t s = 0; s + 1 < inputs.score_begins.size(); ++s) {
      const std::vector<float> alone = Score(inputs, operand, s, s + 1);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + inputs.score_begins[s]))
          << "sequence " << s;
    }
  }
}

TEST(CudaSpanScoresTest, HaveTheSameBitsInEveryThreadOrder) {
  const SpanScoreInputs inputs({{17, 1, 40}, {3, 1, 20}, 130, 12, Act::kRelu, true});
  for (const ScoreOperand operand : kOperands) {
    const std::vector<float> expected = Score(inputs, operand);
    ForEachThreadOrder([&] { EXPECT_EQ(Score(inputs, operand), expected); });
  }
}

TEST(CudaSpanScoresTest, PartsHaveTheBitsOfTheWhole) {
  SpanScoreInputs inputs({{20, 3, 0, 12}, {4, 17, 2, 0}, 40, 12, Act::kRelu, true});
  for (const ScoreOperand operand : kOperands) {
    inputs.args.words = {0, std::numeric_limits<int32_t>::max()};
    const std::vector<float> whole = Score(inputs, operand);
    std::vector<float> joined(whole.size());
    const int32_t words = inputs.word_begins.back();
    for (int32_t begin = 0, step = 1; begin < words; begin += step, step = step % 31 + 7) {
      inputs.args.words = {begin, std::min(words, begin + step)};
      const std::vector<float> part = Score(inputs, operand);
      std::transform(part.begin(), part.end(), joined.begin(), joined.begin(), std::plus<>());
    }
    EXPECT_EQ(joined, whole);
  }
}

TEST(CudaSpanScoresTest, NaNStaysInItsSequence) {
  for (const ScoreOperand operand : kOperands) {
    SpanScoreInputs inputs({{5, 6, 7}, {3, 4, 5}, 40, 12, Act::kRelu, true});
    const std::vector<float> clean = Score(inputs, operand);
    std::fill_n(inputs.start.view().row(5), 40, std::numeric_limits<float>::quiet_NaN());
    const std::vector<float> scores = Score(inputs, operand);
    const auto second = static_cast<std::ptrdiff_t>(inputs.score_begins[1]);
    const auto third = static_cast<std::ptrdiff_t>(inputs.score_begins[2]);
    EXPECT_TRUE(std::equal(clean.begin(), clean.begin() + second, scores.begin()));
    EXPECT_TRUE(std::equal(clean.begin() + third, clean.end(), scores.begin() + third));
    EXPECT_TRUE(std::isnan(scores[static_cast<size_t>(second)]));
  }
}

TEST(CudaSpanScoresTest, NothingToScoreIsNoLaunch) {
  ASSERT_EQ(cuda::PrepareSpanScores(), cudaSuccess);
  const long launches = fake_cuda::Now().launches;
  const std::vector<int32_t> begins{0, 0};
  SpanScoreArgs args;
  EXPECT_EQ(cuda::SpanScores(args, 0, 3, {}, nullptr), cudaSuccess);
  args.word_begins = begins;
  EXPECT_EQ(cuda::SpanScores(args, 0, 3, {}, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::SpanScores(args, 3, 0, {}, nullptr), cudaSuccess);
  EXPECT_EQ(fake_cuda::Now().launches, launches);
}

}  // namespace
}  // namespace waterline
