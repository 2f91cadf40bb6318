// The checks on an emulated GPU: every kernel, a model, memory; and that they notice what is wrong.
// SPDX-License-Identifier: Apache-2.0
#include "doctor/device_kernels.h"

#include <fake_cuda.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "device/cuda.h"
#include "doctor/doctor.h"
#include "doctor/gpu_peaks.h"
#include "doctor/kernel_checks.h"
#include "doctor/memory_checks.h"
#include "doctor/model_checks.h"
#include "doctor/operands.h"

namespace waterline {
namespace {

using testing::HasSubstr;

constexpr size_t kMiB = size_t{1} << 20;

std::string SmallModel() {
  return std::filesystem::path(WATERLINE_GOLDEN_DIR) / "models" / "us_markerV0_proj" / "checkpoint";
}

fake_cuda::Options Gpu() {
  fake_cuda::Options options;
  options.device_bytes = 1024 * kMiB;
  options.context_bytes = 64 * kMiB;
  return options;
}

class EmulatedGpuTest : public testing::Test {
 protected:
  void SetUp() override { fake_cuda::Reset(Gpu()); }
  void TearDown() override {
    EXPECT_EQ(fake_cuda::Now().device_blocks, 0);
    EXPECT_EQ(fake_cuda::Now().streams, 0);
    EXPECT_EQ(fake_cuda::Now().pinned_blocks, 0);
    fake_cuda::Reset(Gpu());
  }
  static Device& device() {
    const Result<Device*> device = CudaDevice(0);
    EXPECT_TRUE(device.ok()) << device.error().message;
    return **device;
  }
};

void ExpectAllOk(const std::vector<CheckResult>& results) {
  for (const CheckResult& result : results) {
    EXPECT_TRUE(result.ok()) << result.name << ": " << testing::PrintToString(result.failures);
  }
}

TEST_F(EmulatedGpuTest, EveryKernelPasses) {
  for (const WeightType type : {WeightType::kF32, WeightType::kTf32, WeightType::kBf16,
                                WeightType::kF16, WeightType::kInt8}) {
    SCOPED_TRACE(WeightTypeName(type));
    const auto kernels = DeviceKernels::Make(device(), type);
    ASSERT_TRUE(kernels.ok()) << kernels.error().message;
    KernelCheckOptions options;
    options.type = type;
    options.of_device = true;
    options.most_work = 1e6;  // It is an emulation.
    options.status = [&] { return (*kernels)->status(); };
    const std::vector<CheckResult> results = CheckKernels(**kernels, options);
    ExpectAllOk(results);
    EXPECT_GE(results.size(), type == WeightType::kF32 ? 20u : 2u);
    if (type == WeightType::kBf16 || type == WeightType::kF16) {
      EXPECT_GE(results.size(), 6u) << "attention and span scores";
    }
  }
}

TEST_F(EmulatedGpuTest, InstructionsDoAsDocumented) {
  const auto probes = device().ProbeInstructions();
  ASSERT_TRUE(probes.ok()) << probes.error().message;
  EXPECT_GT(probes->size(), 10u);
  for (const Device::InstructionProbe& probe : *probes) EXPECT_EQ(probe.mismatch, "") << probe.name;
}

TEST_F(EmulatedGpuTest, AnOperationMayWriteOverItsInputs) {
  const auto kernels = DeviceKernels::Make(device(), WeightType::kF32);
  ASSERT_TRUE(kernels.ok()) << kernels.error().message;
  OwnedMat a = RandomMat(3, 37, 1), b = RandomMat(3, 37, 2), expected(3, 37);
  ReferenceKernels().AddAct(a, b, Act::kRelu, expected);
  (*kernels)->AddAct(a, b, Act::kRelu, a);
  EXPECT_TRUE(SameBits(a, expected));
  EXPECT_TRUE(a.PaddingUntouched());
}

TEST_F(EmulatedGpuTest, AFailureOfTheDeviceIsKept) {
  OwnedMat x = RandomMat(3, 37, 1), out(3, 37);
  int told = 0;
  for (long call = 0;; ++call) {
    const auto fresh = DeviceKernels::Make(device(), WeightType::kF32);
    ASSERT_TRUE(fresh.ok()) << fresh.error().message;
    fake_cuda::Current().fail_call = call;
    (*fresh)->AddAct(x, x, Act::kNone, out);
    const bool failed = fake_cuda::Current().fail_call < 0;
    fake_cuda::Current().fail_call = -1;
    if (!failed) {
      EXPECT_GT(told, 6);
      break;
    }
    // Calls whose failure shows nowhere are those that select the device or give memory back.
    if ((*fresh)->status().ok()) continue;
    ++told;
    EXPECT_THAT((*fresh)->status().error().message, HasSubstr("cuda:0"));
  }
  fake_cuda::Reset(Gpu());  // A block whose release failed is lost.
}

TEST_F(EmulatedGpuTest, AModelAnswersAsOnTheCpu) {
  ModelCheckOptions options;
  options.model = SmallModel();
  options.device = "cuda:0";
  options.dtypes = {Precision::kF32, Precision::kBf16};
  options.texts = 2;
  options.device_memory_budget = 64 * kMiB;
  const std::vector<CheckResult> results = CheckModel(options);
  ASSERT_EQ(results.size(), 2u);
  ExpectAllOk(results);
  EXPECT_GT(results[0].cases, 10);
}

MemoryCheckOptions FewBatches() {
  MemoryCheckOptions options;
  options.model = SmallModel();
  options.batches = 3;
  options.most_texts = 2;
  options.most_repeats = 1;
  return options;
}

TEST_F(EmulatedGpuTest, MemoryPromisesAreKept) {
  const std::vector<CheckResult> results = CheckDeviceMemory(device(), FewBatches());
  ASSERT_EQ(results.size(), 4u);
  ExpectAllOk(results);
}

TEST_F(EmulatedGpuTest, ADeviceThatFailsMakesTheMemoryChecksFail) {
  fake_cuda::Current().fail_call = 40;
  fake_cuda::Current().fail_with = cudaErrorIllegalAddress;
  fake_cuda::Current().sticky = true;
  bool failed = false;
  for (const CheckResult& result : CheckDeviceMemory(device(), FewBatches())) {
    failed = failed || !result.ok();
  }
  EXPECT_TRUE(failed);
}

TEST_F(EmulatedGpuTest, FactsAreTold) {
  const Result<std::vector<Fact>> facts = DeviceFacts(device());
  ASSERT_TRUE(facts.ok()) << facts.error().message;
  std::string text;
  for (const Fact& fact : *facts) text += fact.name + ": " + fact.value + "\n";
  EXPECT_THAT(text, HasSubstr("model: Emulated GPU"));
  EXPECT_THAT(text, HasSubstr("sm_80, 108 multiprocessors"));
  EXPECT_THAT(text, HasSubstr("1410 MHz"));
  EXPECT_THAT(text, HasSubstr("ECC on"));
  EXPECT_THAT(text, HasSubstr("CUDA: 13.0 of this build, 13.0 of the driver"));
}

// The numbers of NVIDIA's data sheets.
TEST(GpuPeaksTest, AreThoseOfTheDataSheets) {
  const auto peak = [](const char* model, int capability, int processors, double mhz,
                       WeightType type) {
    Device::Facts facts;
    facts.model = model;
    facts.capability = capability;
    facts.processors = processors;
    facts.clock_khz = static_cast<int>(mhz * 1e3);
    return PeakOfProducts(facts, type) * 1e-12;
  };
  EXPECT_NEAR(peak("NVIDIA A100-SXM4-80GB", 80, 108, 1410, WeightType::kBf16), 312, 1);
  EXPECT_NEAR(peak("NVIDIA A100-SXM4-80GB", 80, 108, 1410, WeightType::kTf32), 156, 1);
  EXPECT_NEAR(peak("NVIDIA A100-SXM4-80GB", 80, 108, 1410, WeightType::kInt8), 624, 2);
  EXPECT_NEAR(peak("NVIDIA A100-SXM4-80GB", 80, 108, 1410, WeightType::kF32), 52, 1);
  EXPECT_NEAR(peak("NVIDIA GeForce RTX 4090", 89, 128, 2520, WeightType::kF16), 165, 1);
  EXPECT_NEAR(peak("NVIDIA L4", 89, 58, 2040, WeightType::kF16), 121, 1);
  EXPECT_NEAR(peak("NVIDIA H100 80GB HBM3", 90, 132, 1830, WeightType::kBf16), 989, 2);
  EXPECT_EQ(peak("Unknown", 75, 40, 1500, WeightType::kF16), 0);
}

TEST_F(EmulatedGpuTest, TheWholeReportIsMade) {
  DoctorOptions options;
  options.device = "cuda";
  options.model = SmallModel();
  options.sizes = {.most_work = 1e4, .texts = 1, .batches = 1, .most_texts = 1, .most_repeats = 1};
  options.sizes.speed = {.seconds = 0, .rows = 32, .width = 32, .sequences = 1, .length = 32};
  const Result<DoctorReport> report = RunDoctor(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  ASSERT_EQ(report->processors.size(), 1u);
  const ProcessorReport& gpu = report->processors[0];
  EXPECT_EQ(gpu.name, "cuda:0");
  std::vector<std::string> names;
  for (const CheckSection& section : gpu.sections) {
    names.push_back(section.name);
    ExpectAllOk(section.checks);
  }
  EXPECT_THAT(names, testing::ElementsAre("instructions", "kernels", "model", "memory"));
  ASSERT_EQ(gpu.speeds.size(), 8u);  // Five types, three of them with attention.
  for (const SpeedResult& speed : gpu.speeds) {
    EXPECT_GT(speed.rate, 0) << speed.name;
    EXPECT_GT(speed.peak, 1e12) << speed.name;
  }
}

TEST_F(EmulatedGpuTest, ANamedDeviceThatIsMissingIsAFailedCheck) {
  DoctorOptions options;
  options.device = "cuda:7";
  options.model = SmallModel();
  const Result<DoctorReport> report = RunDoctor(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->failed(), 1);
  ASSERT_EQ(report->processors.size(), 1u);
  EXPECT_THAT(report->processors[0].sections.at(0).checks.at(0).failures.at(0),
              HasSubstr("there is no device cuda:7"));
}

TEST_F(EmulatedGpuTest, ANameThatIsNoneIsAnError) {
  DoctorOptions options;
  options.device = "gpu";
  options.model = SmallModel();
  const Result<DoctorReport> report = RunDoctor(options);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace waterline
