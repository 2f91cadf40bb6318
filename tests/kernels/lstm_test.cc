// The LSTM of every instruction set: each sequence's and direction's independence, large gates.
// Against the equations: doctor/kernel_checks_test.cc.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "doctor/lstm_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class LstmTest : public KernelTest {};

// Hidden states are below 1; the gates forget, so that errors of a few 1e-7 a step do not add up
// over more than a few steps.
constexpr double kTolerance = 5e-6;

TEST_P(LstmTest, ASequenceAloneHasTheBitsItHasAmongOthers) {
  const LstmInputs inputs({{17, 64, 1, 129, 0, 64, 33, 2, 15, 16, 31}, 24});
  OwnedMat all = inputs.Run(kernels());
  for (size_t s = 0; s + 1 < inputs.begins.size(); ++s) {
    OwnedMat alone = inputs.Run(kernels(), s, s + 1);
    EXPECT_TRUE(SameBits(alone, all.view().Rows(inputs.begins[s], inputs.begins[s + 1])))
        << "sequence " << s;
  }
}

TEST_P(LstmTest, ADirectionAloneHasTheBitsOfBoth) {
  for (const LstmCase& test : LstmCases()) {
    const LstmInputs inputs(test);
    OwnedMat both = inputs.Run(kernels());
    OwnedMat apart = inputs.Run(kernels(), /*at_once=*/false);
    EXPECT_TRUE(SameBits(apart, both)) << test.lengths.front() << " x " << test.hidden;
  }
}

TEST_P(LstmTest, NaNStaysInItsSequence) {
  LstmInputs inputs({{17, 20, 33}, 24});
  OwnedMat clean = inputs.Run(kernels());
  std::fill_n(inputs.gates.view().row(17), inputs.gates.view().cols,
              std::numeric_limits<float>::quiet_NaN());
  OwnedMat out = inputs.Run(kernels());
  EXPECT_TRUE(SameBits(out.view().Rows(0, 17), clean.view().Rows(0, 17)));
  EXPECT_TRUE(SameBits(out.view().Rows(37, 70), clean.view().Rows(37, 70)));
  EXPECT_TRUE(std::isnan(out.view().row(18)[0]));
}

TEST_P(LstmTest, SaturatesWhereGatesAreLarge) {
  LstmInputs inputs({{5}, 16});
  for (int64_t t = 0; t < 5; ++t) {
    for (int64_t c = 0; c < inputs.gates.view().cols; ++c) inputs.gates.view().row(t)[c] *= 100;
  }
  OwnedMat out = inputs.Run(kernels());
  OwnedMat expected = inputs.Run(reference());
  EXPECT_LE(LargestDifference(out, expected), kTolerance);
}

WATERLINE_FOR_EACH_ISA(LstmTest);

}  // namespace

}  // namespace waterline
