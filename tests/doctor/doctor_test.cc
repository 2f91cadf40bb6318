// The whole of `waterline doctor` on the CPU, with a small model.
// SPDX-License-Identifier: Apache-2.0
#include "doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "doctor/model_checks.h"
#include "doctor/published_answers.h"

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

// What the file of a model says, with one word, one score and one line changed.
TEST(PublishedAnswersTest, ADifferenceIsTold) {
  const std::filesystem::path model =
      std::filesystem::path(WATERLINE_SOURCE_DIR) / "models" / "waterline-tiny-en";
  const auto file = PublishedAnswers(model);
  ASSERT_TRUE(file.has_value());
  EXPECT_FALSE(PublishedAnswers(SmallModel()).has_value());
  const Result<Engine> engine = Engine::Load(model, {.memory_budget = size_t{256} << 20});
  ASSERT_TRUE(engine.ok()) << engine.error().message;
  const CheckResult right = CheckPublishedAnswers(*engine, *file, 1e-4);
  EXPECT_TRUE(right.ok()) << testing::PrintToString(right.failures);
  EXPECT_EQ(right.cases, 22);

  std::string line;
  std::getline(std::ifstream(*file) >> std::ws, line);
  const std::filesystem::path changed =
      std::filesystem::path(testing::TempDir()) / "published_answers.jsonl";
  const auto failure = [&](const std::string& from, const std::string& to) -> std::string {
    std::string text = line;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(changed) << text << "\n";
    const CheckResult result = CheckPublishedAnswers(*engine, changed, 1e-4);
    return result.ok() ? "" : result.failures.at(0);
  };
  EXPECT_THAT(failure("\"end\": 17", "\"end\": 16"),
              testing::HasSubstr("expected person at 0 to 16"));
  EXPECT_THAT(failure("0.9187", "0.9197"), testing::HasSubstr("off by 0.001"));
  EXPECT_THAT(failure("\"threshold\": 0.5", "\"threshold\": 0.9"),
              testing::HasSubstr("entities, expected 6"));
  EXPECT_THAT(failure("\"text\"", "\"txet\""), testing::HasSubstr("published_answers.jsonl: "));
  EXPECT_EQ(failure("Funchal", "Funchal"), "");
  std::filesystem::remove(changed);
}

}  // namespace
}  // namespace waterline
