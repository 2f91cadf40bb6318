// The linear map of every instruction set: its promise of same answers, any number of rows, numbers
// that are hard. Against double sums: doctor/kernel_checks_test.cc, too.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include "support/kernel_test.h"

namespace waterline {

namespace {

class LinearTest : public KernelTest {};

// n terms of size 1 / sqrt(n), summed in f32 one after another: the error grows as sqrt(n) half
// units in the last place of a sum of size 1, here with a factor of 8 for the tails. Activations
// add a few units.
double Tolerance(int64_t terms) { return 6e-8 * 8 * std::sqrt(static_cast<double>(terms)) + 1e-6; }

// What a type costs: errors of size 2^-9 for each number of a bf16, of half a step of 127 or of
// InputRounding's levels for int8, in sums of size 1.
TEST_P(LinearTest, ShorterTypesStayNearF32) {
  constexpr int64_t kIn = 768, kOut = 96, kRows = 40;
  OwnedMat x = RandomMat(kRows, kIn, 1);
  const std::vector<float> from = OwnedWeight::Rows(kOut, kIn, 2);
  const OwnedWeight exact(kernels(), from, kOut, kIn, true);
  OwnedMat expected(kRows, kOut);
  RunLinear(kernels(), x, exact.weight, Act::kNone, expected);
  for (const WeightType type : {WeightType::kBf16, WeightType::kInt8}) {
    const OwnedWeight w(kernels(), from, kOut, kIn, true, type);
    OwnedMat out(kRows, kOut);
    RunLinear(kernels(), x, w.weight, Act::kNone, out);
    const double error = LargestDifference(out, expected);
    EXPECT_LE(error, type == WeightType::kBf16 ? 0.015 : 0.06) << WeightTypeName(type);
    EXPECT_GT(error, 1e-4) << WeightTypeName(type);
  }
}

TEST_P(LinearTest, QuantisedRowsOfAnySizeKeepTheirRelativeError) {
  for (const float size : {0.0f, 1e-30f, 1e-3f, 1e4f, 1e30f}) {
    OwnedMat x = RandomMat(3, 100, 1, size);
    const std::vector<float> from = OwnedWeight::Rows(17, 100, 2);
    const OwnedWeight w(kernels(), from, 17, 100, false, WeightType::kInt8);
    const OwnedWeight expected_w(reference(), from, 17, 100, false, WeightType::kInt8);
    OwnedMat out(3, 17);
    OwnedMat expected(3, 17);
    RunLinear(kernels(), x, w.weight, Act::kNone, out);
    RunLinear(reference(), x, expected_w.weight, Act::kNone, expected);
    EXPECT_LE(LargestDifference(out, expected), 2e-6 * size) << size;
  }
}

// Of every remainder of rows and of whole tiles of them, with sums cut in two and a tail of terms.
TEST_P(LinearTest, AnyNumberOfRowsMatches) {
  constexpr int64_t kMost = 70, kIn = 775, kOut = 35;
  OwnedMat x = RandomMat(kMost, kIn, 1);
  const std::vector<float> from = OwnedWeight::Rows(kOut, kIn, 2);
  for (const WeightType type : kWeightTypes) {
    const OwnedWeight w(kernels(), from, kOut, kIn, true, type);
    const OwnedWeight expected_w(reference(), from, kOut, kIn, true, type);
    OwnedMat expected(kMost, kOut);
    RunLinear(reference(), x, expected_w.weight, Act::kRelu, expected);
    for (int64_t rows = 1; rows <= kMost; ++rows) {
      OwnedMat out(rows, kOut);
      RunLinear(kernels(), x.view().Rows(0, rows), w.weight, Act::kRelu, out);
      ASSERT_LE(LargestDifference(out, expected.view().Rows(0, rows)), Tolerance(kIn))
          << WeightTypeName(type) << " " << rows;
    }
  }
}

// Bit for bit where inputs are rounded to bf16: halfway cases go to even, NaN and infinity stay.
TEST_P(LinearTest, Bf16InputsRoundAsTheTypeSays) {
  const auto halfway = [](uint32_t bits) { return std::bit_cast<float>(bits); };
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  const float inputs[] = {1,
                          -1,
                          halfway(0x3f808000),
                          halfway(0x3f818000),
                          halfway(0xbf818000),
                          halfway(0x3f808001),
                          halfway(0x3f807fff),
                          3.0e38f,
                          std::numeric_limits<float>::max(),
                          infinity,
                          -infinity,
                          nan,
                          halfway(0x7f800001),
                          halfway(0xffbfffff),
                          0};
  constexpr int64_t kRows = std::size(inputs);
  OwnedMat x(kRows, 1);
  for (int64_t r = 0; r < kRows; ++r) x.view().row(r)[0] = inputs[r];
  const OwnedWeight one(kernels(), {1}, 1, 1, false, WeightType::kBf16);
  const OwnedWeight expected_one(reference(), {1}, 1, 1, false, WeightType::kBf16);
  OwnedMat out(kRows, 1);
  OwnedMat expected(kRows, 1);
  RunLinear(kernels(), x, one.weight, Act::kNone, out);
  RunLinear(reference(), x, expected_one.weight, Act::kNone, expected);
  for (int64_t r = 0; r < kRows; ++r) {
    const float got = out.view().row(r)[0], wanted = expected.view().row(r)[0];
    EXPECT_TRUE(got == wanted || (std::isnan(got) && std::isnan(wanted)))
        << inputs[r] << " " << got;
  }
}

// The largest sums there can be: the binder takes no more inputs.
TEST_P(LinearTest, QuantisedSumsOfTheMostInputsFit) {
  constexpr int64_t kIn = 8260;
  OwnedMat x(1, kIn);
  std::fill_n(x.view().row(0), kIn, 1.0f);
  const OwnedWeight w(kernels(), std::vector<float>(static_cast<size_t>(2 * kIn), -1.0f), 2, kIn,
                      false, WeightType::kInt8);
  OwnedMat out(1, 2);
  RunLinear(kernels(), x, w.weight, Act::kNone, out);
  EXPECT_NEAR(out.view().row(0)[0], -8260, 0.01);
  EXPECT_NEAR(out.view().row(0)[1], -8260, 0.01);
}

// A broken input must not become a number that looks sound.
TEST_P(LinearTest, QuantisedRowsKeepNaNAndInfinityApartFromOtherRows) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    OwnedMat x = RandomMat(3, 100, 1);
    x.view().row(1)[41] = bad;
    const OwnedWeight w(kernels(), OwnedWeight::Rows(17, 100, 2), 17, 100, true, WeightType::kInt8);
    OwnedMat out(3, 17);
    RunLinear(kernels(), x, w.weight, Act::kNone, out);
    for (int64_t c = 0; c < 17; ++c) {
      EXPECT_TRUE(std::isfinite(out.view().row(0)[c]));
      EXPECT_TRUE(std::isnan(out.view().row(1)[c]));
      EXPECT_TRUE(std::isfinite(out.view().row(2)[c]));
    }
  }
}

TEST_P(LinearTest, WritesOnlyItsColumnsOfAWiderMatrix) {
  OwnedMat x = RandomMat(9, 40, 1);
  const std::vector<float> from = OwnedWeight::Rows(19, 40, 2);
  const OwnedWeight w(kernels(), from, 19, 40, true);
  OwnedMat out(9, 64);
  OwnedMat alone(9, 19);
  RunLinear(kernels(), x, w.weight, Act::kGelu, out.view().Cols(5, 24));
  RunLinear(kernels(), x, w.weight, Act::kGelu, alone);
  EXPECT_TRUE(SameBits(out.view().Cols(5, 24), alone));
  for (int64_t r = 0; r < 9; ++r) {
    for (int64_t c = 0; c < 64; ++c) {
      if (c < 5 || c >= 24) {
        EXPECT_EQ(out.view().row(r)[c], OwnedMat::kUntouched);
      }
    }
  }
}

TEST_P(LinearTest, ReadsColumnSlices) {
  OwnedMat wide = RandomMat(9, 100, 1);
  OwnedMat narrow(9, 37);
  for (int64_t r = 0; r < 9; ++r) {
    std::copy_n(wide.view().row(r) + 11, 37, narrow.view().row(r));
  }
  const OwnedWeight w(kernels(), OwnedWeight::Rows(20, 37, 2), 20, 37, true);
  OwnedMat a(9, 20);
  OwnedMat b(9, 20);
  RunLinear(kernels(), wide.view().Cols(11, 48), w.weight, Act::kNone, a);
  RunLinear(kernels(), narrow, w.weight, Act::kNone, b);
  EXPECT_TRUE(SameBits(a, b));
}

TEST_P(LinearTest, ARowAloneHasTheBitsItHasAmongOthers) {
  constexpr int64_t kRows = 260;
  const auto check = [&](WeightType type, int64_t in) {
    OwnedMat x = RandomMat(kRows, in, 3);
    const OwnedWeight w(kernels(), OwnedWeight::Rows(53, in, 4), 53, in, true, type);
    OwnedMat all(kRows, 53);
    RunLinear(kernels(), x, w.weight, Act::kGelu, all);
    OwnedMat part(kRows, 53);
    for (const auto& [begin, end] :
         {std::pair<int64_t, int64_t>{0, 1}, {7, 8}, {255, 260}, {3, 250}, {239, 243}}) {
      const MatView out = part.view().Rows(begin, end);
      RunLinear(kernels(), x.view().Rows(begin, end), w.weight, Act::kGelu, out);
      EXPECT_TRUE(SameBits(out, all.view().Rows(begin, end))) << begin << ".." << end;
    }
  };
  for (const WeightType type : kWeightTypes) {
    for (const int64_t in : {64, 300, 768, 1000}) {
      SCOPED_TRACE(testing::Message() << WeightTypeName(type) << " " << in);
      check(type, in);
    }
  }
}

TEST_P(LinearTest, PartsHaveTheBitsOfTheWhole) {
  constexpr int64_t kRows = 35;
  for (const WeightType type : kWeightTypes) {
    for (const auto& [in, cols] : {std::pair<int64_t, int64_t>{64, 7}, {300, 96}, {1000, 211}}) {
      SCOPED_TRACE(testing::Message() << WeightTypeName(type) << " " << in << " x " << cols);
      OwnedMat x = RandomMat(kRows, in, 3);
      const OwnedWeight w(kernels(), OwnedWeight::Rows(cols, in, 4), cols, in, true, type);
      OwnedMat whole(kRows, cols);
      RunLinear(kernels(), x, w.weight, Act::kGelu, whole);
      const LinearParts parts = kernels().PartsOfLinear(kRows, w.weight);
      EXPECT_EQ(parts.rounded % 64 + parts.scratch % 64, 0u);
      EXPECT_EQ(parts.rounded + parts.scratch, kernels().LinearScratchBytes(kRows, w.weight));
      for (const int64_t panels : {1, 2, 5}) {
        AlignedBytes rounded(parts.rounded), scratch(parts.scratch);
        OwnedMat out(kRows, cols);
        for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{20, kRows}, {0, 1}, {1, 20}}) {
          kernels().RoundInputs(x, begin, end, w.weight, rounded.span());
        }
        const int64_t step = panels * parts.outputs;
        for (int64_t last = (cols + step - 1) / step; last > 0; --last) {
          kernels().LinearPart(x, w.weight, Act::kGelu, (last - 1) * step,
                               std::min(cols, last * step), rounded.span(), scratch.span(), out);
        }
        EXPECT_TRUE(SameBits(out, whole)) << panels << " panels";
        EXPECT_TRUE(out.PaddingUntouched());
      }
    }
  }
}

TEST_P(LinearTest, ActivationsMatchDouble) {
  constexpr int64_t kPoints = 40001;
  OwnedMat x(kPoints, 1);
  for (int64_t i = 0; i < kPoints; ++i) {
    x.view().row(i)[0] = static_cast<float>(i - kPoints / 2) * 1e-3f;
  }
  const OwnedWeight one(kernels(), {1}, 1, 1, false);
  OwnedMat out(kPoints, 1);
  for (const Act act :
       {Act::kNone, Act::kRelu, Act::kGelu, Act::kGeluTanh, Act::kTanh, Act::kSilu}) {
    RunLinear(kernels(), x, one.weight, act, out);
    double most = 0;
    for (int64_t i = 0; i < kPoints; ++i) {
      const double exact = ReferenceAct(act, x.view().row(i)[0]);
      const double error = std::abs(out.view().row(i)[0] - exact);
      most = std::max(most, error / std::max(1.0, std::abs(exact)));
    }
    EXPECT_LE(most, 1e-6) << "activation " << static_cast<int>(act);
  }
}

TEST_P(LinearTest, ActivationsKeepNaNAndSaturate) {
  OwnedMat x(3, 1);
  x.view().row(0)[0] = std::nanf("");
  x.view().row(1)[0] = 1e30f;
  x.view().row(2)[0] = -1e30f;
  const OwnedWeight one(kernels(), {1}, 1, 1, false);
  OwnedMat out(3, 1);
  for (const Act act : {Act::kGelu, Act::kTanh, Act::kSilu, Act::kRelu}) {
    RunLinear(kernels(), x, one.weight, act, out);
    EXPECT_TRUE(std::isnan(out.view().row(0)[0]));
    EXPECT_NEAR(out.view().row(1)[0] / ReferenceAct(act, 1e30f), 1, 1e-6);
    EXPECT_NEAR(out.view().row(2)[0], ReferenceAct(act, -1e30f), 1e-6);
  }
}

WATERLINE_FOR_EACH_ISA(LinearTest);

}  // namespace

}  // namespace waterline
