// Memory that fails at any point: the call reports it, nothing leaks, and the next call succeeds.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <string>
#include <vector>

#include "engine/models.h"
#include "engine/random_texts.h"
#include "support/allocation_counter.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

class Failure : public testing::Test {
 protected:
  const std::string model_ = GoldenModel("us_markerV0_proj");
  RandomTexts random_{31};
  // The third is read in several windows.
  const std::vector<std::string> texts_ = {random_.Text(20), random_.Text(7), random_.Text(70), "",
                                           random_.Text(10)};
  const std::vector<std::string_view> views_ = Views(texts_);
  const std::vector<Label> labels_ = random_.Labels(4);
  const ExtractOptions options_ = {.threshold = 0.3f, .class_scores = true, .vectors = true};

  Result<std::vector<Extraction>> Extract(const Engine& engine) const {
    return engine.Extract(std::span<const std::string_view>(views_), labels_, options_);
  }
};

TEST_F(Failure, OfAnyAllocationWhileLoading) {
  const EngineOptions options = {.memory_budget = size_t{32} << 20, .threads = 2};
  { MustLoad(model_, options); }
  { MustLoad(model_, options); }  // What is made once is there now.
  const size_t live = Allocations::LiveBytes();
  int failed = 0;
  // Every one of the first hundreds, then fewer: the rest is the tokenizer's vocabulary.
  for (int64_t n = 1; n < 1000000; n += 1 + (n > 500 ? n / 16 : 0)) {
    const size_t before = Allocations::Calls();
    Allocations::FailAt(n);
    const bool loaded = Engine::Load(model_, options).ok();
    const bool reached = Allocations::Calls() - before >= static_cast<size_t>(n);
    Allocations::FailAt(0);
    failed += !loaded;
    ASSERT_LE(Allocations::LiveBytes(), live + 2048) << "allocation " << n;
    if (!reached) {
      EXPECT_TRUE(loaded);
      break;
    }
  }
  EXPECT_GT(failed, 100);
  const Engine engine = MustLoad(model_, options);
  EXPECT_TRUE(Extract(engine).ok());
}

TEST_F(Failure, OfAnyAllocationOfACall) {
  const Engine engine = MustLoad(model_, {.memory_budget = size_t{32} << 20, .threads = 2});
  const std::vector<Extraction> expected = *Extract(engine);
  const size_t live = Allocations::LiveBytes();
  for (int64_t n = 1;; n += 1 + n / 16) {
    ASSERT_LT(n, 1000000);
    const size_t before = Allocations::Calls();
    Allocations::FailAt(n);
    bool complete = false;
    {
      const auto found = Extract(engine);
      const bool reached = Allocations::Calls() - before >= static_cast<size_t>(n);
      Allocations::FailAt(0);
      if (!reached) {
        ASSERT_TRUE(found.ok());
        break;
      }
      complete = found.ok();
      if (!complete) {
        EXPECT_EQ(found.error().code, Code::kIo);
      }
    }
    EXPECT_FALSE(complete) << "allocation " << n << " failed, and nobody said so";
    EXPECT_EQ(Allocations::LiveBytes(), live) << "allocation " << n;
    EXPECT_EQ(engine.Stats().staging_in_use, 0u);
    EXPECT_EQ(engine.Stats().workspace_in_use, 0u);
  }
  EXPECT_TRUE(SameAnswers(*Extract(engine), expected));
}

// What lacked staging beside others is tried alone, so that one failure loses nothing.
TEST_F(Failure, OfAnyAllocationInStaging) {
  const Engine engine = MustLoad(model_, {.memory_budget = size_t{32} << 20, .threads = 2});
  BlockHeap& staging = *EngineInternals::Of(engine).staging;
  const std::vector<Extraction> expected = *Extract(engine);
  for (int64_t n = 1; n < 2000; n += 1 + n / 16) {
    staging.FailAt(n);
    const auto found = Extract(engine);
    staging.FailAt(0);
    ASSERT_TRUE(found.ok()) << "allocation " << n << ": " << found.error().message;
    ASSERT_TRUE(SameAnswers(*found, expected)) << "allocation " << n;
    ASSERT_EQ(staging.in_use(), 0u) << "allocation " << n;
    ASSERT_EQ(engine.Stats().workspace_in_use, 0u);
  }
}

TEST_F(Failure, OfAllMemoryFromOutsideWhileRunning) {
  const Engine engine = MustLoad(model_, {.memory_budget = size_t{32} << 20, .threads = 2});
  const std::vector<Extraction> expected = *Extract(engine);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &old), 0);
  rlimit low = old;
  low.rlim_cur = 1 << 20;  // Far below what the process has already: it gets nothing more.
  ASSERT_EQ(setrlimit(RLIMIT_AS, &low), 0);
  const auto found = Extract(engine);
  const auto second = Engine::Load(GoldenModel("bb_bert"), {.memory_budget = size_t{32} << 20});
  ASSERT_EQ(setrlimit(RLIMIT_AS, &old), 0);
  // Passes need nothing new. The result itself may come from memory that the heap still has.
  if (found.ok()) {
    EXPECT_TRUE(SameAnswers(*found, expected));
  } else {
    EXPECT_EQ(found.error().code, Code::kIo);
  }
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kIo) << second.error().message;
  EXPECT_TRUE(SameAnswers(*Extract(engine), expected));
}

TEST_F(Failure, OfTheFileWhileRunning) {
  const std::filesystem::path copy =
      std::filesystem::path(testing::TempDir()) / "waterline_failure_test";
  std::filesystem::remove_all(copy);
  std::filesystem::copy(model_, copy, std::filesystem::copy_options::recursive);
  const Engine engine = MustLoad(copy, {.memory_budget = size_t{32} << 20, .threads = 2});
  EXPECT_TRUE(Extract(engine).ok());
  std::filesystem::resize_file(copy / "model.safetensors", 100);
  const auto found = Extract(engine);
  ASSERT_TRUE(found.ok());
  ASSERT_TRUE((*found)[0].error);
  EXPECT_EQ((*found)[0].error->code, Code::kIo);
  EXPECT_NE((*found)[0].error->message.find("model.safetensors has 100 bytes"), std::string::npos)
      << (*found)[0].error->message;
  std::filesystem::remove_all(copy);
}

}  // namespace
}  // namespace waterline
