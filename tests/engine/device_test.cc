// The engine on an emulated GPU: budget, flat memory, failures, order, several devices.
// SPDX-License-Identifier: Apache-2.0
#include <fake_cuda.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "device/cuda.h"
#include "engine/models.h"
#include "engine/random_texts.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

using testing::HasSubstr;

constexpr size_t kMiB = size_t{1} << 20;
constexpr const char* kModel = "us_markerV0_proj";

EngineOptions OnDevice(size_t device_budget = 0) {
  return {.memory_budget = 64 * kMiB,
          .threads = 2,
          .device = "cuda",
          .device_memory_budget = device_budget};
}

fake_cuda::Options Gpu(size_t mebibytes = 1024) {
  fake_cuda::Options options;
  options.device_bytes = mebibytes * kMiB;
  options.context_bytes = 64 * kMiB;
  return options;
}

// What is left on the device and of pinned memory when nothing should be.
void ExpectNothingLeft() {
  const fake_cuda::Totals now = fake_cuda::Now();
  EXPECT_EQ(now.device_blocks, 0);
  EXPECT_EQ(now.device_bytes, 0u);
  EXPECT_EQ(now.pinned_blocks, 0);
  EXPECT_EQ(now.streams, 0);
  EXPECT_EQ(now.events, 0);
  EXPECT_EQ(now.graphs, 0);
}

class DeviceTest : public testing::Test {
 protected:
  void SetUp() override { fake_cuda::Reset(Gpu()); }
  void TearDown() override { ExpectNothingLeft(); }

  RandomTexts random_{11};
  std::vector<Label> labels_ = random_.Labels(3);
  ExtractOptions options_{.threshold = 0.3f, .nested = true, .multi_label = true};
};

// Runs first: a device is opened once.
TEST_F(DeviceTest, AnyFailureWhileItIsOpenedIsAnError) {
  for (long call = 0;; ++call) {
    fake_cuda::Options options = Gpu();
    options.fail_call = call;
    options.fail_with = cudaErrorLaunchFailure;
    fake_cuda::Reset(options);
    const Result<Device*> device = CudaDevice(0);
    if (device.ok()) {
      EXPECT_GT(call, 5) << "the device was open before: run this test first";
      break;
    }
    EXPECT_EQ(device.error().code, call == 0 ? Code::kNotFound : Code::kIo);
    EXPECT_THAT(device.error().message, HasSubstr("unspecified launch failure"));
  }
}

TEST_F(DeviceTest, NamesAreChecked) {
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:0,0", "cuda:-1", "cuda0", "cuda:0,"}) {
    const Result<Engine> engine = Engine::Load(GoldenModel(kModel), {.device = name});
    ASSERT_FALSE(engine.ok()) << name;
    EXPECT_EQ(engine.error().code, Code::kInvalidArgument);
    EXPECT_THAT(engine.error().message, HasSubstr(name));
  }
  const Result<Engine> missing = Engine::Load(GoldenModel(kModel), {.device = "cuda:3"});
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("this machine has 1"));
  const Result<Engine> budget =
      Engine::Load(GoldenModel(kModel), {.device_memory_budget = 64 * kMiB});
  EXPECT_EQ(budget.error().code, Code::kInvalidArgument);
  const Result<Engine> larger = Engine::Load(GoldenModel(kModel), OnDevice(size_t{1} << 40));
  EXPECT_EQ(larger.error().code, Code::kInvalidArgument);
  fake_cuda::Options none = Gpu();
  none.devices = 0;
  fake_cuda::Reset(none);
  EXPECT_EQ(Engine::Load(GoldenModel(kModel), {.device = "cuda:all"}).error().code,
            Code::kNotFound);
}

TEST_F(DeviceTest, TheBudgetIsKept) {
  const std::vector<std::string> texts = random_.Texts(6, 40);
  const Result<ModelReport> report = Inspect(GoldenModel(kModel), OnDevice(8 * kMiB));
  ASSERT_TRUE(report.ok()) << report.error().message;
  const size_t least = report->smallest_device_budget;
  const Result<Engine> refused = Engine::Load(GoldenModel(kModel), OnDevice(least - 1));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kOverBudget);
  EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(least)));
  ExpectNothingLeft();

  std::vector<Extraction> expected;
  for (const size_t budget : {least, least + 1, 16 * kMiB, 33 * kMiB, 512 * kMiB}) {
    fake_cuda::Reset(Gpu());
    const Engine engine = MustLoad(GoldenModel(kModel), OnDevice(budget));
    const std::vector<Extraction> got = MustExtract(engine, texts, labels_, options_);
    if (expected.empty()) expected = got;
    EXPECT_TRUE(SameAnswers(got, expected)) << budget;
    EXPECT_LE(fake_cuda::Now().device_peak, budget);
    const EngineStats stats = engine.Stats();
    ASSERT_EQ(stats.devices.size(), 1u);
    // What it counts is what the device has given, to the byte.
    EXPECT_EQ(stats.devices[0].in_use, fake_cuda::Now().device_bytes);
    EXPECT_EQ(stats.devices[0].memory_budget, budget);
    EXPECT_EQ(stats.workspace, 0u);
    EXPECT_LE(stats.devices[0].workspace_peak, stats.devices[0].workspace);
    EXPECT_GT(stats.devices[0].workspace_peak, 0u);
    EXPECT_LE(stats.peak, stats.memory_budget);
  }
}

TEST_F(DeviceTest, AnAutomaticBudgetLeavesATenthFree) {
  const Engine engine = MustLoad(GoldenModel(kModel), OnDevice());
  const EngineStats stats = engine.Stats();
  EXPECT_TRUE(stats.devices[0].automatic);
  EXPECT_EQ(stats.devices[0].memory_budget, (1024 - 64) * kMiB / 10 * 9);
  EXPECT_EQ(stats.devices[0].context, 64 * kMiB);
  EXPECT_EQ(stats.devices[0].total, 1024 * kMiB);
}

TEST_F(DeviceTest, NothingIsAllocatedAfterLoad) {
  const Engine engine = MustLoad(GoldenModel(kModel), OnDevice(24 * kMiB));
  MustExtract(engine, {"one text"}, labels_, options_);
  const fake_cuda::Totals before = fake_cuda::Now();
  fake_cuda::ForgetTrace();
  for (int batch = 0; batch < 30; ++batch) {
    MustExtract(engine, random_.Texts(1 + batch % 4, 30),
                random_.Labels(1 + static_cast<int>(random_.Below(4))), options_);
  }
  const fake_cuda::Totals after = fake_cuda::Now();
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.device_bytes, before.device_bytes);
  EXPECT_EQ(after.device_peak, before.device_peak);
  EXPECT_EQ(after.pinned_bytes, before.pinned_bytes);
  EXPECT_EQ(after.streams, before.streams);
  EXPECT_GT(after.launches, before.launches);
  for (const fake_cuda::Call& call : fake_cuda::Trace()) {
    EXPECT_THAT(call.name, testing::Not(testing::AnyOf(HasSubstr("Alloc"), HasSubstr("Free"),
                                                       HasSubstr("Create"), HasSubstr("Destroy"))));
  }
}

// Work that was queued may run at once, or as late as when somebody waits for it.
TEST_F(DeviceTest, AnswersDoNotDependOnWhenWorkRuns) {
  const std::vector<std::string> texts = random_.Texts(8, 50);
  std::vector<std::vector<Extraction>> answers;
  for (const auto schedule : {fake_cuda::Schedule::kLate, fake_cuda::Schedule::kEager}) {
    fake_cuda::Options options = Gpu();
    options.schedule = schedule;
    fake_cuda::Reset(options);
    const Engine engine = MustLoad(GoldenModel(kModel), OnDevice(32 * kMiB));
    answers.push_back(MustExtract(engine, texts, labels_, options_));
  }
  EXPECT_TRUE(SameAnswers(answers[0], answers[1]));
}

TEST_F(DeviceTest, ATextHasTheSameAnswerAloneAndInAnyBatch) {
  std::vector<std::string> texts = random_.Texts(6, 40);
  for (const int words : {1, 16, 65, 130}) texts.push_back(random_.Text(words));
  for (const Precision dtype : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
    EngineOptions options = OnDevice();
    options.dtype = dtype;
    const Engine engine = MustLoad(GoldenModel(kModel), options);
    const std::vector<Extraction> together = MustExtract(engine, texts, labels_, options_);
    size_t found = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto alone = MustExtract(engine, {texts[i]}, labels_, options_);
      EXPECT_TRUE(SameAnswer(alone[0], together[i])) << PrecisionName(dtype) << " " << texts[i];
      found += together[i].entities.size();
    }
    EXPECT_GT(found, 20u);
  }
}

// The mean difference of the probabilities of every type to those of the CPU in f32.
TEST_F(DeviceTest, EveryTypeIsNearTheCpu) {
  const std::vector<std::string> texts = random_.Texts(6, 40);
  ExtractOptions all = options_;
  all.threshold = 0;
  const auto expected =
      MustExtract(MustLoad(GoldenModel(kModel), {.threads = 1}), texts, labels_, all);
  const auto difference = [&](Precision dtype) {
    EngineOptions options = OnDevice();
    options.dtype = dtype;
    const Engine engine = MustLoad(GoldenModel(kModel), options);
    EXPECT_EQ(engine.Stats().dtype, dtype);
    const auto got = MustExtract(engine, texts, labels_, all);
    double sum = 0;
    size_t count = 0;
    for (size_t t = 0; t < texts.size(); ++t) {
      EXPECT_EQ(got[t].entities.size(), expected[t].entities.size());
      std::vector<Entity> a = got[t].entities, b = expected[t].entities;
      const auto by_place = [](const Entity& x, const Entity& y) {
        return std::tie(x.start, x.end, x.label) < std::tie(y.start, y.end, y.label);
      };
      std::sort(a.begin(), a.end(), by_place);
      std::sort(b.begin(), b.end(), by_place);
      for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        sum += std::abs(static_cast<double>(a[i].score) - b[i].score);
        ++count;
      }
    }
    return sum / static_cast<double>(count);
  };
  // The CPU, which does not round inputs to bf16 where it has no instructions for it, is 0.006 away
  // in bf16 and 0.018 in int8.
  EXPECT_LT(difference(Precision::kF32), 2e-6);
  EXPECT_LT(difference(Precision::kTf32), 4e-3);
  EXPECT_LT(difference(Precision::kF16), 4e-3);
  EXPECT_LT(difference(Precision::kBf16), 0.02);
  EXPECT_LT(difference(Precision::kInt8), 0.04);
}

// Every call of the runtime fails once, or it and all that follow, as in a dead context.
TEST_F(DeviceTest, AnyCallMayFail) {
  const std::vector<std::string> texts = {random_.Text(5)};
  const std::vector<Extraction> expected =
      MustExtract(MustLoad(GoldenModel(kModel), OnDevice(16 * kMiB)), texts, labels_, options_);
  for (const bool sticky : {false, true}) {
    int of_load = 0, of_call = 0;
    for (long call = 0;; ++call) {
      fake_cuda::Options options = Gpu();
      options.fail_call = call;
      options.fail_with = sticky ? cudaErrorIllegalAddress : cudaErrorMemoryAllocation;
      options.sticky = sticky;
      fake_cuda::Reset(options);
      bool failed = true;
      {
        const Result<Engine> engine = Engine::Load(GoldenModel(kModel), OnDevice(16 * kMiB));
        if (!engine.ok()) {
          ++of_load;
          EXPECT_FALSE(engine.error().message.empty()) << call;
        } else {
          const std::vector<Extraction> got = MustExtract(*engine, texts, labels_, options_);
          failed = got[0].error.has_value();
          if (failed) {
            ++of_call;
            EXPECT_EQ(got[0].error->code, Code::kIo) << call;
            EXPECT_THAT(got[0].error->message, HasSubstr("cuda:0: ")) << call;
            EXPECT_TRUE(got[0].entities.empty());
          }
          if (!sticky) {  // The next call is right.
            const auto again = failed ? MustExtract(*engine, texts, labels_, options_) : got;
            EXPECT_TRUE(SameAnswers(again, expected)) << call;
          }
        }
      }
      if (fake_cuda::Current().fail_call >= 0) break;  // Nothing failed: all calls have.
      // A release that fails once leaves that one thing.
      if (failed) ExpectNothingLeft();
    }
    EXPECT_GT(of_load, 8) << sticky;
    EXPECT_GT(of_call, 30) << sticky;
    fake_cuda::Reset(Gpu());
  }
}

TEST_F(DeviceTest, ADeviceThatIsTooFullRefusesAtLoad) {
  fake_cuda::Reset(Gpu(100));  // 36 MiB free.
  const Result<Engine> engine = Engine::Load(GoldenModel(kModel), OnDevice(64 * kMiB));
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code, Code::kOverBudget);
  EXPECT_THAT(engine.error().message, HasSubstr("are free; free some there"));
  ExpectNothingLeft();
  EXPECT_TRUE(Engine::Load(GoldenModel(kModel), OnDevice(32 * kMiB)).ok());
}

TEST_F(DeviceTest, TrimGivesTheWorkspaceBackAndTheNextCallTakesItAgain) {
  const std::vector<std::string> texts = random_.Texts(3, 20);
  const Engine engine = MustLoad(GoldenModel(kModel), OnDevice(64 * kMiB));
  const auto expected = MustExtract(engine, texts, labels_, options_);
  const DeviceStats full = engine.Stats().devices[0];
  EXPECT_EQ(full.workspace_held, full.workspace);
  engine.Trim();
  const DeviceStats trimmed = engine.Stats().devices[0];
  EXPECT_EQ(trimmed.workspace_held, 0u);
  EXPECT_EQ(fake_cuda::Now().device_bytes, full.in_use - full.workspace);

  // Somebody else takes it.
  void* other = nullptr;
  ASSERT_EQ(cudaMalloc(&other, (1024 - 64 - 20) * kMiB), cudaSuccess);
  const auto refused = MustExtract(engine, texts, labels_, options_);
  for (const Extraction& extraction : refused) {
    ASSERT_TRUE(extraction.error.has_value());
    EXPECT_EQ(extraction.error->code, Code::kOverBudget);
    EXPECT_THAT(extraction.error->message, HasSubstr("are free"));
  }
  ASSERT_EQ(cudaFree(other), cudaSuccess);
  EXPECT_TRUE(SameAnswers(MustExtract(engine, texts, labels_, options_), expected));
  EXPECT_EQ(engine.Stats().devices[0].workspace_held, full.workspace);
}

TEST_F(DeviceTest, ALeaseHoldsMemoryOfTheDevice) {
  const std::vector<std::string> texts = random_.Texts(3, 20);
  const Engine engine = MustLoad(GoldenModel(kModel), OnDevice(64 * kMiB));
  const auto expected = MustExtract(engine, texts, labels_, options_);
  engine.Trim();
  {
    const Result<MemoryLease> lease = engine.Lease(8 * kMiB);
    ASSERT_TRUE(lease.ok()) << lease.error().message;
    EXPECT_TRUE(lease->memory().empty());  // The host cannot reach it.
    EXPECT_EQ(engine.Stats().leased, 8 * kMiB);
    ExtractOptions with = options_;
    with.lease = &*lease;
    EXPECT_TRUE(SameAnswers(MustExtract(engine, texts, labels_, with), expected));
    engine.Trim();  // Not below a lease.
    EXPECT_GT(engine.Stats().devices[0].workspace_held, 0u);
    EXPECT_TRUE(SameAnswers(MustExtract(engine, texts, labels_, with), expected));
  }
  EXPECT_EQ(engine.Stats().leased, 0u);
}

TEST_F(DeviceTest, SeveralDevicesShareACall) {
  fake_cuda::Options two = Gpu();
  two.devices = 2;
  fake_cuda::Reset(two);
  const std::vector<std::string> texts = random_.Texts(24, 30);
  EngineOptions options = OnDevice(32 * kMiB);
  options.batch_tokens = 64;
  const auto expected = MustExtract(MustLoad(GoldenModel(kModel), options), texts, labels_);
  options.device = "cuda:all";
  const Engine engine = MustLoad(GoldenModel(kModel), options);
  EXPECT_TRUE(SameAnswers(MustExtract(engine, texts, labels_), expected));
  const EngineStats stats = engine.Stats();
  ASSERT_EQ(stats.devices.size(), 2u);
  for (const DeviceStats& device : stats.devices) EXPECT_GT(device.workspace_peak, 0u);
  EXPECT_EQ(stats.devices[1].name, "cuda:1");
}

TEST_F(DeviceTest, PlansAreThoseOfTheDevice) {
  const std::vector<std::string> texts = random_.Texts(12, 40);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  EngineOptions options = OnDevice(24 * kMiB);
  options.threads = 1;
  const Engine engine = MustLoad(GoldenModel(kModel), options);
  const auto plan = engine.Plan(std::span<const std::string_view>(views), labels_);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  MustExtract(engine, texts, labels_);
  EXPECT_EQ(engine.Stats().largest_plan, plan->largest.bytes);
  EXPECT_EQ(engine.Stats().batches, static_cast<int64_t>(plan->batches.size()));
  options.plan_only = true;
  const Engine planner = MustLoad(GoldenModel(kModel), options);
  const auto same = planner.Plan(std::span<const std::string_view>(views), labels_);
  ASSERT_TRUE(same.ok()) << same.error().message;
  EXPECT_EQ(same->largest.bytes, plan->largest.bytes);
  EXPECT_EQ(planner.Stats().devices[0].in_use, engine.Stats().devices[0].in_use);
}

TEST_F(DeviceTest, TheCpuRefusesTypesOfGpus) {
  for (const Precision dtype : {Precision::kF16, Precision::kTf32}) {
    const Result<Engine> engine = Engine::Load(GoldenModel(kModel), {.dtype = dtype});
    EXPECT_EQ(engine.error().code, Code::kUnsupported);
    EXPECT_THAT(engine.error().message, HasSubstr(PrecisionName(dtype)));
  }
}

}  // namespace
}  // namespace waterline
