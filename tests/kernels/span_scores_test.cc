// Span scores of every instruction set: each sequence's independence, parts, NaN. Against the
// formula: doctor/kernel_checks_test.cc.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "doctor/span_scores_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class SpanScoresTest : public KernelTest {};

TEST_P(SpanScoresTest, SpansPastTheEndAreMinusInfinity) {
  const SpanScoreInputs inputs({{3}, {2}, 8, 4, Act::kRelu, true});
  const std::vector<float> scores = inputs.Run(kernels());
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t k = 0; k < 4; ++k) {
      const float score = scores[static_cast<size_t>((i * 4 + k) * 2)];
      EXPECT_EQ(score == -std::numeric_limits<float>::infinity(), i + k >= 3) << i << " " << k;
    }
  }
}

TEST_P(SpanScoresTest, SharedLabelsGiveWhatOwnOnesGive) {
  SpanScoreInputs inputs({{20, 20}, {7, 7}, 100, 12, Act::kRelu, true});
  for (int64_t i = 0; i < 20; ++i) {
    std::copy_n(inputs.start.view().row(i), 100, inputs.start.view().row(20 + i));
    std::copy_n(inputs.end.view().row(i), 100, inputs.end.view().row(20 + i));
  }
  inputs.label_groups[1] = inputs.label_groups[0];
  const std::vector<float> scores = inputs.Run(kernels());
  const auto second = scores.begin() + inputs.score_begins[1];
  EXPECT_TRUE(std::equal(scores.begin(), second, second));
}

TEST_P(SpanScoresTest, ASequenceAloneHasTheBitsItHasAmongOthers) {
  for (const Act act : {Act::kRelu, Act::kNone}) {
    const SpanScoreInputs inputs({{17, 64, 1, 129, 2}, {3, 20, 1, 9, 7}, 600, 12, act, true});
    const std::vector<float> all = inputs.Run(kernels());
    for (size_t s = 0; s + 1 < inputs.score_begins.size(); ++s) {
      const std::vector<float> alone = inputs.Run(kernels(), s, s + 1);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + inputs.score_begins[s]))
          << "sequence " << s;
    }
  }
}

TEST_P(SpanScoresTest, PartsHaveTheBitsOfTheWhole) {
  for (const SpanScoreCase& test : SpanScoreCases()) {
    SpanScoreInputs inputs(test);
    const std::vector<float> whole = inputs.Run(kernels());
    std::vector<float> joined(whole.size());
    const int32_t words = inputs.word_begins.back();
    for (int32_t begin = 0, step = 1; begin < words; begin += step, step = step % 31 + 7) {
      inputs.args.words = {begin, std::min(words, begin + step)};
      const std::vector<float> part = inputs.Run(kernels());
      // Where it writes nothing there are zeros.
      std::transform(part.begin(), part.end(), joined.begin(), joined.begin(), std::plus<>());
    }
    EXPECT_EQ(joined, whole);
  }
}

TEST_P(SpanScoresTest, NaNStaysInItsSequence) {
  for (const Act act : {Act::kRelu, Act::kNone}) {
    SpanScoreInputs inputs({{5, 6, 7}, {3, 4, 5}, 40, 12, act, true});
    const std::vector<float> clean = inputs.Run(kernels());
    std::fill_n(inputs.start.view().row(5), 40, std::numeric_limits<float>::quiet_NaN());
    const std::vector<float> scores = inputs.Run(kernels());
    const auto second = static_cast<std::ptrdiff_t>(inputs.score_begins[1]);
    const auto third = static_cast<std::ptrdiff_t>(inputs.score_begins[2]);
    EXPECT_TRUE(std::equal(clean.begin(), clean.begin() + second, scores.begin()));
    EXPECT_TRUE(std::equal(clean.begin() + third, clean.end(), scores.begin() + third));
    EXPECT_TRUE(std::isnan(scores[static_cast<size_t>(second)]));
  }
}

WATERLINE_FOR_EACH_ISA(SpanScoresTest);

}  // namespace

}  // namespace waterline
