// What the binder refuses.
// SPDX-License-Identifier: Apache-2.0
#include "ops/binder.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "kernels/kernels.h"
#include "weights/safetensors_writer.h"

namespace waterline {

namespace {

TEST(Binder, RefusesInt8OfMoreInputsThanItsSumsHold) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("waterline-binder-" + std::to_string(getpid()));
  const std::vector<float> row(8261, 1.0f);
  {
    auto writer = SafetensorsWriter::Make(path, {{"wide.weight", Dtype::kF32, {1, 8261}}}, {});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Write(std::as_bytes(std::span(row))).ok());
    ASSERT_TRUE(writer->Close().ok());
  }
  const auto file = TensorFile::Open(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(file.ok());
  const auto problems = [&](WeightType type) {
    BindingReport report;
    (void)Binder(*file, *CpuKernels("portable"), report).As(type).Linear("wide", 1, 8261, false);
    return report.problems;
  };
  EXPECT_THAT(problems(WeightType::kBf16), testing::IsEmpty());
  EXPECT_THAT(problems(WeightType::kInt8),
              testing::ElementsAre(testing::AllOf(testing::HasSubstr("8261 inputs"),
                                                  testing::HasSubstr("at most 8260"))));
}

}  // namespace

}  // namespace waterline
