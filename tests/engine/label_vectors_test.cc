// Label vectors: computed once, saved, loaded; and labels that take several passes.
// SPDX-License-Identifier: Apache-2.0
#include "waterline/label_vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/models.h"

namespace waterline {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kTexts = {
    "French historian Pierre de Marca holds that the word signifies hunters of the Goths.",
    "We moved here from Gondregnies on 5 May.", "Is there a better crafted pop song?"};
const std::vector<Label> kLabels = {{"person"}, {"location", "a place or building"}, {"date"}};

std::string ScratchFile(const std::string& name) {
  const auto directory = std::filesystem::path(testing::TempDir()) / "label_vectors_test";
  std::filesystem::create_directories(directory);
  return directory / name;
}

ExtractOptions With(const LabelVectors& vectors) {
  ExtractOptions options;
  options.threshold = 0.3f;
  options.label_vectors = &vectors;
  return options;
}

class LabelVectorsOf : public testing::TestWithParam<const char*> {};

TEST_P(LabelVectorsOf, GiveTheAnswersOfTheLabelsThemselves) {
  const Engine engine = MustLoad(GoldenModel(GetParam()), {.threads = 2});
  ExtractOptions plain;
  plain.threshold = 0.3f;
  const std::vector<Extraction> expected = MustExtract(engine, kTexts, kLabels, plain);
  Result<LabelVectors> vectors = engine.EmbedLabels(kLabels);
  ASSERT_TRUE(vectors.ok()) << vectors.error().message;
  EXPECT_EQ(vectors->labels().size(), 3u);
  EXPECT_EQ(vectors->values().size(), static_cast<size_t>(3 * vectors->width()));
  EXPECT_TRUE(SameAnswers(MustExtract(engine, kTexts, kLabels, With(*vectors)), expected));

  const std::string file = ScratchFile(std::string(GetParam()) + ".safetensors");
  const Result<void> saved = vectors->Save(file);
  ASSERT_TRUE(saved.ok()) << saved.error().message;
  Result<LabelVectors> loaded = engine.LoadLabels(file);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_TRUE(std::ranges::equal(loaded->values(), vectors->values()));
  EXPECT_EQ(loaded->labels()[1].description, "a place or building");
  EXPECT_TRUE(SameAnswers(MustExtract(engine, kTexts, loaded->labels(), With(*loaded)), expected));
}

TEST_P(LabelVectorsOf, ServeSomeOfTheLabels) {
  const Engine engine = MustLoad(GoldenModel(GetParam()), {.threads = 2});
  ExtractOptions plain;
  plain.threshold = 0.3f;
  const std::vector<Extraction> expected = MustExtract(engine, kTexts, kLabels, plain);
  const std::vector<Label> some = {kLabels[2], {"event"}};
  Result<LabelVectors> vectors = engine.EmbedLabels(some);
  ASSERT_TRUE(vectors.ok()) << vectors.error().message;
  EXPECT_TRUE(SameAnswers(MustExtract(engine, kTexts, kLabels, With(*vectors)), expected));
}

INSTANTIATE_TEST_SUITE_P(Models, LabelVectorsOf, testing::Values("bs_plain", "bs_fusion_a"),
                         [](const auto& test) { return std::string(test.param); });

// More labels than the fold of span_marker.cc is used for.
TEST(LabelVectorsTest, ManyLabelsScoreAsFewDo) {
  const Engine engine = MustLoad(GoldenModel("bs_plain"), {.threads = 2});
  std::vector<Label> many;
  for (int i = 0; i < 300; ++i) many.push_back({"label " + std::to_string(i)});
  ExtractOptions options;
  options.threshold = 0.4f;
  options.multi_label = true;
  options.nested = true;
  const std::vector<Extraction> all = MustExtract(engine, kTexts, many, options);
  size_t found = 0;
  for (const int32_t label : {0, 17, 299}) {
    const std::vector<Label> one = {many[static_cast<size_t>(label)]};
    ExtractOptions alone = options;
    const std::vector<Extraction> expected = MustExtract(engine, kTexts, one, alone);
    for (size_t t = 0; t < kTexts.size(); ++t) {
      // Every span and label of the nested rule that no other span excludes is in both.
      for (const Entity& entity : all[t].entities) {
        if (entity.label != label) continue;
        ++found;
        const auto same = std::ranges::find_if(expected[t].entities, [&](const Entity& e) {
          return e.start == entity.start && e.end == entity.end;
        });
        if (same == expected[t].entities.end()) continue;
        EXPECT_NEAR(same->score, entity.score, 2e-5);
      }
    }
  }
  EXPECT_GT(found, 0u);
}

TEST(LabelVectorsTest, AreRefusedByOtherModels) {
  const Engine engine = MustLoad(GoldenModel("bs_plain"), {.threads = 1});
  Result<LabelVectors> vectors = engine.EmbedLabels(kLabels);
  ASSERT_TRUE(vectors.ok()) << vectors.error().message;
  const std::string file = ScratchFile("other.safetensors");
  ASSERT_TRUE(vectors->Save(file).ok());

  const Engine other = MustLoad(GoldenModel("bs_fusion_a"), {.threads = 1});
  const Result<LabelVectors> loaded = other.LoadLabels(file);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, Code::kBadModel);
  EXPECT_THAT(loaded.error().message, HasSubstr("columns"));

  const Engine uni = MustLoad(GoldenModel("us_markerV0"), {.threads = 1});
  const Result<LabelVectors> none = uni.EmbedLabels(kLabels);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Code::kUnsupported);
  const std::string_view text = kTexts[0];
  const auto found = uni.Extract(std::span(&text, 1), kLabels, With(*vectors));
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, Code::kUnsupported);
}

TEST(LabelVectorsTest, KeepTheThresholdsOfLabels) {
  const Engine engine = MustLoad(GoldenModel("bs_plain"), {.threads = 1});
  std::vector<Label> labels = kLabels;
  labels[1].threshold = 0.7f;
  const Result<LabelVectors> vectors = engine.EmbedLabels(labels);
  ASSERT_TRUE(vectors.ok()) << vectors.error().message;
  const std::string file = ScratchFile("thresholds.safetensors");
  ASSERT_TRUE(vectors->Save(file).ok());
  const Result<LabelVectors> loaded = engine.LoadLabels(file);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_FALSE(loaded->labels()[0].threshold);
  EXPECT_EQ(loaded->labels()[1].threshold, 0.7f);
}

TEST(LabelVectorsTest, OfAnEngineThatOnlyPlansServePlansAlone) {
  const Engine engine = MustLoad(GoldenModel("bs_plain"), {.threads = 1});
  const Result<LabelVectors> vectors = engine.EmbedLabels(kLabels);
  ASSERT_TRUE(vectors.ok()) << vectors.error().message;
  const std::string file = ScratchFile("plan.safetensors");
  ASSERT_TRUE(vectors->Save(file).ok());
  const Engine planner = MustLoad(GoldenModel("bs_plain"), {.threads = 1, .plan_only = true});
  const Result<LabelVectors> loaded = planner.LoadLabels(file);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const std::string_view text = kTexts[0];
  const Result<RunPlan> plan = planner.Plan(std::span(&text, 1), kLabels, With(*loaded));
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->batches.size(), 1u);  // None for the labels.
  const auto found = engine.Extract(std::span(&text, 1), kLabels, With(*loaded));
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message, HasSubstr("plan_only"));
}

TEST(LabelVectorsTest, AFileOfSomethingElseIsRefused) {
  const Engine engine = MustLoad(GoldenModel("bs_plain"), {.threads = 1});
  const Result<LabelVectors> weights =
      engine.LoadLabels(GoldenModel("bs_plain") + "/model.safetensors");
  ASSERT_FALSE(weights.ok());
  EXPECT_THAT(weights.error().message, HasSubstr("no tensor \"vectors\""));
  const std::string file = ScratchFile("text");
  std::ofstream(file) << "person\nlocation\n";
  EXPECT_FALSE(engine.LoadLabels(file).ok());
  const Result<LabelVectors> absent = engine.LoadLabels(ScratchFile("absent"));
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, Code::kNotFound);
}

TEST(LabelVectorsTest, ALabelLongerThanTheEncoderIsRefused) {
  const Engine engine = MustLoad(GoldenModel("bs_plain"), {.threads = 1});
  std::string name;
  for (int i = 0; i < 2000; ++i) name += "word ";
  const std::vector<Label> labels = {{"person"}, {name}};
  const Result<LabelVectors> vectors = engine.EmbedLabels(labels);
  ASSERT_FALSE(vectors.ok());
  EXPECT_EQ(vectors.error().code, Code::kInvalidArgument);
  EXPECT_THAT(vectors.error().message, HasSubstr("tokens, the label encoder reads"));
}

// Every run of letters of a text, in code points of ASCII.
std::vector<TextSpan> WordsOf(const std::string& text) {
  std::vector<TextSpan> words;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && std::isalpha(static_cast<unsigned char>(text[end])) != 0) ++end;
    if (end > at) words.push_back({at, end});
    at = std::max(end, at + 1);
  }
  return words;
}

// Parts are read alone: where spans cannot exclude each other, each label's entities are those of a
// call with its part.
TEST(LabelsPerPass, PartsGiveWhatCallsWithThemGive) {
  const Engine engine = MustLoad(GoldenModel("us_markerV0_proj"), {.threads = 2});
  // Five labels in parts of at most two: 1, 2 and 2.
  const std::vector<std::vector<Label>> groups = {
      {{"person"}}, {{"location"}, {"date"}}, {{"event"}, {"number"}}};
  std::vector<Label> labels;
  for (const auto& group : groups) labels.insert(labels.end(), group.begin(), group.end());
  std::vector<std::vector<TextSpan>> words;
  std::vector<Document> documents;
  for (const std::string& text : kTexts) words.push_back(WordsOf(text));
  for (size_t t = 0; t < kTexts.size(); ++t) {
    documents.push_back({.text = kTexts[t], .spans = &words[t]});
  }
  ExtractOptions options;
  options.threshold = 0.3f;
  options.multi_label = true;
  ExtractOptions parts = options;
  parts.labels_per_pass = 2;
  const auto all = engine.Extract(std::span<const Document>(documents), labels, parts);
  ASSERT_TRUE(all.ok()) << all.error().message;
  std::vector<size_t> expected(kTexts.size());
  int32_t first = 0;
  for (const std::vector<Label>& group : groups) {
    const auto alone = engine.Extract(std::span<const Document>(documents), group, options);
    ASSERT_TRUE(alone.ok()) << alone.error().message;
    for (size_t t = 0; t < kTexts.size(); ++t) {
      expected[t] += (*alone)[t].entities.size();
      for (const Entity& entity : (*alone)[t].entities) {
        EXPECT_TRUE(std::ranges::any_of((*all)[t].entities,
                                        [&](const Entity& e) {
                                          return e.start == entity.start && e.end == entity.end &&
                                                 e.label == first + entity.label &&
                                                 e.score == entity.score;
                                        }))
            << "text " << t << ", " << group[static_cast<size_t>(entity.label)].name;
      }
    }
    first += static_cast<int32_t>(group.size());
  }
  for (size_t t = 0; t < kTexts.size(); ++t) EXPECT_EQ((*all)[t].entities.size(), expected[t]);
  EXPECT_GT(expected[0], 0u);

  parts.labels_per_pass = -1;
  EXPECT_FALSE(engine.Extract(std::span<const Document>(documents), labels, parts).ok());
}

// A prompt of more tokens than a BERT reads is cut by itself.
TEST(LabelsPerPass, LabelsThatDoNotFitAreReadInSeveralPasses) {
  const Engine engine = MustLoad(GoldenModel("bb_bert"), {.threads = 2});
  std::vector<Label> labels;
  for (int i = 0; i < 400; ++i) labels.push_back({"kind " + std::to_string(i)});
  ExtractOptions options;
  options.threshold = 0.5f;
  const std::vector<Extraction> found = MustExtract(engine, kTexts, labels, options);
  for (const Extraction& extraction : found) {
    EXPECT_FALSE(extraction.error) << extraction.error->message;
    EXPECT_GE(extraction.windows, 1);
  }
}

TEST(Relations, OfAModelWithoutThemAreRefused) {
  const Engine engine = MustLoad(GoldenModel("us_markerV0"), {.threads = 1});
  const std::vector<std::string> relations = {"works for"};
  ExtractOptions options;
  options.relations = relations;
  const std::string_view text = kTexts[0];
  const auto found = engine.Extract(std::span(&text, 1), kLabels, options);
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message, HasSubstr("finds no relations"));
}

}  // namespace
}  // namespace waterline
