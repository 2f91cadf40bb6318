// SPDX-License-Identifier: Apache-2.0
#include "gold_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "start-end label" of each entity.
std::vector<std::string> Shown(const GoldText& text) {
  std::vector<std::string> all;
  for (const GoldEntity& entity : text.entities) {
    all.push_back(std::to_string(entity.start) + "-" + std::to_string(entity.end) + " " +
                  entity.label);
  }
  return all;
}

TEST(ReadGold, TakesWordsAndCodePoints) {
  const Scratch scratch;
  const std::string path = scratch.File(
      "gold.jsonl",
      "{\"tokenized_text\":[\"\u00E9a\",\"b\",\"cc\"],\"ner\":[[0,1,\"x\"],[2,2,\"y\"]]}\n\n"
      "{\"text\":\"\u00E9 "
      "Ada\",\"entities\":[{\"start\":2,\"end\":5,\"label\":\"x\",\"score\":1}]}\n"
      "{\"text\":\"Ada\",\"spans\":[[0,3,\"z\"]]}\n{\"text\":\"Ada\",\"ents\":[{\"start\":0,"
      "\"end\":1,\"type\":\"w\"}]}");
  const Result<std::vector<GoldText>> gold = ReadGold(path);
  ASSERT_TRUE(gold.ok()) << gold.error().message;
  ASSERT_EQ(gold->size(), 4u);
  EXPECT_EQ((*gold)[0].text, "\u00E9a b cc");
  EXPECT_THAT(Shown((*gold)[0]), ElementsAre("0-4 x", "5-7 y"));
  ASSERT_TRUE((*gold)[0].words);
  EXPECT_EQ((*gold)[0].words->size(), 3u);
  EXPECT_EQ((*gold)[1].line, 3);
  EXPECT_THAT(Shown((*gold)[1]), ElementsAre("2-5 x"));
  EXPECT_FALSE((*gold)[1].words);
  EXPECT_THAT(LabelsOf(*gold), ElementsAre("x", "y", "z", "w"));
}

TEST(ReadGold, NamesTheLineThatIsWrong) {
  for (const auto& [line, message] : std::vector<std::pair<std::string, std::string>>{
           {"{", "it is not JSON"},
           {"{\"text\":\"a\"}", "neither \"text\" and \"entities\""},
           {"{\"text\":\"abc\",\"entities\":[[1,4,\"x\"]]}", "entity 1: [1,4,\"x\"] lies outside"},
           {"{\"text\":\"abc\",\"entities\":[[1,1,\"x\"]]}", "lies outside"},
           {"{\"text\":\"abc\",\"entities\":[[0,1]]}", "is not a start, an end and a label"},
           {"{\"tokenized_text\":[\"a\"],\"ner\":[[0,1,\"x\"]]}", "names words that are not there"},
           {"{\"tokenized_text\":[1],\"ner\":[]}", "something other than words"}}) {
    const Scratch scratch;
    const Result<std::vector<GoldText>> gold = ReadGold(scratch.File("g", "\n" + line + "\n"));
    ASSERT_FALSE(gold.ok()) << line;
    EXPECT_THAT(gold.error().message, HasSubstr("g:2: "));
    EXPECT_THAT(gold.error().message, HasSubstr(message));
  }
}

}  // namespace
}  // namespace waterline::cli
