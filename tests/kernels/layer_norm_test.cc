// LayerNorm of every instruction set against the formula.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/rows_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class LayerNormTest : public KernelTest {
 protected:
  struct Weights {
    std::vector<float> gamma;
    std::vector<float> beta;
    Norm norm;
    explicit Weights(int64_t width, bool has_beta = true)
        : gamma(RandomFloats(width, 5)), beta(RandomFloats(width, 6)) {
      norm = {width, gamma.data(), has_beta ? beta.data() : nullptr, 1e-7f};
    }
  };
};

// Outputs are some units in size; sums of a row lose a few units in the last place.
constexpr double kTolerance = 4e-6;

TEST_P(LayerNormTest, MatchesTheFormula) {
  for (const int64_t width : kRowWidths) {
    if (width < 3) continue;  // The variance of nearly equal numbers has no accurate digit.
    SCOPED_TRACE(width);
    const Weights weights(width, width % 2 == 0);
    OwnedMat x = RandomMat(5, width, 1);
    OwnedMat residual = RandomMat(5, width, 2);
    OwnedMat out(5, width);
    OwnedMat expected(5, width);
    for (const MatView& second : {MatView{}, residual.view()}) {
      kernels().AddLayerNorm(x, second, weights.norm, out);
      reference().AddLayerNorm(x, second, weights.norm, expected);
      EXPECT_LE(LargestDifference(out, expected), kTolerance);
      EXPECT_TRUE(out.PaddingUntouched());
    }
  }
}

TEST_P(LayerNormTest, MayWriteOverItsInputs) {
  const Weights weights(100);
  OwnedMat x = RandomMat(3, 100, 1);
  OwnedMat residual = RandomMat(3, 100, 2);
  OwnedMat expected(3, 100);
  kernels().AddLayerNorm(x, residual, weights.norm, expected);
  OwnedMat over_x = RandomMat(3, 100, 1);
  kernels().AddLayerNorm(over_x, residual, weights.norm, over_x);
  EXPECT_TRUE(SameBits(over_x, expected));
  kernels().AddLayerNorm(x, residual, weights.norm, residual);
  EXPECT_TRUE(SameBits(residual, expected));
}

TEST_P(LayerNormTest, AMeanOf10000KeepsTheDigitsOfTheDeviations) {
  const Weights weights(768);
  OwnedMat x = RandomMat(4, 768, 1);
  for (int64_t r = 0; r < 4; ++r) {
    for (int64_t c = 0; c < 768; ++c) x.view().row(r)[c] += 1e4f;
  }
  OwnedMat out(4, 768);
  OwnedMat expected(4, 768);
  kernels().AddLayerNorm(x, {}, weights.norm, out);
  reference().AddLayerNorm(x, {}, weights.norm, expected);
  EXPECT_LE(LargestDifference(out, expected), kTolerance);
}

TEST_P(LayerNormTest, AConstantRowBecomesBeta) {
  const Weights weights(64);
  OwnedMat x(1, 64);
  std::fill_n(x.view().row(0), 64, 3.0f);
  OwnedMat out(1, 64);
  kernels().AddLayerNorm(x, {}, weights.norm, out);
  for (int64_t c = 0; c < 64; ++c) {
    EXPECT_FLOAT_EQ(out.view().row(0)[c], weights.beta[static_cast<size_t>(c)]);
  }
}

WATERLINE_FOR_EACH_ISA(LayerNormTest);

}  // namespace

}  // namespace waterline
