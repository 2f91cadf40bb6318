// SPDX-License-Identifier: Apache-2.0
#include "evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <vector>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::ElementsAre;

namespace dom = simdjson::dom;

std::vector<LabelledSpan> Spans(dom::array list) {
  std::vector<LabelledSpan> spans;
  for (const dom::element span : list) {
    const std::string_view label = span.at(2);
    spans.push_back({.start = uint64_t(span.at(0)),
                     .end = uint64_t(span.at(1)) + 1,
                     .label = label[0] - 'a',
                     .score = 0});
  }
  return spans;
}

// evaluation_cases.py wrote what the Python package says.
TEST(Evaluate, AgreesWithThePythonPackage) {
  const std::string cases = Scratch::Read(WATERLINE_SOURCE_DIR "/tests/cli/evaluation_cases.jsonl");
  int read = 0;
  for (size_t at = 0; at < cases.size(); at = cases.find('\n', at) + 1, ++read) {
    dom::parser parser;
    const dom::element one = parser.parse(cases.substr(at, cases.find('\n', at) - at));
    std::vector<EvaluatedText> texts;
    for (const dom::element gold : dom::array(one["gold"])) texts.push_back({Spans(gold), {}});
    size_t text = 0;
    for (const dom::element found : dom::array(one["found"])) texts[text++].found = Spans(found);
    const Agreement all = Evaluate(texts, 3).all;
    EXPECT_DOUBLE_EQ(all.Precision(), double(one["precision"]));
    EXPECT_DOUBLE_EQ(all.Recall(), double(one["recall"]));
    EXPECT_DOUBLE_EQ(all.F1(), double(one["f_score"]));
  }
  EXPECT_EQ(read, 6);
}

// One text: right, another label, other borders, missed, spurious.
EvaluatedText Mixed() {
  return {.gold = {{0, 2, 0, 0}, {3, 5, 0, 0}, {6, 9, 1, 0}, {10, 11, 1, 0}},
          .found = {{0, 2, 0, 0.9f}, {3, 5, 1, 0.8f}, {7, 9, 1, 0.7f}, {12, 13, 0, 0.6f}}};
}

TEST(Evaluate, CountsOverlapsAndConfusions) {
  const Evaluation evaluation = Evaluate({Mixed()}, 2);
  EXPECT_EQ(evaluation.all.gold, 4);
  EXPECT_EQ(evaluation.all.found, 4);
  EXPECT_EQ(evaluation.all.right, 1);
  EXPECT_EQ(evaluation.all.found_overlap, 2);
  EXPECT_EQ(evaluation.all.gold_overlap, 2);
  EXPECT_DOUBLE_EQ(evaluation.all.RelaxedF1(), 0.5);
  EXPECT_THAT(evaluation.confusion,
              ElementsAre(ElementsAre(1, 1, 0), ElementsAre(0, 0, 2), ElementsAre(1, 1, 0)));
}

TEST(Judge, NamesTheMistake) {
  const auto [gold, found] = Judge(Mixed());
  EXPECT_TRUE(gold[0].right);
  EXPECT_EQ(gold[1].mistake, Mistake::kLabel);
  EXPECT_EQ(gold[1].other, 1);
  EXPECT_EQ(gold[2].mistake, Mistake::kBorders);
  EXPECT_EQ(gold[3].mistake, Mistake::kMissed);
  EXPECT_TRUE(found[0].right);
  EXPECT_EQ(found[1].mistake, Mistake::kLabel);
  EXPECT_EQ(found[1].other, 0);
  EXPECT_EQ(found[2].mistake, Mistake::kBorders);
  EXPECT_EQ(found[3].mistake, Mistake::kSpurious);
}

TEST(BestThresholds, LieBetweenScores) {
  std::vector<EvaluatedText> texts(1);
  texts[0].gold = {{0, 1, 0, 0}, {2, 3, 0, 0}, {4, 5, 0, 0}, {8, 9, 1, 0}};
  texts[0].found = {{0, 1, 0, 0.9f},  {2, 3, 0, 0.5f},   {6, 7, 0, 0.25f},
                    {4, 5, 0, 0.25f}, {10, 11, 0, 0.1f}, {10, 11, 1, 0.7f}};
  // 2 right of 2, F1 0.8, against 3 of 4, F1 0.857: equal scores come together.
  EXPECT_THAT(BestThresholds(texts, 2, 0.5f), ElementsAre((0.25f + 0.1f) / 2, 0.5f));
}

}  // namespace
}  // namespace waterline::cli
