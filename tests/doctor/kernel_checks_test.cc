// Every operation of every instruction set against its formula; and that the checks notice.
// SPDX-License-Identifier: Apache-2.0
#include "doctor/kernel_checks.h"

#include <gmock/gmock.h>

#include <string>

#include "support/kernel_test.h"

namespace waterline {
namespace {

class KernelChecksTest : public KernelTest {};

TEST_P(KernelChecksTest, AllPass) {
  for (const WeightType type : kWeightTypes) {
    const std::vector<CheckResult> results = CheckKernels(kernels(), {.type = type});
    EXPECT_GE(results.size(), type == WeightType::kF32 ? 20u : 2u);
    for (const CheckResult& result : results) {
      EXPECT_TRUE(result.ok()) << result.name << ": " << result.failed << " of " << result.cases
                               << " cases, " << testing::PrintToString(result.failures);
      EXPECT_GT(result.cases, 0) << result.name;
      EXPECT_EQ(result.left_out, 0) << result.name;
      EXPECT_LE(result.error, result.tolerance) << result.name;
    }
  }
}

WATERLINE_FOR_EACH_ISA(KernelChecksTest);

// The twin with one operation that is a little wrong.
class Broken : public ReferenceKernels {
 public:
  const char* name() const override { return "broken"; }
  void Gate(MatView x, Act act) const override {
    ReferenceKernels::Gate(x, act);
    if (x.rows > 2 && x.cols > 40) x.row(2)[17] += 1e-4f;
  }
  void Scale(MatView x, const float* by, MatView out) const override {
    ReferenceKernels::Scale(x, by, out);
    if (out.stride > out.cols) out.row(0)[out.cols] = 0;  // Beyond its columns.
  }
};

TEST(KernelChecksTest, TellWhatIsBroken) {
  int failed = 0;
  for (const CheckResult& result : CheckKernels(Broken(), {})) {
    if (result.ok()) continue;
    ++failed;
    ASSERT_FALSE(result.failures.empty());
    EXPECT_LE(result.failures.size(), CaseLog::kMostFailures);
    if (result.name == "gate") {
      EXPECT_THAT(result.failures[0], testing::HasSubstr("row 2 column 17 is "));
      EXPECT_GT(result.error, result.tolerance);
    } else {
      EXPECT_EQ(result.name, "scaling");
      EXPECT_THAT(result.failures[0], testing::HasSubstr("wrote outside of its columns"));
    }
  }
  EXPECT_EQ(failed, 2);
}

TEST(KernelChecksTest, CountWhatTheyLeaveOut) {
  const std::vector<CheckResult> results = CheckKernels(ReferenceKernels(), {.most_work = 1e5});
  int64_t left_out = 0;
  for (const CheckResult& result : results) left_out += result.left_out;
  EXPECT_GT(left_out, 20);
}

// A device that fails makes the checks fail, whatever their numbers.
TEST(KernelChecksTest, AskWhetherTheNumbersAreWorthAnything) {
  KernelCheckOptions options;
  options.most_work = 1e4;
  options.status = [] { return Result<void>(Error{Code::kIo, "the device is gone"}); };
  for (const CheckResult& result : CheckKernels(ReferenceKernels(), options)) {
    EXPECT_FALSE(result.ok()) << result.name;
    EXPECT_THAT(result.failures, testing::Contains("the device is gone"));
  }
}

TEST(CaseLogTest, NaNAndInfinityAreOnlyEqualToThemselves) {
  const float nan = std::nanf(""), infinity = INFINITY;
  const auto passes = [](float got, float expected) {
    CaseLog log("case");
    log.Compare("one", std::span(&got, 1), std::span(&expected, 1), 1e30);
    return log.result().ok();
  };
  EXPECT_TRUE(passes(nan, nan));
  EXPECT_TRUE(passes(infinity, infinity));
  EXPECT_TRUE(passes(1, 2));
  EXPECT_FALSE(passes(nan, 1));
  EXPECT_FALSE(passes(1, nan));
  EXPECT_FALSE(passes(infinity, -infinity));
  EXPECT_FALSE(passes(infinity, 1));
}

}  // namespace
}  // namespace waterline
