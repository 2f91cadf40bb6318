// bf16 and int8: near f32, the same in every batch, smaller; and what auto chooses.
// SPDX-License-Identifier: Apache-2.0
#include "engine/precision.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <map>
#include <tuple>

#include "engine/models.h"
#include "engine/random_texts.h"

namespace waterline {

namespace {

namespace fs = std::filesystem;

const std::vector<Label> kLabels = {{"person"}, {"organization"}, {"location"}, {"date"}};

const std::vector<std::string> kTexts = {
    "Angela Merkel met Barack Obama in Berlin in 2013.",
    "Cristiano Ronaldo played for Manchester United, Real Madrid and Juventus.",
    "In 1969 Neil Armstrong walked on the Moon; NASA had sent him from Florida.",
    "Apple was founded by Steve Jobs and Steve Wozniak in California.",
    "no names here",
};

// How far single scores may be from those of f32. int8 rounds inputs to 8 bits where the machine
// multiplies bytes itself, to 12 elsewhere; bf16 rounds them only where it multiplies bf16 itself.
double FarthestScore(const EngineStats& stats) {
  if (stats.dtype == Precision::kBf16) return 0.04;
  return stats.input_levels > 127 ? 0.05 : 0.12;
}

// Copies of a model whose dtypes.json the tests write.
class AutoTest : public testing::Test {
 protected:
  AutoTest() { fs::copy(DefaultModel(), directory_, fs::copy_options::recursive); }
  ~AutoTest() override { fs::remove_all(directory_); }

  void Show(const std::string& text) { std::ofstream(directory_ / "dtypes.json") << text; }
  Precision Chosen(const char* isa) {
    return MustLoad(directory_, {.dtype = Precision::kAuto, .isa = isa}).Stats().dtype;
  }

  fs::path directory_ = fs::temp_directory_path() / ("waterline-auto-" + std::to_string(getpid()));
};

TEST(Precision, ShorterTypesFindWhatF32Finds) {
  const std::vector<Extraction> expected = MustExtract(MustLoad(DefaultModel()), kTexts, kLabels);
  for (const Precision dtype : {Precision::kBf16, Precision::kInt8}) {
    SCOPED_TRACE(PrecisionName(dtype));
    const Engine engine = MustLoad(DefaultModel(), {.dtype = dtype});
    const auto found = MustExtract(engine, kTexts, kLabels);
    float most = 0;
    for (size_t t = 0; t < kTexts.size(); ++t) {
      ASSERT_EQ(found[t].entities.size(), expected[t].entities.size()) << kTexts[t];
      for (size_t i = 0; i < found[t].entities.size(); ++i) {
        const Entity &a = found[t].entities[i], &b = expected[t].entities[i];
        EXPECT_EQ(a.start, b.start);
        EXPECT_EQ(a.end, b.end);
        EXPECT_EQ(a.label, b.label);
        most = std::max(most, std::abs(a.score - b.score));
      }
    }
    EXPECT_LT(most, FarthestScore(engine.Stats()));
    EXPECT_GT(most, 0);  // It is another type that ran.
  }
}

// The score of every span and label.
std::map<std::tuple<uint64_t, uint64_t, int32_t>, float> AllScores(const Extraction& extraction) {
  std::map<std::tuple<uint64_t, uint64_t, int32_t>, float> scores;
  for (const Entity& e : extraction.entities) scores[{e.start, e.end, e.label}] = e.score;
  return scores;
}

// Weights at random find nothing worth comparing, so all scores are compared.
TEST(Precision, ShorterTypesStayNearF32OnEveryBackboneAndHead) {
  const ExtractOptions all{.threshold = 1e-6f, .nested = true, .multi_label = true};
  for (const char* model :
       {"bb_albert",          "bb_bert",     "bb_deberta_v1",     "bb_distilbert",
        "bb_electra",         "bb_lfm2",     "bb_llama_causal",   "bb_longformer",
        "bb_modernbert",      "bb_mt5",      "bb_roberta",        "bb_t5_relu",
        "bs_plain",           "bs_fusion_a", "bt_plain",          "rs_none",
        "us_markerV2",        "us_query",    "us_conv_conv",      "us_conv_max",
        "us_spanenc_deberta", "ut_plain",    "ut_represent_spans"}) {
    const auto expected = MustExtract(MustLoad(GoldenModel(model)), kTexts, kLabels, all);
    for (const Precision dtype : {Precision::kBf16, Precision::kInt8}) {
      SCOPED_TRACE(std::string(model) + " " + PrecisionName(dtype));
      const auto found =
          MustExtract(MustLoad(GoldenModel(model), {.dtype = dtype}), kTexts, kLabels, all);
      double sum = 0;
      int64_t count = 0;
      for (size_t t = 0; t < kTexts.size(); ++t) {
        const auto other = AllScores(found[t]);
        for (const auto& [key, score] : AllScores(expected[t])) {
          const auto same = other.find(key);
          sum += std::abs(score - (same == other.end() ? 0.f : same->second));
          ++count;
        }
      }
      EXPECT_GT(count, 100);
      EXPECT_LT(sum / static_cast<double>(count), dtype == Precision::kBf16 ? 0.03 : 0.1);
    }
  }
}

TEST(Precision, ATextHasTheSameAnswerAloneInABatchAndWithAnyThreadsAndBudget) {
  for (const std::string& model :
       {DefaultModel(), GoldenModel("us_markerV0_proj"), GoldenModel("bb_modernbert"),
        GoldenModel("bb_mt5_fuse"), GoldenModel("bb_llama_causal"), GoldenModel("us_conv_share"),
        GoldenModel("ut_represent_spans"), GoldenModel("us_spanenc_deberta"),
        GoldenModel("bs_plain")}) {
    for (const Precision dtype : {Precision::kBf16, Precision::kInt8}) {
      SCOPED_TRACE(model + " " + PrecisionName(dtype));
      const size_t smallest = Inspect(model, {.threads = 1, .dtype = dtype})->smallest_budget;
      const Engine tight =
          MustLoad(model, {.memory_budget = smallest, .threads = 1, .dtype = dtype});
      const Engine roomy = MustLoad(model, {.threads = 3, .dtype = dtype});
      const std::vector<Extraction> together =
          MustExtract(roomy, kTexts, kLabels, {.threshold = 0.1f});
      EXPECT_TRUE(SameAnswers(MustExtract(tight, kTexts, kLabels, {.threshold = 0.1f}), together));
      for (size_t t = 0; t < kTexts.size(); ++t) {
        const auto alone = MustExtract(roomy, {kTexts[t]}, kLabels, {.threshold = 0.1f});
        EXPECT_TRUE(SameAnswer(alone[0], together[t])) << kTexts[t];
      }
      EXPECT_LE(tight.Stats().peak, smallest);
    }
  }
}

// Heads that no trained model at hand has: scores of given spans, whatever they are worth.
TEST(Precision, EveryHeadScoresInShorterTypesAsInF32) {
  const std::string text = "one two three four five six seven";
  std::vector<TextSpan> spans = {{0, 3}, {4, 13}, {14, 27}, {28, 33}};
  for (const char* model :
       {"us_markerV1", "us_markerV2", "us_query", "us_mlp", "us_cat", "us_conv_conv", "us_conv_max",
        "us_conv_sum", "us_conv_share", "us_spanenc_deberta", "us_spanenc_rnn", "ut_plain"}) {
    std::vector<Document> documents(1);
    documents[0] = {.text = text, .threshold = -1.0f, .spans = &spans};
    double farthest = 0;
    const auto scores = [&](Precision dtype) {
      const Engine engine = MustLoad(GoldenModel(model), {.dtype = dtype});
      const auto found = engine.Extract(std::span<const Document>(documents), kLabels,
                                        {.nested = true, .multi_label = true});
      EXPECT_TRUE(found.ok());
      farthest = FarthestScore(engine.Stats());
      std::map<std::tuple<uint64_t, uint64_t, int64_t>, float> by_span;
      for (const Entity& e : (*found)[0].entities) {
        by_span[{e.start, e.end, static_cast<int64_t>(e.label)}] = e.score;
      }
      return by_span;
    };
    const auto expected = scores(Precision::kF32);
    EXPECT_EQ(expected.size(), spans.size() * kLabels.size()) << model;
    for (const Precision dtype : {Precision::kBf16, Precision::kInt8}) {
      SCOPED_TRACE(std::string(model) + " " + PrecisionName(dtype));
      const auto found = scores(dtype);
      ASSERT_EQ(found.size(), expected.size());
      float most = 0;
      for (const auto& [key, score] : found) {
        most = std::max(most, std::abs(score - expected.at(key)));
      }
      EXPECT_LT(most, farthest);
      EXPECT_GT(most, 0);
    }
  }
}

TEST(Precision, WeightsTakeTheBytesOfTheirType) {
  const size_t f32 = MustLoad(DefaultModel()).Stats().weights;
  EXPECT_LT(MustLoad(DefaultModel(), {.dtype = Precision::kBf16}).Stats().weights, f32 * 6 / 10);
  EXPECT_LT(MustLoad(DefaultModel(), {.dtype = Precision::kInt8}).Stats().weights, f32 * 4 / 10);
}

TEST(Precision, ModelsOfTwoTypesAreTwoModels) {
  const Engine f32 = MustLoad(DefaultModel());
  const Engine int8 = MustLoad(DefaultModel(), {.dtype = Precision::kInt8});
  EXPECT_EQ(f32.Stats().dtype, Precision::kF32);
  EXPECT_EQ(int8.Stats().dtype, Precision::kInt8);
  EXPECT_GT(int8.Stats().input_levels, 0);
  EXPECT_FALSE(SameAnswers(MustExtract(f32, kTexts, kLabels), MustExtract(int8, kTexts, kLabels)));
}

TEST_F(AutoTest, TakesF32WhereNothingIsShown) {
  fs::remove(directory_ / "dtypes.json");
  EXPECT_EQ(Chosen("portable"), Precision::kF32);
}

TEST_F(AutoTest, TakesInt8WhereItsAgreementIsShownForTheLevelsOfTheMachine) {
  Show(R"({"int8": {"127": {"f1_points": -0.4}}})");
  EXPECT_EQ(Chosen("portable"), Precision::kInt8);
  if (CpuKernels("avx2") != nullptr) {
    EXPECT_EQ(Chosen("avx2"), Precision::kF32);
  }
  Show(R"({"int8": {"127": {"f1_points": -0.6}, "2047": {"f1_points": 0}}})");
  EXPECT_EQ(Chosen("portable"), Precision::kF32);
  if (CpuKernels("avx2") != nullptr) {
    EXPECT_EQ(Chosen("avx2"), Precision::kInt8);
  }
}

TEST_F(AutoTest, LeavesBf16WhereItIsNoFaster) {
  Show(R"({"bf16": {"f1_points": 0}})");
  EXPECT_EQ(Chosen("portable"), Precision::kF32);
}

TEST_F(AutoTest, RefusesABrokenFile) {
  Show(R"({"int8": 3})");
  const auto engine = Engine::Load(directory_, {.dtype = Precision::kAuto});
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code, Code::kBadModel);
  EXPECT_THAT(engine.error().message, testing::HasSubstr("int8 is 3"));
  // Who names a type does not need it.
  EXPECT_TRUE(Engine::Load(directory_, {.dtype = Precision::kInt8}).ok());
}

}  // namespace

}  // namespace waterline
