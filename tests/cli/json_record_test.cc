// SPDX-License-Identifier: Apache-2.0
#include "json_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The fields as they stand in the line: "key=value".
std::vector<std::string> Fields(const std::string& line, const JsonRecord& record) {
  std::vector<std::string> fields;
  for (const JsonField& field : record.fields) {
    fields.push_back(std::string(field.key.Of(line)) + "=" + std::string(field.value.Of(line)));
  }
  return fields;
}

std::string Flaw(const std::string& line, const std::string& text_field = "text") {
  JsonRecordReader reader(text_field);
  JsonRecord record;
  const Result<void> read = reader.Read(line, record);
  return read.ok() ? "" : read.error().message;
}

TEST(JsonRecord, KeepsFieldsAsTheyStand) {
  const std::string line =
      R"( { "id" : 12345678901234567890123 , "text":"a\u00e9\n", "x\"y":[1.50, {"k": [ ]} ] ,)"
      R"("z":{} , "t":true,"n":null, "s":" } ," }  )";
  JsonRecordReader reader("text");
  JsonRecord record;
  const Result<void> read = reader.Read(line, record);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(record.text, "a\u00e9\n");
  EXPECT_THAT(Fields(line, record),
              ElementsAre("\"id\"=12345678901234567890123", "\"text\"=\"a\\u00e9\\n\"",
                          "\"x\\\"y\"=[1.50, {\"k\": [ ]} ]", "\"z\"={}", "\"t\"=true",
                          "\"n\"=null", "\"s\"=\" } ,\""));
  EXPECT_EQ(record.fields[2].name, "x\"y");
}

TEST(JsonRecord, FindsTheTextFieldByItsName) {
  JsonRecordReader reader("body");
  JsonRecord record;
  ASSERT_TRUE(reader.Read(R"({"text": 1, "b\u006fdy": "here"})", record).ok());
  EXPECT_EQ(record.text, "here");
}

TEST(JsonRecord, NamesWhatIsWrong) {
  EXPECT_THAT(Flaw(R"({"a":1,"b":2})"), HasSubstr("no field \"text\" (it has \"a\", \"b\")"));
  EXPECT_THAT(Flaw("{}"), HasSubstr("none at all"));
  EXPECT_THAT(Flaw(R"({"text":null})"), HasSubstr("\"text\" is null, not a string"));
  EXPECT_THAT(Flaw(R"({"text":["a"]})"), HasSubstr("is an array"));
  EXPECT_THAT(Flaw(R"({"text":"a","text":"b"})"), HasSubstr("twice"));
  EXPECT_THAT(Flaw("[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(Flaw("\"text\""), HasSubstr("not a JSON object"));
  EXPECT_THAT(Flaw("{\"text\":\"\xFF\"}"), HasSubstr("byte 9 of it is not UTF-8"));
  EXPECT_THAT(Flaw(R"({"text":"a\ud800"})"), HasSubstr("surrogate"));
  EXPECT_THAT(Flaw(R"({"text":"a","n":1e999})"), HasSubstr("number"));
}

TEST(JsonRecord, RefusesWhatIsNotJson) {
  for (const char* line : {"",
                           "x",
                           "{",
                           "}",
                           "{}x",
                           "{} {}",
                           R"({"text":"a"}])",
                           R"({"text":"a",})",
                           R"({"text"})",
                           R"({"text":"a" "b":1})",
                           R"({"text":"a","b":[1 2]})",
                           R"({"text":"a","b":[1,]})",
                           R"({"text":"a","b":{"c"}})",
                           R"({"text":"a","b":tru})",
                           R"({"text":"a","b":nul})",
                           R"({"text":"a","b":truex})",
                           R"({"text":"a","b":01})",
                           R"({"text":"a","b":1.})",
                           R"({"text":"a","b":+1})",
                           R"({"text":"a","b":.5})",
                           R"({"text":"a","b":NaN})",
                           R"({"text":"a","b":"\x"})",
                           R"({"text":"a","b\x":1})",
                           R"({"text":"a","b":[1})",
                           R"({"text":"a","b":{1:2}})",
                           R"({"text":"a","b":})",
                           R"({"text":"a)",
                           "{\"text\":\"a\nb\"}",
                           R"({text:"a"})",
                           R"({'text':'a'})",
                           R"({"text":"a","b":[}]})"}) {
    EXPECT_NE(Flaw(line), "") << line;
  }
}

TEST(JsonRecord, KeepsFieldsWhereOnlyTheTextIsWrong) {
  const std::string line = R"({"id":7,"text":null})";
  JsonRecordReader reader("text");
  JsonRecord record;
  ASSERT_FALSE(reader.Read(line, record).ok());
  EXPECT_THAT(Fields(line, record), ElementsAre("\"id\"=7", "\"text\"=null"));
}

TEST(JsonRecord, TakesDeepNestingToALimit) {
  const auto nested = [](size_t depth) {
    return R"({"text":"a","b":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(Flaw(nested(900)), "");
  EXPECT_THAT(Flaw(nested(2000)), HasSubstr("deeper than 1000"));
  EXPECT_THAT(Flaw(nested(1000000)), HasSubstr("deeper than 1000"));
  EXPECT_NE(Flaw(R"({"text":"a","b":)" + std::string(1000000, '[')), "");
}

// Damaged lines: the walk takes just what simdjson's other parser takes.
RC_GTEST_PROP(JsonRecord, AgreesWithTheWholeDocumentParser, ()) {
  std::string line =
      R"({"text":"a\u00e9","b":[1,2.5e3,{"c":null,"d":[]}],"e":{"f":"\n"},"g":true})";
  const auto damages = *rc::gen::inRange(0, 4);
  for (int i = 0; i < damages; ++i) {
    const auto at = *rc::gen::inRange<size_t>(0, line.size());
    const auto c = *rc::gen::elementOf(std::string("{}[]:,\"\\ 0123.eE-+tfnu\x01z"));
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        line[at] = c;
        break;
      case 1:
        line.insert(at, 1, c);
        break;
      default:
        line.erase(at, 1);
    }
  }
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  const auto error = parser.parse(line).get(object);
  JsonRecordReader reader("text");
  JsonRecord record;
  const Result<void> read = reader.Read(line, record);
  std::string_view text;
  const bool usable = error == simdjson::SUCCESS && object["text"].get(text) == simdjson::SUCCESS;
  if (read.ok()) {
    RC_ASSERT(error == simdjson::SUCCESS || error == simdjson::NUMBER_ERROR);
    if (error == simdjson::SUCCESS) RC_ASSERT(text == record.text);
    for (const JsonField& field : record.fields) {
      RC_ASSERT(parser.parse(std::string(field.value.Of(line))).error() == simdjson::SUCCESS ||
                error == simdjson::NUMBER_ERROR);
    }
  } else {
    RC_ASSERT(!usable || read.error().message.find("twice") != std::string::npos);
  }
}

}  // namespace
}  // namespace waterline::cli
