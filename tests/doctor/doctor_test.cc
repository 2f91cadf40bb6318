// The whole of `waterline doctor` on the CPU, with a small model.
// SPDX-License-Identifier: Apache-2.0
#include "doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "doctor/model_checks.h"

namespace waterline {
namespace {

std::string SmallModel() {
  return std::filesystem::path(WATERLINE_GOLDEN_DIR) / "models" / "us_markerV0_proj" / "checkpoint";
}

TEST(DoctorTest, FindsTheCpuSound) {
  DoctorOptions options;
  options.device = "cpu";
  options.model = SmallModel();
  options.sizes = DoctorSizes::Quick();
  int told = 0;
  options.progress = [&](std::string_view what) {
    ++told;
    EXPECT_THAT(std::string(what), testing::StartsWith("cpu"));
  };
  const Result<DoctorReport> report = RunDoctor(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_GT(told, 20);
  ASSERT_EQ(report->processors.size(), 1u);
  const ProcessorReport& cpu = report->processors[0];
  std::set<std::string> sections;
  for (const CheckSection& section : cpu.sections) {
    sections.insert(section.name);
    for (const CheckResult& check : section.checks) {
      EXPECT_TRUE(check.ok()) << section.name << ", " << check.name << ": "
                              << testing::PrintToString(check.failures);
    }
  }
  EXPECT_EQ(report->failed(), 0);
  for (const char* name : {"kernels portable", "model", "memory"}) {
    EXPECT_TRUE(sections.contains(name)) << name;
  }
  ASSERT_EQ(cpu.speeds.size(), 4u);
  for (const SpeedResult& speed : cpu.speeds) EXPECT_GT(speed.rate, 1e6) << speed.name;
  EXPECT_GE(report->machine.size(), 6u);
  EXPECT_GE(report->model.size(), 3u);
}

TEST(DoctorTest, SaysWhichModelIsMissing) {
  DoctorOptions options;
  options.model = "/nowhere";
  const Result<DoctorReport> report = RunDoctor(options);
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(report.error().message, testing::HasSubstr("/nowhere"));
}

TEST(ModelChecksTest, AMissingModelIsAFailedCheck) {
  ModelCheckOptions options;
  options.model = "/nowhere";
  options.dtypes = {Precision::kF32};
  const std::vector<CheckResult> results = CheckModel(options);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_FALSE(results[0].ok());
}

// A type that the CPU does not compute in is told, and no failure.
TEST(ModelChecksTest, ATypeThatIsNotRunIsTold) {
  ModelCheckOptions options;
  options.model = SmallModel();
  options.dtypes = {Precision::kF16};
  options.texts = 1;
  const std::vector<CheckResult> results = CheckModel(options);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[0].cases, 0);
  EXPECT_THAT(results[0].detail, testing::StartsWith("not run: "));
}

}  // namespace
}  // namespace waterline
