// A text gets the same answer, bit for bit, alone or in any batch, with any number of threads,
// under any budget. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "engine/models.h"
#include "engine/random_texts.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

// One of each kind of attention and head.
const char* const kCheckpoints[] = {"us_markerV0_proj",
                                    "us_realbuckets",
                                    "bb_bert",
                                    "bb_deberta_v2_conv_groups",
                                    "bb_modernbert",
                                    "bb_mt5_fuse",
                                    "bb_llama_causal",
                                    "bb_longformer",
                                    "us_markerV1",
                                    "us_markerV2",
                                    "us_rnn2_pool_last",
                                    "us_query",
                                    "us_cat",
                                    "us_mlp",
                                    "us_conv_conv",
                                    "us_conv_mean",
                                    "us_conv_share",
                                    "ut_plain",
                                    "ut_represent_spans",
                                    "bb_lfm2",
                                    "bs_plain",
                                    "bs_fusion_a",
                                    "rs_none",
                                    "bt_plain",
                                    "bt_fusion_represent",
                                    "rt_none",

                                    "us_spanenc_deberta",
                                    "us_spanenc_rnn",
                                    "us_spanenc_modernbert"};

class SameAnswers : public testing::TestWithParam<const char*> {
 protected:
  RandomTexts random_{7};
  // Lengths on both sides of every block size of the kernels.
  std::vector<std::string> texts_ = [this] {
    std::vector<std::string> texts = random_.Texts(24, 60);
    for (const int words : {1, 15, 16, 17, 33, 130}) texts.push_back(random_.Text(words));
    texts.push_back("");
    return texts;
  }();
  std::vector<Label> labels_ = random_.Labels(3);
  ExtractOptions options_{.threshold = 0.3f, .nested = true, .multi_label = true, .vectors = true};
};

TEST_P(SameAnswers, AloneAndInAnyBatch) {
  const Engine engine = MustLoad(GoldenModel(GetParam()), {.threads = 1});
  const std::vector<Extraction> together = MustExtract(engine, texts_, labels_, options_);
  size_t found = 0;
  for (size_t i = 0; i < texts_.size(); ++i) {
    const std::vector<Extraction> alone = MustExtract(engine, {texts_[i]}, labels_, options_);
    EXPECT_TRUE(SameAnswer(alone[0], together[i])) << texts_[i];
    found += together[i].entities.size();
  }
  EXPECT_GT(found, 20u);

  std::vector<size_t> order(texts_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  std::vector<std::string> shuffled;
  for (const size_t i : order) shuffled.push_back(texts_[i]);
  const std::vector<Extraction> other = MustExtract(engine, shuffled, labels_, options_);
  for (size_t i = 0; i < order.size(); ++i) EXPECT_TRUE(SameAnswer(other[i], together[order[i]]));
}

TEST_P(SameAnswers, WithAnyThreadsAndBatchSize) {
  const std::vector<Extraction> one =
      MustExtract(MustLoad(GoldenModel(GetParam()), {.threads = 1}), texts_, labels_, options_);
  for (const int threads : {2, 3, 7}) {
    for (const int64_t batch_tokens : {1, 100, 100000}) {
      const Engine engine =
          MustLoad(GoldenModel(GetParam()), {.threads = threads, .batch_tokens = batch_tokens});
      const std::vector<Extraction> got = MustExtract(engine, texts_, labels_, options_);
      for (size_t i = 0; i < texts_.size(); ++i)
        EXPECT_TRUE(SameAnswer(got[i], one[i])) << texts_[i];
    }
  }
}

// Idle workers help with a text that comes alone.
TEST_P(SameAnswers, OfAnyTypeWithHelp) {
  texts_.push_back(random_.Text(700));  // Windows.
  for (const Precision dtype : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
    SCOPED_TRACE(static_cast<int>(dtype));
    const Engine one = MustLoad(GoldenModel(GetParam()), {.threads = 1, .dtype = dtype});
    const std::vector<Extraction> expected = MustExtract(one, texts_, labels_, options_);
    for (const int threads : {2, 3, 5, 20}) {
      const Engine engine = MustLoad(GoldenModel(GetParam()), {.threads = threads, .dtype = dtype});
      for (size_t i = 0; i < texts_.size(); ++i) {
        const std::vector<Extraction> alone = MustExtract(engine, {texts_[i]}, labels_, options_);
        EXPECT_TRUE(SameAnswer(alone[0], expected[i])) << threads << " " << texts_[i];
      }
    }
  }
}

TEST_P(SameAnswers, UnderAnyBudget) {
  const std::vector<Extraction> free =
      MustExtract(MustLoad(GoldenModel(GetParam()), {}), texts_, labels_, options_);
  const auto report = Inspect(GoldenModel(GetParam()));
  ASSERT_TRUE(report.ok());
  bool refused_any = false;
  for (size_t extra = 0; extra <= (size_t{16} << 20); extra = extra == 0 ? 65536 : extra * 2) {
    const Engine engine = MustLoad(
        GoldenModel(GetParam()), {.memory_budget = report->smallest_budget + extra, .threads = 2});
    const std::vector<Extraction> got = MustExtract(engine, texts_, labels_, options_);
    for (size_t i = 0; i < texts_.size(); ++i) {
      if (got[i].error) {
        // Only a text that alone is too large, and it says so; the others go on.
        EXPECT_EQ(got[i].error->code, Code::kOverBudget);
        refused_any = true;
        continue;
      }
      EXPECT_TRUE(SameAnswer(got[i], free[i])) << texts_[i];
    }
    EXPECT_LE(engine.Stats().peak, engine.Stats().memory_budget);
  }
  (void)refused_any;
}

TEST_P(SameAnswers, WithMoreThreadsThanTheSmallestBudgetSeemsToAllow) {
  const std::string model = GoldenModel(GetParam());
  const auto report = Inspect(model, {.threads = 64});
  ASSERT_TRUE(report.ok());
  const Engine crowded =
      MustLoad(GoldenModel(GetParam()), {.memory_budget = report->smallest_budget, .threads = 64});
  const Engine free = MustLoad(GoldenModel(GetParam()), {.threads = 1});
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(random_.Text(1 + i % 20));
  const std::vector<Extraction> got = MustExtract(crowded, texts, labels_, options_);
  const std::vector<Extraction> expected = MustExtract(free, texts, labels_, options_);
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_FALSE(got[i].error) << got[i].error->message;
    EXPECT_TRUE(SameAnswer(got[i], expected[i])) << texts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(All, SameAnswers, testing::ValuesIn(kCheckpoints),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace waterline
