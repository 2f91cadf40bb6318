// SPDX-License-Identifier: Apache-2.0
#include "document_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<DocumentSettings> Read(SettingsReader& reader, const std::string& line,
                              const std::string& text_field = "text") {
  JsonRecordReader records(text_field);
  JsonRecord record;
  EXPECT_TRUE(records.Read(line, record).ok()) << line;
  return reader.Read(line, record.fields, text_field);
}

DocumentSettings MustRead(SettingsReader& reader, const std::string& line,
                          const std::string& text_field = "text") {
  const Result<DocumentSettings> settings = Read(reader, line, text_field);
  EXPECT_TRUE(settings.ok()) << settings.error().message;
  return settings.ok() ? *settings : DocumentSettings();
}

std::string Flaw(const std::string& line) {
  SettingsReader reader({});
  const Result<DocumentSettings> settings = Read(reader, line);
  return settings.ok() ? "" : settings.error().message;
}

TEST(SettingsReader, ReadsTheFieldsOfALine) {
  SettingsReader reader({});
  const DocumentSettings settings =
      MustRead(reader, R"({"labels":{"person":"a human"},"text":"a b","threshold":0.25,)"
                       R"("relations":["knows"],"words":[[0,1],[2,3]],"other":1})");
  EXPECT_EQ(settings.labels->at(0).description, "a human");
  EXPECT_EQ(settings.threshold, 0.25f);
  EXPECT_THAT(*settings.relations, ElementsAre("knows"));
  EXPECT_EQ(settings.words->size(), 2u);

  const DocumentSettings none = MustRead(
      reader, R"({"text":"a","labels":null,"threshold": null ,"relations":null,"words":null})");
  EXPECT_EQ(none.labels, nullptr);
  EXPECT_FALSE(none.threshold);
  EXPECT_EQ(none.relations, nullptr);
  EXPECT_FALSE(none.words);
}

TEST(SettingsReader, SharesListsThatAreWrittenAlike) {
  SettingsReader reader({});
  const std::string line = R"({"text":"a","labels":["x"],"relations":["r"]})";
  const DocumentSettings first = MustRead(reader, line), second = MustRead(reader, line);
  EXPECT_EQ(first.labels, second.labels);
  EXPECT_EQ(first.relations, second.relations);
  EXPECT_NE(first.labels, MustRead(reader, R"({"text":"a","labels":["y"]})").labels);
  reader.ForgetLists();
  EXPECT_NE(first.labels, MustRead(reader, line).labels);
}

TEST(SettingsReader, LeavesFieldsAloneThatAreIgnoredOrTheText) {
  SettingsReader reader({"labels", "threshold"});
  const DocumentSettings settings =
      MustRead(reader, R"({"text":"a","labels":7,"threshold":"high","relations":["r"]})");
  EXPECT_EQ(settings.labels, nullptr);
  EXPECT_EQ(settings.relations->size(), 1u);
  SettingsReader all({});
  EXPECT_FALSE(MustRead(all, R"({"words":"the text"})", "words").words);
}

TEST(SettingsReader, NamesTheFieldThatIsWrong) {
  EXPECT_THAT(Flaw(R"({"text":"a","labels":[1,2]})"),
              HasSubstr("its field \"labels\" sets nothing that can be used: label 1: 1 is"));
  EXPECT_THAT(Flaw(R"({"text":"a","labels":[1,2]})"),
              HasSubstr("with --ignore-fields labels it is passed on unread"));
  EXPECT_THAT(Flaw(R"({"text":"a","threshold":2})"), HasSubstr("2 is not a number from 0 to 1"));
  EXPECT_THAT(Flaw(R"({"text":"a","words":[[0,1]],"words":[]})"),
              HasSubstr("it has the field \"words\" twice"));
}

}  // namespace
}  // namespace waterline::cli
