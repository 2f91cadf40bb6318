// The budget is kept, as counted by an allocator that sees every byte, and memory stays flat.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "engine/models.h"
#include "engine/random_texts.h"
#include "support/allocation_counter.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

using testing::HasSubstr;

const std::string kTiny = GoldenModel("us_markerV0_proj");
const std::string kDefault = DefaultModel();

// What the heap may hold beside what the budget counts: results that belong to the caller, threads,
// and fixed objects of a few KiB.
constexpr size_t kUncounted = size_t{256} << 10;

TEST(Budget, TooSmallIsRefusedWithTheSmallestThatWouldDo) {
  for (const std::string& model : {kTiny, kDefault}) {
    const auto report = Inspect(model);
    ASSERT_TRUE(report.ok()) << report.error().message;
    const size_t smallest = report->smallest_budget;
    const auto refused = Engine::Load(model, {.memory_budget = smallest - 1});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kOverBudget);
    EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(smallest)));
    const auto hopeless = Engine::Load(model, {.memory_budget = 1});
    ASSERT_FALSE(hopeless.ok());
    EXPECT_THAT(hopeless.error().message, HasSubstr(std::to_string(smallest)));
    const auto loaded = Engine::Load(model, {.memory_budget = smallest, .threads = 2});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    const auto found = loaded->Extract({"Ada Lovelace lived in London."}, {{"person", {}}});
    ASSERT_TRUE(found.ok());
    EXPECT_FALSE((*found)[0].error);
  }
}

TEST(Budget, HeapAndBlocksStayBelowIt) {
  RandomTexts random(11);
  const std::vector<std::string> texts = random.Texts(200, 80);
  const std::vector<std::string_view> views = Views(texts);
  const std::vector<Label> labels = random.Labels(6);
  const auto report = Inspect(kTiny);
  ASSERT_TRUE(report.ok());
  for (size_t budget = report->smallest_budget; budget <= (size_t{256} << 20); budget *= 2) {
    const size_t before = Allocations::LiveBytes();
    Allocations::ResetPeak();
    const auto engine = Engine::Load(kTiny, {.memory_budget = budget, .threads = 2});
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    const auto found =
        engine->Extract(std::span<const std::string_view>(views), labels, {.threshold = 0.3f});
    ASSERT_TRUE(found.ok());
    const EngineStats stats = engine->Stats();
    EXPECT_LE(stats.peak, budget);
    // The counting allocator sees the heap; blocks come from the system, and are all in the budget.
    const size_t blocks = stats.workspace + stats.staging;
    size_t results = 0;
    for (const Extraction& e : *found) {
      results += sizeof(Extraction) + e.entities.capacity() * sizeof(Entity);
    }
    EXPECT_LE(Allocations::PeakBytes() - before + blocks, budget + kUncounted + 2 * results)
        << "at a budget of " << budget;
  }
}

TEST(Budget, EntitiesAreTheSameAtEveryOneThatLoads) {
  RandomTexts random(41);
  std::vector<std::string> texts = random.Texts(12, 25);
  texts.push_back(random.Text(500));  // Read in windows, for which the least budgets have no room.
  const std::vector<Label> labels = random.Labels(4);
  for (const std::string& model : {kTiny, kDefault}) {
    const size_t smallest = Inspect(model, {.threads = 2})->smallest_budget;
    const std::vector<Extraction> expected =
        MustExtract(MustLoad(model, {.memory_budget = size_t{1} << 32, .threads = 2}), texts,
                    labels, {.threshold = 0.3f});
    for (size_t budget = smallest; budget < (size_t{1} << 32); budget *= 2) {
      const Engine engine = MustLoad(model, {.memory_budget = budget, .threads = 2});
      const std::vector<Extraction> found = MustExtract(engine, texts, labels, {.threshold = 0.3f});
      EXPECT_LE(engine.Stats().peak, budget);
      const bool is_large_refused = found.back().error.has_value();
      EXPECT_TRUE(is_large_refused ? found.back().error->code == Code::kOverBudget
                                   : SameAnswer(found.back(), expected.back()));
      EXPECT_FALSE(is_large_refused && budget >= smallest + (size_t{32} << 20));
      for (size_t i = 0; i + 1 < texts.size(); ++i) {
        EXPECT_TRUE(SameAnswer(found[i], expected[i]))
            << "at a budget of " << budget << (found[i].error ? found[i].error->message : "");
      }
    }
  }
}

TEST(Budget, ATextThatCannotFitIsRefusedByItself) {
  const auto report = Inspect(kTiny);
  ASSERT_TRUE(report.ok());
  const auto engine = Engine::Load(kTiny, {.memory_budget = report->smallest_budget, .threads = 2});
  ASSERT_TRUE(engine.ok());
  RandomTexts random(5);
  // 300 words with 200 labels: far more scores than the least workspace holds.
  const std::vector<std::string> texts = {random.Text(10), random.Text(300), random.Text(12)};
  const std::vector<Label> few = random.Labels(2);
  const std::vector<Label> many = random.Labels(200);
  const Document documents[] = {
      {.text = texts[0]},
      {.text = texts[1], .labels = &many, .threshold = {}, .spans = nullptr},
      {.text = texts[2]}};
  const auto found =
      engine->Extract(std::span<const Document>(documents), few, {.threshold = 0.2f});
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_FALSE((*found)[0].error);
  EXPECT_FALSE((*found)[2].error);
  ASSERT_TRUE((*found)[1].error);
  EXPECT_EQ((*found)[1].error->code, Code::kOverBudget);
  EXPECT_THAT((*found)[1].error->message, HasSubstr(std::to_string((*found)[1].words) + " words"));
  EXPECT_THAT((*found)[1].error->message, HasSubstr("200 labels"));
  EXPECT_EQ(engine->Stats().refusals, 1);
}

TEST(Budget, HeapIsFlatOverTwoThousandRandomBatches) {
  const auto engine = Engine::Load(kTiny, {.memory_budget = size_t{64} << 20, .threads = 2});
  ASSERT_TRUE(engine.ok());
  RandomTexts random(23);
  const auto batch = [&] {
    const std::vector<std::string> texts = random.Texts(1 + static_cast<int>(random.Below(12)),
                                                        1 + static_cast<int>(random.Below(50)));
    const std::vector<Label> labels = random.Labels(1 + static_cast<int>(random.Below(8)));
    const std::vector<std::string_view> views = Views(texts);
    const auto found =
        engine->Extract(std::span<const std::string_view>(views), labels, {.threshold = 0.3f});
    ASSERT_TRUE(found.ok());
  };
  for (int i = 0; i < 100; ++i) batch();
  const size_t after_warm_up = Allocations::LiveBytes();
  const EngineStats before = engine->Stats();
  for (int i = 0; i < 2000; ++i) batch();
  EXPECT_EQ(Allocations::LiveBytes(), after_warm_up);
  const EngineStats after = engine->Stats();
  EXPECT_EQ(after.in_use, before.in_use);
  EXPECT_EQ(after.staging_in_use, 0u);
  EXPECT_GT(after.batches, before.batches);
}

TEST(Budget, EverythingIsGivenBack) {
  const size_t before = Allocations::LiveBytes();
  {
    const auto engine = Engine::Load(kTiny, {.memory_budget = size_t{64} << 20});
    ASSERT_TRUE(engine.ok());
    (void)engine->Extract({"Ada Lovelace lived in London."}, {{"person", {}}});
  }
  EXPECT_LE(Allocations::LiveBytes(), before + 1024);
}

}  // namespace
}  // namespace waterline
