// Texts longer than the model reads at once.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/random_texts.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

const std::filesystem::path kModels = std::filesystem::path(WATERLINE_GOLDEN_DIR) / "models";

class LongText : public testing::Test {
 protected:
  // max_len is 20 words.
  const Engine engine_ = *Engine::Load((kModels / "us_maxlen20" / "checkpoint").string());
  const std::vector<Label> labels_ = {{"person", {}}, {"city", {}}};
  RandomTexts random_{3};

  Extraction Run(const std::string& text, const ExtractOptions& options) {
    const std::string_view views[] = {text};
    auto found = engine_.Extract(std::span<const std::string_view>(views), labels_, options);
    EXPECT_TRUE(found.ok());
    return (*found)[0];
  }
};

TEST_F(LongText, IsProcessedWholeInWindows) {
  const std::string text = random_.Text(150);
  const Extraction found = Run(text, {.threshold = 0.05f});
  ASSERT_FALSE(found.error);
  EXPECT_GT(found.windows, 5);
  EXPECT_EQ(found.words_cut, 0);
  ASSERT_FALSE(found.entities.empty());
  // Something is found in the last fifth of the text, and in order, without overlaps.
  EXPECT_GT(found.entities.back().byte_end, text.size() * 4 / 5);
  for (size_t i = 1; i < found.entities.size(); ++i) {
    EXPECT_LE(found.entities[i - 1].byte_end, found.entities[i].byte_start);
  }
}

TEST_F(LongText, IsCutOnlyWhenAskedAndSaysSo) {
  const std::string text = random_.Text(150);
  const Extraction found = Run(text, {.threshold = 0.3f, .truncate = true});
  ASSERT_FALSE(found.error);
  EXPECT_EQ(found.windows, 1);
  EXPECT_EQ(found.words_cut, found.words - 20);
}

// A model that reads 384 words, in windows of fewer.
TEST(WindowWords, AreTheMostThatAreReadTogether) {
  const Engine engine = *Engine::Load((kModels / "us_markerV0_proj" / "checkpoint").string());
  const std::vector<Label> labels = {{"person", {}}, {"city", {}}};
  RandomTexts random(5);
  const std::string text = random.Text(200);
  const std::string_view views[] = {text};
  const auto run = [&](const ExtractOptions& options) {
    return engine.Extract(std::span<const std::string_view>(views), labels, options);
  };
  const auto whole = run({.threshold = 0.2f});
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ((*whole)[0].windows, 1);
  const auto parts = run({.threshold = 0.2f, .window_words = 64});
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  EXPECT_GE((*parts)[0].windows, 4);
  EXPECT_FALSE((*parts)[0].entities.empty());
  const auto plan = engine.Plan(std::span<const std::string_view>(views), labels,
                                {.threshold = 0.2f, .window_words = 64});
  ASSERT_TRUE(plan.ok());
  int64_t sequences = 0;
  for (const BatchPlan& batch : plan->batches) sequences += batch.sequences;
  EXPECT_EQ(sequences, (*parts)[0].windows);

  for (const int64_t words : {int64_t{-1}, int64_t{1}, int64_t{10}, int64_t{100'000}}) {
    const auto refused = run({.window_words = words});
    ASSERT_FALSE(refused.ok()) << words;
    EXPECT_NE(refused.error().message.find("windows of this model have"), std::string::npos);
  }
  EXPECT_FALSE(run({.truncate = true, .window_words = 64}).ok());
}

TEST_F(LongText, ThatFitsIsOneWindowWithTheSameAnswerEitherWay) {
  const std::string text = "Ada Lovelace lived in London.";
  const Extraction windows = Run(text, {.threshold = 0.3f});
  const Extraction cut = Run(text, {.threshold = 0.3f, .truncate = true});
  EXPECT_EQ(windows.windows, 1);
  ASSERT_EQ(windows.entities.size(), cut.entities.size());
  for (size_t i = 0; i < cut.entities.size(); ++i) {
    EXPECT_EQ(windows.entities[i].score, cut.entities[i].score);
  }
}

TEST_F(LongText, NeverFindsASpanTwice) {
  for (int round = 0; round < 20; ++round) {
    const Extraction found =
        Run(random_.Text(40 + round * 7), {.threshold = 0.2f, .nested = true, .multi_label = true});
    ASSERT_FALSE(found.error);
    std::vector<std::tuple<size_t, size_t, int32_t>> keys;
    for (const Entity& e : found.entities) keys.emplace_back(e.byte_start, e.byte_end, e.label);
    std::sort(keys.begin(), keys.end());
    EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
  }
}

TEST_F(LongText, OffsetsCountWhatWasAskedFor) {
  const std::string text = "日本 👍🏽 Ada Lovelace lived in Köln, naïve as ever.";
  const Extraction points = Run(text, {.threshold = 0.1f});
  const Extraction bytes = Run(text, {.threshold = 0.1f, .offsets = Offsets::kBytes});
  const Extraction utf16 = Run(text, {.threshold = 0.1f, .offsets = Offsets::kUtf16});
  ASSERT_FALSE(points.entities.empty());
  for (size_t i = 0; i < points.entities.size(); ++i) {
    EXPECT_EQ(bytes.entities[i].start, points.entities[i].byte_start);
    EXPECT_EQ(bytes.entities[i].end, points.entities[i].byte_end);
    EXPECT_GE(utf16.entities[i].start, points.entities[i].start);
    EXPECT_LE(utf16.entities[i].start, bytes.entities[i].start);
  }
}

}  // namespace
}  // namespace waterline
