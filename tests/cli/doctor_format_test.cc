// The report of `waterline doctor`, as text and as JSON.
// SPDX-License-Identifier: Apache-2.0
#include "doctor_format.h"

#include <gmock/gmock.h>
#include <simdjson.h>

#include <cmath>

namespace waterline::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

DoctorReport Sample(bool fails) {
  CheckResult check;
  check.name = "linear map bf16";
  check.cases = 1234;
  check.left_out = 2;
  check.compared = true;
  check.error = fails ? 0.5 : 1.2e-6;
  check.tolerance = 1e-5;
  if (fails) {
    check.failed = 5;
    check.failures = {"3 x 4 x 5: row 1 column 2 is \"3\", expected 4", "another", "a third"};
  }
  CheckResult memory;
  memory.name = "budget";
  memory.cases = 1;
  memory.detail = "1.0 MiB at most of 2.0 MiB";
  ProcessorReport cuda;
  cuda.name = "cuda:0";
  cuda.facts = {{"model", "NVIDIA H100 80GB HBM3"}};
  cuda.sections = {{"kernels", {check}}, {"memory", {memory}}};
  cuda.speeds = {{"linear map bf16, 4096 x 1024 x 4096", 494.7e12, 989.4e12},
                 {"attention f32", 2e9, 0}};
  cuda.peak = "the card's";
  DoctorReport report;
  report.machine = {{"waterline", "0.1.0"}, {"CPU", "a \\ and a \" and a tab\t"}};
  report.model = {{"directory", "models/tiny"}};
  report.processors = {cuda};
  report.seconds = 41.7;
  return report;
}

TEST(DoctorFormatTest, TellsEachCheckInALine) {
  const std::string text = FormatDoctorReport(Sample(false));
  EXPECT_THAT(text, HasSubstr("  waterline                 0.1.0\n"));
  EXPECT_THAT(text, HasSubstr("    ok    linear map bf16             1,234 cases (2 left out)  "
                              "1.2e-06 of 1.0e-05\n"));
  EXPECT_THAT(text, HasSubstr("1 case                    1.0 MiB at most of 2.0 MiB\n"));
  EXPECT_THAT(text, HasSubstr("494.7 TFLOP/s     50 % of 989.4 TFLOP/s\n"));
  EXPECT_THAT(text, HasSubstr("2.0 GFLOP/s       peak not known\n"));
  EXPECT_THAT(text, HasSubstr("result\n  all 2 checks are ok, in 42 s\n"));
  EXPECT_THAT(text, Not(HasSubstr("FAIL")));
}

TEST(DoctorFormatTest, TellsWhatFailed) {
  const std::string text = FormatDoctorReport(Sample(true));
  EXPECT_THAT(text, HasSubstr("    FAIL  linear map bf16 "));
  EXPECT_THAT(text, HasSubstr("          3 x 4 x 5: row 1 column 2 is \"3\", expected 4\n"));
  EXPECT_THAT(text, HasSubstr("          and 2 more\n"));
  EXPECT_THAT(text, HasSubstr("  1 of 2 checks failed, in 42 s\n"));
}

TEST(DoctorFormatTest, SaysWhyThereIsNoGpu) {
  DoctorReport report = Sample(false);
  report.no_gpu = "this build has no CUDA backend";
  EXPECT_THAT(FormatDoctorReport(report),
              HasSubstr("GPU\n  none was checked          this build has no CUDA backend\n"));
}

TEST(DoctorFormatTest, JsonHoldsTheSame) {
  DoctorReport sample = Sample(true);
  sample.processors[0].sections[0].checks[0].error = INFINITY;
  simdjson::dom::parser parser;
  const std::string text = FormatDoctorReportJson(sample);
  const simdjson::dom::element report = parser.parse(text);
  EXPECT_FALSE(bool(report["ok"]));
  EXPECT_EQ(int64_t(report["checks"]), 2);
  EXPECT_EQ(int64_t(report["failed"]), 1);
  EXPECT_EQ(std::string_view(report["machine"]["CPU"]), "a \\ and a \" and a tab\t");
  const simdjson::dom::element cuda = report["processors"].at(0);
  EXPECT_EQ(std::string_view(cuda["name"]), "cuda:0");
  const simdjson::dom::element check = cuda["sections"].at(0)["checks"].at(0);
  EXPECT_EQ(int64_t(check["cases"]), 1234);
  EXPECT_EQ(int64_t(check["failed"]), 5);
  EXPECT_EQ(std::string_view(check["error"]), "Infinity");
  EXPECT_DOUBLE_EQ(double(check["tolerance"]), 1e-5);
  EXPECT_EQ(check["failures"].get_array().size(), 3u);
  const simdjson::dom::element memory = cuda["sections"].at(1)["checks"].at(0);
  EXPECT_TRUE(memory["error"].error() == simdjson::NO_SUCH_FIELD);
  EXPECT_DOUBLE_EQ(double(cuda["speeds"].at(0)["flops"]), 494.7e12);
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

}  // namespace
}  // namespace waterline::cli
