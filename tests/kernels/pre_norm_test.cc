// What layers that normalise their input are made of: sums with a norm, RMSNorm, gates, rotations,
// and the sum of layers. Every instruction set against the formulas.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/rows_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class PreNormTest : public KernelTest {};

constexpr double kTolerance = 4e-6;

OwnedMat CopyOf(MatView from) {
  OwnedMat copy(from.rows, from.cols);
  for (int64_t r = 0; r < from.rows; ++r) std::copy_n(from.row(r), from.cols, copy.view().row(r));
  return copy;
}

TEST_P(PreNormTest, AddNormKeepsTheSum) {
  for (const int64_t width : kRowWidths) {
    if (width < 3) continue;
    for (const bool centred : {true, false}) {
      SCOPED_TRACE(testing::Message() << width << " centred " << centred);
      const std::vector<float> gamma = RandomFloats(width, 5);
      const std::vector<float> beta = RandomFloats(width, 6);
      const Norm norm{width, gamma.data(), centred ? beta.data() : nullptr, 1e-6f, centred};
      const OwnedMat from = RandomMat(5, width, 1);
      OwnedMat delta = RandomMat(5, width, 2);
      for (const MatView& added : {MatView{}, delta.view()}) {
        OwnedMat x = CopyOf(from.view()), sum = CopyOf(from.view());
        OwnedMat out(5, width), expected(5, width);
        kernels().AddNorm(x, added, norm, out);
        reference().AddNorm(sum, added, norm, expected);
        EXPECT_TRUE(SameBits(x, sum));
        EXPECT_LE(LargestDifference(out, expected), kTolerance);
        EXPECT_TRUE(x.PaddingUntouched() && out.PaddingUntouched());
      }
    }
  }
}

TEST_P(PreNormTest, AddNormWithoutSumIsTheNorm) {
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

TEST_P(PreNormTest, RmsNormMayWriteOverItsInputs) {
  const std::vector<float> gamma = RandomFloats(77, 5);
  const Norm norm{77, gamma.data(), nullptr, 1e-6f, false};
  OwnedMat x = RandomMat(3, 77, 1), residual = RandomMat(3, 77, 2), expected(3, 77);
  reference().AddLayerNorm(x, residual, norm, expected);
  kernels().AddLayerNorm(x, residual, norm, x);
  EXPECT_LE(LargestDifference(x, expected), kTolerance);
}

TEST_P(PreNormTest, GateMultipliesTheHalves) {
  for (const int64_t width : kRowWidths) {
    for (const Act act :
         {Act::kNone, Act::kRelu, Act::kGelu, Act::kGeluTanh, Act::kTanh, Act::kSilu}) {
      SCOPED_TRACE(testing::Message() << width << " act " << static_cast<int>(act));
      OwnedMat x = RandomMat(3, 2 * width, 1, 2), expected = RandomMat(3, 2 * width, 1, 2);
      kernels().Gate(x, act);
      reference().Gate(expected, act);
      EXPECT_LE(LargestDifference(x, expected), kTolerance);
      EXPECT_TRUE(x.PaddingUntouched());
    }
  }
}

TEST_P(PreNormTest, RotateTurnsEachHead) {
  for (const int64_t width : {2, 8, 14, 16, 32, 64, 128, 6}) {
    for (const int heads : {1, 3}) {
      SCOPED_TRACE(testing::Message() << width << " x " << heads);
      OwnedMat angles(10, width);
      for (int64_t p = 0; p < 10; ++p) {
        for (int64_t m = 0; m < width / 2; ++m) {
          const double angle = 0.7 * static_cast<double>(p * (m + 1));
          angles.view().row(p)[m] = static_cast<float>(std::cos(angle));
          angles.view().row(p)[m + width / 2] = static_cast<float>(std::sin(angle));
        }
      }
      const std::vector<int32_t> positions{0, 1, 2, 0, 9, 5};
      OwnedMat x = RandomMat(6, heads * width + 5, 1),
               expected = RandomMat(6, heads * width + 5, 1);
      const OwnedMat before = CopyOf(x.view());
      kernels().Rotate(angles, positions, heads, x.view().Cols(0, heads * width));
      reference().Rotate(angles, positions, heads, expected.view().Cols(0, heads * width));
      EXPECT_LE(LargestDifference(x, expected), kTolerance);
      // Position 0 and the columns behind the heads stay as they are.
      EXPECT_TRUE(SameBits(x.view().Rows(0, 1), before.view().Rows(0, 1)));
      EXPECT_TRUE(SameBits(x.view().Cols(heads * width, heads * width + 5),
                           before.view().Cols(heads * width, heads * width + 5)));
    }
  }
}

TEST_P(PreNormTest, GatedConvStaysInItsSequence) {
  const std::vector<int32_t> begins = BeginsOf({5, 1, 0, 9});
  for (const int64_t kernel : {1, 3, 4}) {
    for (const bool has_bias : {false, true}) {
      SCOPED_TRACE(testing::Message() << kernel << " taps, bias " << has_bias);
      OwnedMat x = RandomMat(15, 3 * 21, 1);
      const std::vector<float> taps = RandomFloats(kernel * 21, 2), bias = RandomFloats(21, 3);
      const GatedConvArgs args{.x = x,
                               .begins = begins,
                               .kernel = kernel,
                               .taps = taps.data(),
                               .bias = has_bias ? bias.data() : nullptr};
      OwnedMat out(15, 21), expected(15, 21);
      kernels().GatedConv(args, out);
      reference().GatedConv(args, expected);
      EXPECT_LE(LargestDifference(out, expected), kTolerance);
      EXPECT_TRUE(out.PaddingUntouched());
    }
  }
}

TEST_P(PreNormTest, MixLayersWeighsEachSequenceByItsOwnMeans) {
  for (const auto& [layers, width] : {std::pair<int64_t, int64_t>{4, 32}, {12, 100}, {1, 7}}) {
    SCOPED_TRACE(testing::Message() << layers << " layers of " << width);
    const std::vector<int32_t> begins = BeginsOf({5, 0, 1, 9});
    const std::vector<RowRange> rows{{0, 1}, {3, 4}, {5, 6}, {6, 7}, {13, 14}, {14, 15}};
    const int64_t middle = layers / 2, read = 6, sequences = 4;
    OwnedMat all = RandomMat(layers * read, width, 1);
    OwnedMat means = RandomMat(layers * sequences, width, 2);
    const std::vector<float> squeeze = RandomFloats(width, 3), squeeze_bias = RandomFloats(1, 4);
    const std::vector<float> w1 = RandomFloats(middle * layers, 5), b1 = RandomFloats(middle, 6);
    const std::vector<float> w2 = RandomFloats(layers * middle, 7), b2 = RandomFloats(layers, 8);
    AlignedBytes scratch(kernels().MixScratchBytes(layers, middle));
    const MixArgs args{.layers = all,
                       .means = means,
                       .rows = rows,
                       .begins = begins,
                       .squeeze = squeeze.data(),
                       .squeeze_bias = squeeze_bias.data(),
                       .middle = middle,
                       .w1 = w1.data(),
                       .b1 = b1.data(),
                       .w2 = w2.data(),
                       .b2 = b2.data(),
                       .scratch = scratch.span()};
    OwnedMat out(read, width), expected(read, width);
    kernels().MixLayers(args, out);
    reference().MixLayers(args, expected);
    EXPECT_LE(LargestDifference(out, expected), 2e-5);
    EXPECT_TRUE(out.PaddingUntouched());
  }
}

WATERLINE_FOR_EACH_ISA(PreNormTest);

}  // namespace

}  // namespace waterline
