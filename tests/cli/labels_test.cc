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
  EXPECT_THAT(Message({}), HasSubstr("--labels person,location"));
  EXPECT_THAT(Message({"a,,b"}), HasSubstr("label 2 is empty"));
  EXPECT_THAT(Message({""}), HasSubstr("label 1 is empty"));
  EXPECT_THAT(Message({"a,b,"}), HasSubstr("label 3 is empty"));
  EXPECT_THAT(Message({"a\xFF"}), HasSubstr("byte 1 of it is not UTF-8"));
  EXPECT_THAT(Message({}, scratch.File("blank", "\n\n")), HasSubstr("holds none"));
  EXPECT_THAT(Message({}, scratch.File("bad", "a\n\xFF\n")), HasSubstr("bad:2: the label"));
  EXPECT_THAT(Message({}, scratch.Path("none")), HasSubstr("none: cannot be read"));
}

}  // namespace
}  // namespace waterline::cli
