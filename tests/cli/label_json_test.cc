// SPDX-License-Identifier: Apache-2.0
#include "label_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "name|description|threshold" of each label, or what is wrong.
std::vector<std::string> Labels(const std::string& json) {
  simdjson::dom::parser parser;
  const Result<std::vector<Label>> labels = LabelsFromJson(parser, json);
  if (!labels.ok()) return {labels.error().message};
  std::vector<std::string> all;
  for (const Label& label : *labels) {
    all.push_back(label.name + "|" + label.description + "|" +
                  (label.threshold ? std::to_string(*label.threshold).substr(0, 4) : ""));
  }
  return all;
}

TEST(LabelsFromJson, ReadsLists) {
  EXPECT_THAT(Labels(R"(["person", " a, b ", {"name":"city","description":"a town"},)"
                     R"({"threshold":0.25,"name":"date"}, "person"])"),
              ElementsAre("person||", " a, b ||", "city|a town|", "date||0.25", "person||"));
  EXPECT_THAT(Labels("[]"), ElementsAre());
}

TEST(LabelsFromJson, ReadsObjects) {
  EXPECT_THAT(Labels(R"({"person":"a human","caf\u00e9":null,"city":{},)"
                     R"("date":{"description":"a day","threshold":1}})"),
              ElementsAre("person|a human|", "café||", "city||", "date|a day|1.00"));
}

TEST(LabelsFromJson, NamesWhatIsWrong) {
  const auto wrong = [](const std::string& json) { return Labels(json)[0]; };
  EXPECT_THAT(wrong(R"(["a", 7])"), HasSubstr("label 2: 7 is neither a name nor an object"));
  EXPECT_THAT(wrong(R"(["a", ""])"), HasSubstr("label 2: its name is empty"));
  EXPECT_THAT(wrong(R"([{"description":"x"}])"), HasSubstr("label 1: its name is empty"));
  EXPECT_THAT(wrong(R"([{"name":"a","score":1}])"), HasSubstr("it has \"score\", where \"name\""));
  EXPECT_THAT(wrong(R"({"a":{"name":"b"}})"), HasSubstr("it has \"name\", where \"description\""));
  EXPECT_THAT(wrong(R"({"a":{"threshold":2}})"),
              HasSubstr("label \"a\": its threshold 2 is not a number from 0 to 1"));
  EXPECT_THAT(wrong(R"({"a":{"threshold":"0.5"}})"), HasSubstr("\"0.5\" is not a number"));
  EXPECT_THAT(wrong(R"({"a":{"description":[1]}})"), HasSubstr("its description is [1], not a"));
  EXPECT_THAT(wrong(R"({"a":true})"), HasSubstr("label \"a\": true is neither a description"));
  EXPECT_THAT(wrong("7"), HasSubstr("7 is neither a list of labels nor an object"));
  EXPECT_THAT(wrong("{"), HasSubstr("it is not JSON"));
  EXPECT_THAT(wrong("[\"" + std::string(10, 'x') + "\", [\"" + std::string(200, 'y') + "\"]]"),
              HasSubstr("yyy... is neither"));
}

TEST(OtherSettingsFromJson, AreReadOrNamed) {
  simdjson::dom::parser parser;
  EXPECT_THAT(*RelationsFromJson(parser, R"(["works for", "born in"])"),
              ElementsAre("works for", "born in"));
  EXPECT_THAT(RelationsFromJson(parser, R"([{"head":1}])").error().message,
              HasSubstr("relation 1: {\"head\":1} is not a name"));
  EXPECT_THAT(RelationsFromJson(parser, "\"a\"").error().message, HasSubstr("not a list of names"));
  EXPECT_EQ(*ThresholdFromJson(parser, "0.75"), 0.75f);
  EXPECT_EQ(*ThresholdFromJson(parser, "1"), 1.0f);
  EXPECT_THAT(ThresholdFromJson(parser, "-0.1").error().message, HasSubstr("-0.1 is not a number"));
  const auto spans = SpansFromJson(parser, "[[0, 3],[4,12]]");
  ASSERT_TRUE(spans.ok());
  ASSERT_EQ(spans->size(), 2u);
  EXPECT_EQ((*spans)[1].start, 4u);
  EXPECT_EQ((*spans)[1].end, 12u);
  EXPECT_THAT(SpansFromJson(parser, "[[0,3],[4]]").error().message,
              HasSubstr("word 2: [4] is not [start, end]"));
  EXPECT_THAT(SpansFromJson(parser, "[[0,-3]]").error().message, HasSubstr("word 1"));
  EXPECT_THAT(SpansFromJson(parser, "{}").error().message, HasSubstr("not a list of [start, end]"));
}

}  // namespace
}  // namespace waterline::cli
