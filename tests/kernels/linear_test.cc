// The linear map of every instruction set against double sums, and its promise of same answers.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/linear_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class LinearTest : public KernelTest {};

// n terms of size 1 / sqrt(n), summed in f32 one after another: the error grows as sqrt(n) half
// units in the last place of a sum of size 1, here with a factor of 8 for the tails. Activations
// add a few units.
double Tolerance(int64_t terms) { return 6e-8 * 8 * std::sqrt(static_cast<double>(terms)) + 1e-6; }

TEST_P(LinearTest, MatchesDoubleSums) {
  for (const LinearCase& test : kLinearCases) {
    SCOPED_TRACE(testing::Message() << test.rows << " x " << test.in << " x " << test.out);
    OwnedMat x = RandomMat(test.rows, test.in, 1);
    const std::vector<float> from = OwnedWeight::Rows(test.out, test.in, 2);
    const OwnedWeight w(kernels(), from, test.out, test.in, test.has_bias);
    const OwnedWeight expected_w(reference(), from, test.out, test.in, test.has_bias);
    OwnedMat out(test.rows, test.out);
    OwnedMat expected(test.rows, test.out);
    kernels().Linear(x, w.weight, test.act, out);
    reference().Linear(x, expected_w.weight, test.act, expected);
    EXPECT_LE(LargestDifference(out, expected), Tolerance(test.in));
    EXPECT_TRUE(out.PaddingUntouched());
  }
}

TEST_P(LinearTest, WritesOnlyItsColumnsOfAWiderMatrix) {
  OwnedMat x = RandomMat(9, 40, 1);
  const std::vector<float> from = OwnedWeight::Rows(19, 40, 2);
  const OwnedWeight w(kernels(), from, 19, 40, true);
  OwnedMat out(9, 64);
  OwnedMat alone(9, 19);
  kernels().Linear(x, w.weight, Act::kGelu, out.view().Cols(5, 24));
  kernels().Linear(x, w.weight, Act::kGelu, alone);
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
  kernels().Linear(wide.view().Cols(11, 48), w.weight, Act::kNone, a);
  kernels().Linear(narrow, w.weight, Act::kNone, b);
  EXPECT_TRUE(SameBits(a, b));
}

TEST_P(LinearTest, ARowAloneHasTheBitsItHasAmongOthers) {
  constexpr int64_t kRows = 260;
  for (const int64_t in : {64, 300, 768}) {
    OwnedMat x = RandomMat(kRows, in, 3);
    const OwnedWeight w(kernels(), OwnedWeight::Rows(53, in, 4), 53, in, true);
    OwnedMat all(kRows, 53);
    kernels().Linear(x, w.weight, Act::kGelu, all);
    OwnedMat part(kRows, 53);
    for (const auto& [begin, end] :
         {std::pair<int64_t, int64_t>{0, 1}, {7, 8}, {255, 260}, {3, 250}, {239, 243}}) {
      const MatView out = part.view().Rows(begin, end);
      kernels().Linear(x.view().Rows(begin, end), w.weight, Act::kGelu, out);
      EXPECT_TRUE(SameBits(out, all.view().Rows(begin, end))) << begin << ".." << end;
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
    kernels().Linear(x, one.weight, act, out);
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
    kernels().Linear(x, one.weight, act, out);
    EXPECT_TRUE(std::isnan(out.view().row(0)[0]));
    EXPECT_NEAR(out.view().row(1)[0] / ReferenceAct(act, 1e30f), 1, 1e-6);
    EXPECT_NEAR(out.view().row(2)[0], ReferenceAct(act, -1e30f), 1e-6);
  }
}

WATERLINE_FOR_EACH_ISA(LinearTest);

}  // namespace

}  // namespace waterline
