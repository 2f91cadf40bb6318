// Words that the caller gives or that ICU finds, and thresholds of single labels.
// SPDX-License-Identifier: Apache-2.0
#include "text/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "engine/models.h"
#include "text/offsets.h"

namespace waterline {
namespace {

using testing::HasSubstr;

const std::string kText = "Ünïcödé 👍 Ada Lovelace lived in London, state-of-the-art.";
const std::vector<Label> kLabels = {{"person"}, {"location"}, {"date"}};

// The words of the splitter, in `offsets`.
std::vector<TextSpan> SplitInto(OffsetUnit unit) {
  std::pmr::vector<Word> words;
  SplitWords(kText, words);
  OffsetCursor cursor(kText, unit);
  std::vector<TextSpan> spans;
  for (const Word& word : words) {
    const size_t start = cursor.FromByte(word.begin);
    spans.push_back({start, cursor.FromByte(word.end)});
  }
  return spans;
}

Extraction ExtractWith(const Engine& engine, const std::vector<TextSpan>* words,
                       const ExtractOptions& options, const std::string& text = kText) {
  const Document document{.text = text, .words = words};
  const auto found = engine.Extract(std::span(&document, 1), kLabels, options);
  EXPECT_TRUE(found.ok()) << found.error().message;
  return found.ok() ? (*found)[0] : Extraction();
}

TEST(GivenWords, StandForThoseOfTheSplitter) {
  const Engine engine = MustLoad(GoldenModel("us_markerV0"), {.threads = 1});
  for (const auto& [offsets, unit] : {std::pair(Offsets::kCodePoints, OffsetUnit::kCodePoints),
                                      std::pair(Offsets::kBytes, OffsetUnit::kBytes),
                                      std::pair(Offsets::kUtf16, OffsetUnit::kUtf16)}) {
    ExtractOptions options;
    options.threshold = 0.3f;
    options.offsets = offsets;
    const Extraction expected = ExtractWith(engine, nullptr, options);
    ASSERT_FALSE(expected.entities.empty());
    const std::vector<TextSpan> words = SplitInto(unit);
    const Extraction given = ExtractWith(engine, &words, options);
    ASSERT_FALSE(given.error) << given.error->message;
    EXPECT_TRUE(SameAnswer(given, expected));
    EXPECT_EQ(given.words, expected.words);
  }
}

TEST(GivenWords, AreAllThatIsRead) {
  const Engine engine = MustLoad(GoldenModel("us_markerV0"), {.threads = 1});
  ExtractOptions options;
  options.threshold = 0.01f;
  const std::vector<TextSpan> words = {{10, 22}, {32, 38}};  // "Ada Lovelace" and "London".
  const Extraction found = ExtractWith(engine, &words, options);
  ASSERT_FALSE(found.error) << found.error->message;
  EXPECT_EQ(found.words, 2);
  ASSERT_FALSE(found.entities.empty());
  for (const Entity& entity : found.entities) {
    EXPECT_TRUE(entity.start == 10 || entity.start == 32) << entity.start;
    EXPECT_TRUE(entity.end == 22 || entity.end == 38) << entity.end;
  }
  const std::vector<TextSpan> none;
  const Extraction nothing = ExtractWith(engine, &none, options);
  EXPECT_FALSE(nothing.error);
  EXPECT_TRUE(nothing.entities.empty());
}

TEST(GivenWords, ThatCannotBeAreRefusedByTheFirstOfThem) {
  const Engine engine = MustLoad(GoldenModel("us_markerV0"), {.threads = 1});
  const auto why = [&](const std::vector<TextSpan>& words, Offsets offsets = Offsets::kCodePoints,
                       const std::string& text = kText) {
    ExtractOptions options;
    options.offsets = offsets;
    const Extraction found = ExtractWith(engine, &words, options, text);
    if (!found.error) return std::string();
    EXPECT_EQ(found.error->code, Code::kInvalidArgument);
    return found.error->message;
  };
  EXPECT_EQ(why({{0, 7}, {7, 8}}), "");
  EXPECT_THAT(why({{0, 7}, {8, 8}}), HasSubstr("word 2 of those given, [8, 8), is empty"));
  EXPECT_THAT(why({{4, 3}}), HasSubstr("word 1 of those given, [4, 3), is empty"));
  EXPECT_THAT(why({{0, 7}, {6, 9}, {3, 4}}),
              HasSubstr("word 2 of those given, [6, 9), begins before word 1 ends, at 7"));
  EXPECT_THAT(why({{0, 7}, {8, 1000}}), HasSubstr("code point offsets end at 57"));
  EXPECT_THAT(why({{1, 3}}, Offsets::kBytes), HasSubstr("[1, 3), does not begin and end at"));
  EXPECT_THAT(why({{0, 9}}, Offsets::kUtf16), HasSubstr("UTF-16 offsets end at 58"));
  EXPECT_THAT(why(std::vector<TextSpan>(100'000, {0, 1}), Offsets::kBytes, "a b"),
              HasSubstr("word 2"));
  EXPECT_THAT(why({{0, 1}}, Offsets::kBytes, ""), HasSubstr("end at 0"));
  // The largest offsets there are.
  const size_t most = std::numeric_limits<size_t>::max();
  EXPECT_THAT(why({{most - 1, most}}), HasSubstr("does not begin and end"));
}

TEST(Splitter, OfTheOptionsGoesBeforeTheCheckpoints) {
  const std::string model = GoldenModel("us_markerV0");
  ExtractOptions options;
  const Engine white = MustLoad(model, {.threads = 2});
  const Engine icu = MustLoad(model, {.threads = 2, .splitter = WordSplitter::kIcu});
  const std::string text = "state-of-the-art 東京都に住む";
  EXPECT_EQ(ExtractWith(white, nullptr, options, text).words, 2);
  EXPECT_EQ(ExtractWith(icu, nullptr, options, text).words, 7 + 4);
  EXPECT_EQ(Inspect(model)->splitter, "whitespace");
  EXPECT_EQ(Inspect(model, {.splitter = WordSplitter::kIcu})->splitter,
            "icu (the checkpoint names whitespace)");

  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) texts.push_back("東京都に住む " + std::to_string(i) + " " + kText);
  const Engine one = MustLoad(model, {.threads = 1, .splitter = WordSplitter::kIcu});
  EXPECT_TRUE(SameAnswers(MustExtract(icu, texts, kLabels, {.threshold = 0.3f}),
                          MustExtract(one, texts, kLabels, {.threshold = 0.3f})));
}

TEST(LabelThreshold, TakesThePlaceOfThatOfTheCall) {
  const std::vector<TextSpan> words = SplitInto(OffsetUnit::kCodePoints);
  for (const char* model : {"us_markerV0", "bs_plain", "ut_plain"}) {
    SCOPED_TRACE(model);
    const Engine engine = MustLoad(GoldenModel(model), {.threads = 1});
    ExtractOptions options;
    options.multi_label = true;  // Single words with several labels: nothing displaces another.
    const auto extract = [&](const std::vector<Label>& labels) {
      const Document document{.text = kText, .labels = &labels, .spans = &words};
      const auto found = engine.Extract(std::span(&document, 1), {}, options);
      EXPECT_TRUE(found.ok()) << found.error().message;
      return (*found)[0];
    };
    options.threshold = 0.1f;
    const Extraction all = extract(kLabels);
    std::vector<Label> labels = kLabels;
    labels[0].threshold = 0.6f;
    labels[2].threshold = 0.1f;
    options.threshold = 0.3f;
    const float expected[] = {0.6f, 0.3f, 0.1f};
    Extraction kept;
    for (const Entity& entity : all.entities) {
      if (entity.score > expected[entity.label]) kept.entities.push_back(entity);
    }
    ASSERT_FALSE(kept.entities.empty());
    EXPECT_LT(kept.entities.size(), all.entities.size());
    EXPECT_TRUE(SameAnswer(extract(labels), kept));

    // In parts too, where scores are others.
    options.labels_per_pass = 1;
    for (const Entity& entity : extract(labels).entities) {
      EXPECT_GT(entity.score, expected[entity.label]);
    }
  }
}

TEST(LabelThreshold, MustBeANumber) {
  const Engine engine = MustLoad(GoldenModel("us_markerV0"), {.threads = 1});
  std::vector<Label> labels = kLabels;
  labels[1].threshold = std::numeric_limits<float>::quiet_NaN();
  const std::string_view text = kText;
  const auto found = engine.Extract(std::span(&text, 1), labels);
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message, HasSubstr("threshold of label \"location\" is not a number"));
}

}  // namespace
}  // namespace waterline
