// Layer norm and RMSNorm of every instruction set: aliased operands, and numbers that are hard.
// SPDX-License-Identifier: Apache-2.0
#include "support/kernel_test.h"

namespace waterline {

namespace {

class LayerNormTest : public KernelTest {
 protected:
  struct Weights {
    std::vector<float> gamma;
    std::vector<float> beta;
    Norm norm;
    explicit Weights(int64_t width) : gamma(RandomFloats(width, 5)), beta(RandomFloats(width, 6)) {
      norm = {width, gamma.data(), beta.data(), 1e-7f};
    }
  };
};

// Outputs are some units in size; sums of a row lose a few units in the last place.
constexpr double kTolerance = 4e-6;

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

TEST_P(LayerNormTest, AddNormWithoutSumIsTheNorm) {
  const std::vector<float> gamma = RandomFloats(100, 5);
  for (const bool centred : {true, false}) {
    const Norm norm{100, gamma.data(), nullptr, 1e-6f, centred};
    OwnedMat x = RandomMat(3, 100, 1);
    OwnedMat out(3, 100), expected(3, 100);
    kernels().AddNorm(x, {}, norm, out);
    kernels().AddLayerNorm(x, {}, norm, expected);
    EXPECT_TRUE(SameBits(out, expected));
  }
}

TEST_P(LayerNormTest, RmsNormMayWriteOverItsInputs) {
  const std::vector<float> gamma = RandomFloats(77, 5);
  const Norm norm{77, gamma.data(), nullptr, 1e-6f, false};
  OwnedMat x = RandomMat(3, 77, 1), residual = RandomMat(3, 77, 2), expected(3, 77);
  reference().AddLayerNorm(x, residual, norm, expected);
  kernels().AddLayerNorm(x, residual, norm, x);
  EXPECT_LE(LargestDifference(x, expected), kTolerance);
}

WATERLINE_FOR_EACH_ISA(LayerNormTest);

}  // namespace

}  // namespace waterline
