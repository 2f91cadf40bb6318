// SPDX-License-Identifier: Apache-2.0
#include "labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Names(const Result<LabelList>& list) {
  if (!list.ok()) return {"error: " + list.error().message};
  std::vector<std::string> names;
  for (const Label& label : list->labels) names.push_back(label.name);
  return names;
}

std::string Message(const std::vector<std::string>& lists, const std::string& file = "") {
  const Result<LabelList> list = ReadLabels(lists, file);
  return list.ok() ? "" : list.error().message;
}

TEST(ReadLabels, TakesListsAndAFileInOrder) {
  const Scratch scratch;
  const std::string file =
      scratch.File("labels", "\xEF\xBB\xBF  work of art\r\n\nSmith, John\nperson\nlast");
  const Result<LabelList> list = ReadLabels({"person, city ", "drug"}, file);
  EXPECT_THAT(Names(list),
              ElementsAre("person", "city", "drug", "work of art", "Smith, John", "last"));
  EXPECT_THAT(list->duplicates, ElementsAre("person"));
}

TEST(ReadLabels, NamesWhatIsWrong) {
  const Scratch scratch;
  EXPECT_EQ(Message({}), "");
  EXPECT_THAT(NoLabels().message, HasSubstr("--labels person,location"));
  EXPECT_THAT(Message({"a,,b"}), HasSubstr("label 2 is empty"));
  EXPECT_THAT(Message({""}), HasSubstr("label 1 is empty"));
  EXPECT_THAT(Message({"a,b,"}), HasSubstr("label 3 is empty"));
  EXPECT_THAT(Message({"a\xFF"}), HasSubstr("byte 1 of it is not UTF-8"));
  EXPECT_THAT(Message({}, scratch.File("blank", "\n\n")), HasSubstr("holds none"));
  EXPECT_THAT(Message({}, scratch.File("bad", "a\n\xFF\n")), HasSubstr("bad:2: the label"));
  EXPECT_THAT(Message({}, scratch.Path("none")), HasSubstr("none: cannot be read"));
}

TEST(ReadLabels, TakesJsonByItsNameOrItsBrace) {
  const Scratch scratch;
  const std::string object =
      R"({"person": {"description": "a human", "threshold": 0.7}, "b": "c"})";
  for (const char* name : {"labels.json", "labels"}) {
    const Result<LabelList> list = ReadLabels({"b"}, scratch.File(name, "\xEF\xBB\xBF\n" + object));
    ASSERT_THAT(Names(list), ElementsAre("b", "person")) << name;
    EXPECT_EQ(list->labels[1].description, "a human");
    EXPECT_EQ(list->labels[1].threshold, 0.7f);
    EXPECT_THAT(list->duplicates, ElementsAre("b"));
  }
  EXPECT_THAT(Names(ReadLabels({}, scratch.File("list.json", "[\"a, b\", \"c\"]"))),
              ElementsAre("a, b", "c"));
  EXPECT_THAT(Names(ReadLabels({}, scratch.File("list.txt", "[a]\n"))), ElementsAre("[a]"));
  EXPECT_THAT(Message({}, scratch.File("bad.json", "person\n")),
              HasSubstr("bad.json: it is not JSON"));
  EXPECT_THAT(Message({}, scratch.File("none.json", "{}")), HasSubstr("none.json holds none"));
}

TEST(ReadRelations, AreNamesFromListsAndFiles) {
  const Scratch scratch;
  const Result<RelationList> list =
      ReadRelations({"works for, born in"}, scratch.File("r", "part of\nborn in\n"));
  ASSERT_TRUE(list.ok()) << list.error().message;
  EXPECT_THAT(list->relations, ElementsAre("works for", "born in", "part of"));
  EXPECT_THAT(list->duplicates, ElementsAre("born in"));
  EXPECT_TRUE(ReadRelations({}, "")->relations.empty());
  const auto message = [](const Result<RelationList>& relations) {
    return relations.ok() ? "" : relations.error().message;
  };
  EXPECT_THAT(message(ReadRelations({"a,,b"}, "")),
              HasSubstr("--relations 'a,,b': relation 2 is empty; write --relations works-for"));
  EXPECT_THAT(message(ReadRelations({}, scratch.File("r.json", "{\"a\":1}"))),
              HasSubstr("--relations-file"));
  EXPECT_THAT(message(ReadRelations({}, scratch.Path("none"))), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace waterline::cli
