// After warm-up a call allocates nothing but its result, and memory is flat.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/models.h"
#include "engine/random_texts.h"
#include "support/allocation_counter.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

// Heap blocks of a result.
size_t BlocksOf(const std::vector<Extraction>& extractions) {
  size_t blocks = extractions.empty() ? 0 : 1;
  const auto count = [&](const auto& list) {
    blocks += list.empty() ? 0 : 1;
    for (const auto& inner : list) blocks += inner.empty() ? 0 : 1;
  };
  for (const Extraction& e : extractions) {
    blocks += e.entities.empty() ? 0 : 1;
    blocks += e.relations.empty() ? 0 : 1;
    blocks += e.error && e.error->message.size() > std::string().capacity() ? 1 : 0;
    count(e.class_scores);
    count(e.vectors);
    count(e.label_vectors);
  }
  return blocks;
}

struct Measured {
  size_t allocated = 0;
  size_t expected = 0;
};

Measured Measure(const Engine& engine, std::span<const Document> documents,
                 std::span<const Label> labels, const ExtractOptions& options) {
  const size_t before = Allocations::Calls();
  const auto found = engine.Extract(documents, labels, options);
  const size_t allocated = Allocations::Calls() - before;
  EXPECT_TRUE(found.ok()) << found.error().message;
  return {allocated, found.ok() ? BlocksOf(*found) : 0};
}

class SteadyState : public testing::TestWithParam<std::string> {
 protected:
  bool Is(const char* name) const { return GetParam().find(name) != std::string::npos; }
};

TEST_P(SteadyState, ACallAllocatesNothingButItsResult) {
  const Engine engine = MustLoad(GetParam(), {.memory_budget = size_t{256} << 20, .threads = 2});
  RandomTexts random(3);
  const std::vector<std::string> relations = {"works for", "part of"};
  for (int round = 0; round < 6; ++round) {
    std::vector<std::string> texts = random.Texts(1 + static_cast<int>(random.Below(20)),
                                                  1 + static_cast<int>(random.Below(80)));
    texts.push_back(std::string(1500, 'x') + " in " + std::string(700, '/'));
    std::vector<Label> labels = random.Labels(1 + static_cast<int>(random.Below(9)));
    std::vector<Label> own = random.Labels(2);
    if (Is("us_precomputed")) {  // Knows these labels alone.
      labels = {{"person"}, {"location"}, {"date"}};
      own = {{"date"}};
    }
    const std::vector<TextSpan> spans = {{0, 6}, {7, 10}};
    std::vector<Document> documents;
    for (const std::string& text : texts) documents.push_back({.text = text});
    documents.front().labels = &own;
    documents.back().spans = &spans;
    ExtractOptions options{
        .threshold = 0.3f, .class_scores = round % 2 == 1, .vectors = round % 3 == 2};
    if (Is("/rs_") || Is("/rt_")) options.relations = relations;
    const Measured measured = Measure(engine, documents, labels, options);
    if (round >= 2) {
      EXPECT_EQ(measured.allocated, measured.expected) << "in round " << round;
    }
  }
}

std::vector<std::string> Models() {
  std::vector<std::string> models = {DefaultModel()};
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(WATERLINE_GOLDEN_DIR) / "models")) {
    models.push_back(entry.path() / "checkpoint");
  }
  std::sort(models.begin(), models.end());
  return models;
}

INSTANTIATE_TEST_SUITE_P(Models, SteadyState, testing::ValuesIn(Models()), [](const auto& model) {
  const std::filesystem::path path = model.param;
  std::string name =
      path.filename() == "checkpoint" ? path.parent_path().filename() : path.filename();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(SteadyState, PlanningAllocatesNothingButItsResult) {
  const Engine engine = MustLoad(DefaultModel(), {.memory_budget = size_t{256} << 20});
  RandomTexts random(4);
  const std::vector<std::string> texts = random.Texts(30, 60);
  const std::vector<std::string_view> views = Views(texts);
  const std::vector<Label> labels = random.Labels(3);
  ASSERT_TRUE(engine.Plan(views, labels).ok());
  const size_t before = Allocations::LiveBytes();
  { ASSERT_TRUE(engine.Plan(views, labels).ok()); }
  EXPECT_EQ(Allocations::LiveBytes(), before);
  EXPECT_EQ(engine.Stats().staging_in_use, 0u);
}

TEST(SteadyState, StatisticsAllocateNothing) {
  const Engine engine = MustLoad(GoldenModel("us_markerV0"), {.memory_budget = size_t{64} << 20});
  const size_t before = Allocations::Calls();
  const EngineStats stats = engine.Stats();
  EXPECT_EQ(Allocations::Calls(), before);
  EXPECT_GT(stats.resident, 0u);
}

}  // namespace
}  // namespace waterline
