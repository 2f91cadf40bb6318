// SPDX-License-Identifier: Apache-2.0
#include "run_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;

RunPosition Position() {
  RunPosition position;
  position.documents = 1234;
  position.input_digest = 0xFEDCBA98;
  position.output.text = {.bytes = 5'000'000'000, .crc = 0xFFFFFFFF};
  position.output.file = 7;
  position.output.mapping = {.bytes = 9, .crc = 1};
  position.output.counts = {{"person", 3}, {"a \"b\"", 4}};
  position.errors = {.bytes = 17, .crc = 3};
  position.totals.texts = 1230;
  position.totals.refused = 2;
  position.totals.entities = 99;
  position.totals.relations = 5;
  return position;
}

TEST(RunJournal, ReadsWhatItWrote) {
  const Scratch scratch;
  const RunJournal journal(scratch.Path("out"), {{"--labels", "a,\"b\""}, {"--model", ""}});
  ASSERT_TRUE(journal.Read().ok());
  EXPECT_FALSE(*journal.Read());
  EXPECT_FALSE(journal.Documents());
  ASSERT_TRUE(journal.Write({}).ok());
  ASSERT_TRUE(journal.Write(Position()).ok());
  EXPECT_EQ(scratch.Count(), 1u);
  const Result<std::optional<RunPosition>> read = journal.Read();
  ASSERT_TRUE(read.ok()) << read.error().message;
  ASSERT_TRUE(*read);
  const RunPosition& position = **read;
  EXPECT_EQ(position.documents, 1234);
  EXPECT_EQ(position.input_digest, 0xFEDCBA98u);
  EXPECT_EQ(position.output.text.bytes, 5'000'000'000u);
  EXPECT_EQ(position.output.text.crc, 0xFFFFFFFFu);
  EXPECT_EQ(position.output.file, 7u);
  EXPECT_EQ(position.output.mapping.bytes, 9u);
  EXPECT_EQ(position.output.mapping.crc, 1u);
  EXPECT_EQ(position.output.counts,
            (std::map<std::string, int64_t>{{"person", 3}, {"a \"b\"", 4}}));
  EXPECT_EQ(position.errors.bytes, 17u);
  EXPECT_EQ(position.totals.texts, 1230);
  EXPECT_EQ(position.totals.refused, 2);
  EXPECT_EQ(position.totals.entities, 99);
  EXPECT_EQ(position.totals.relations, 5);
  EXPECT_EQ(journal.Documents(), 1234);
  journal.Remove();
  EXPECT_EQ(scratch.Count(), 0u);
}

TEST(RunJournal, NamesSettingsThatDiffer) {
  const Scratch scratch;
  ASSERT_TRUE(RunJournal(scratch.Path("out"), {{"--labels", "a"}, {"--nested", "false"}})
                  .Write(Position())
                  .ok());
  const auto read =
      RunJournal(scratch.Path("out"), {{"--labels", "b"}, {"--nested", "false"}}).Read();
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message, HasSubstr("--labels (now 'b', then 'a'); --restart"));
}

TEST(RunJournal, RefusesWhatItDidNotWrite) {
  for (const char* text : {"", "{}", "[", R"({"version":2,"documents":3})", R"({"version":1})"}) {
    const Scratch scratch;
    scratch.File("out.partial.json", text);
    const auto read = RunJournal(scratch.Path("out"), {}).Read();
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_THAT(read.error().message, HasSubstr("is not what an interrupted run"));
  }
}

}  // namespace
}  // namespace waterline::cli
