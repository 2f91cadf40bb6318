// What is planned is what is run.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/models.h"
#include "engine/random_texts.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

class PlanTest : public testing::Test {
 protected:
  RandomTexts random_{13};
  const std::vector<std::string> texts_ = [this] {
    std::vector<std::string> texts = random_.Texts(60, 80);
    texts.push_back(random_.Text(900));  // Windows.
    texts.push_back("");
    texts.push_back("\xff");  // Refused.
    return texts;
  }();
  const std::vector<std::string_view> views_ = Views(texts_);
  const std::vector<Label> labels_ = random_.Labels(5);
};

TEST_F(PlanTest, EqualsTheRunAtEveryBudget) {
  const std::string model = GoldenModel("us_markerV0_proj");
  for (const int threads : {1, 2, 3}) {
    size_t budget = Inspect(model, {.threads = threads})->smallest_budget;
    for (; budget < 80 * kMiB; budget *= 2) {
      SCOPED_TRACE(std::to_string(budget) + " bytes, " + std::to_string(threads) + " threads");
      const Engine engine = MustLoad(model, {.memory_budget = budget, .threads = threads});
      const Engine planner =
          MustLoad(model, {.memory_budget = budget, .threads = threads, .plan_only = true});
      const auto plan = planner.Plan(views_, labels_);
      ASSERT_TRUE(plan.ok()) << plan.error().message;
      const auto same = engine.Plan(views_, labels_);
      ASSERT_TRUE(same.ok());
      EXPECT_EQ(same->batches.size(), plan->batches.size());
      EXPECT_EQ(same->largest.bytes, plan->largest.bytes);

      const std::vector<Extraction> found = MustExtract(engine, texts_, labels_);
      const EngineStats run = engine.Stats(), planned = planner.Stats();
      EXPECT_EQ(static_cast<int64_t>(plan->batches.size()), run.batches);
      EXPECT_EQ(plan->tokens, run.tokens);
      EXPECT_EQ(plan->splits, run.splits);
      EXPECT_EQ(plan->texts, run.texts);
      EXPECT_EQ(plan->largest.bytes, run.largest_plan);
      if (threads == 1) {
        EXPECT_EQ(plan->largest.bytes, run.workspace_peak);
      }
      EXPECT_EQ(planned.weights, run.weights);
      EXPECT_EQ(planned.tokenizer, run.tokenizer);
      EXPECT_EQ(planned.staging, run.staging);
      EXPECT_EQ(planned.workspace, run.workspace);
      EXPECT_EQ(planned.in_use, run.in_use);
      EXPECT_EQ(planned.in_file, run.in_file);
      EXPECT_EQ(planned.batch_tokens, run.batch_tokens);
      std::vector<size_t> refused;
      for (size_t i = 0; i < found.size(); ++i) {
        if (found[i].error) refused.push_back(i);
      }
      ASSERT_EQ(plan->refused.size(), refused.size());
      for (size_t i = 0; i < refused.size(); ++i) {
        EXPECT_EQ(plan->refused[i].text, refused[i]);
        EXPECT_EQ(plan->refused[i].error.message, found[refused[i]].error->message);
      }
    }
  }
}

TEST_F(PlanTest, ATextThatLacksStagingBesideOthersIsPlannedAlone) {
  const Engine engine = MustLoad(GoldenModel("us_markerV0_proj"), {.memory_budget = 32 * kMiB});
  const auto expected = engine.Plan(views_, labels_);
  ASSERT_TRUE(expected.ok());
  for (const int64_t n : {1, 2, 3, 10, 50, 200, 400}) {
    EngineInternals::Of(engine).staging->FailAt(n);
    const auto plan = engine.Plan(views_, labels_);
    EngineInternals::Of(engine).staging->FailAt(0);
    ASSERT_TRUE(plan.ok());
    EXPECT_EQ(plan->refused.size(), expected->refused.size());
  }
  EXPECT_EQ(engine.Stats().staging_in_use, 0u);
}

TEST_F(PlanTest, TheLargestShowsItsBuffers) {
  const Engine engine = MustLoad(DefaultModel(), {.memory_budget = 256 * kMiB, .plan_only = true});
  const auto plan = engine.Plan(views_, labels_);
  ASSERT_TRUE(plan.ok());
  ASSERT_FALSE(plan->largest.buffers.empty());
  size_t most = 0;
  for (const PlannedBuffer& buffer : plan->largest.buffers) {
    EXPECT_LT(buffer.birth, buffer.death);
    EXPECT_FALSE(buffer.name.empty());
    most = std::max(most, buffer.offset + buffer.bytes);
  }
  EXPECT_EQ(most, plan->largest.bytes);
  for (const BatchPlan& batch : plan->batches) {
    EXPECT_LE(batch.bytes, plan->largest.bytes);
    EXPECT_TRUE(batch.buffers.empty());
  }
}

TEST_F(PlanTest, APlannerRefusesToRun) {
  const Engine engine = MustLoad(DefaultModel(), {.memory_budget = 256 * kMiB, .plan_only = true});
  EXPECT_EQ(engine.Extract({"a text"}, {{"person", {}}}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(engine.Lease(1000).error().code, Code::kInvalidArgument);
}

TEST_F(PlanTest, APlannerTakesNoMemoryForWeights) {
  const Engine engine = MustLoad(DefaultModel(), {.memory_budget = 256 * kMiB, .plan_only = true});
  const EngineStats stats = engine.Stats();
  EXPECT_GT(stats.weights, 60 * kMiB);
  EXPECT_TRUE(EngineInternals::Of(engine).sites[0].workspace_block.bytes().empty());
  EXPECT_TRUE((*EngineInternals::Of(engine).model)->placements[0].weights.bytes().empty());
}

}  // namespace
}  // namespace waterline
