// The command lines of extract and plan, read without running them.
// SPDX-License-Identifier: Apache-2.0
#include "run_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "extract_arguments.h"
#include "plan_arguments.h"

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Parses `words`; returns what is wrong with them, if anything.
std::string Parse(CLI::App& command, std::vector<std::string> words) {
  std::reverse(words.begin(), words.end());
  try {
    command.parse(words);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "";
}

std::string Parse(ExtractArguments& arguments, const std::vector<std::string>& words) {
  CLI::App command;
  AddExtractFlags(command, arguments);
  return Parse(command, words);
}

std::string Parse(PlanArguments& arguments, const std::vector<std::string>& words) {
  CLI::App command;
  AddPlanFlags(command, arguments);
  return Parse(command, words);
}

TEST(ExtractArguments, LeaveTheBudgetAndTheBatchToTheEngine) {
  ExtractArguments arguments;
  arguments.engine.memory_budget = 7;
  arguments.engine.batch_tokens = 7;
  ASSERT_EQ(Parse(arguments, {"--memory-budget", "auto", "--batch-tokens", "auto"}), "");
  EXPECT_EQ(arguments.engine.memory_budget, 0u);
  EXPECT_EQ(arguments.engine.batch_tokens, 0);
  ASSERT_EQ(Parse(arguments, {"--memory-budget", "1.5G", "--batch-tokens", "256"}), "");
  EXPECT_EQ(arguments.engine.memory_budget, size_t{3} << 29);
  EXPECT_EQ(arguments.engine.batch_tokens, 256);
}

TEST(ExtractArguments, RefuseWhatIsNoBudget) {
  for (const char* budget :
       {"0", "-1", "12X", "", "1e30", "automatic", "AUTO", "99999999999999T"}) {
    ExtractArguments arguments;
    const std::string wrong = Parse(arguments, {std::string("--memory-budget=") + budget});
    EXPECT_THAT(wrong, HasSubstr("--memory-budget")) << budget;
    PlanArguments plan;
    EXPECT_EQ(Parse(plan, {std::string("--memory-budget=") + budget}), wrong);
  }
  for (const char* tokens : {"0", "-1", "x", "1.5", "99999999999999999999"}) {
    ExtractArguments arguments;
    EXPECT_THAT(Parse(arguments, {"--batch-tokens", tokens}), HasSubstr("or auto")) << tokens;
  }
}

TEST(ExtractArguments, ReadTimes) {
  ExtractArguments arguments;
  EXPECT_EQ(arguments.engine.idle_trim.count(), 0);
  ASSERT_EQ(Parse(arguments, {"--idle-trim", "2m"}), "");
  EXPECT_EQ(arguments.engine.idle_trim, std::chrono::minutes(2));
  ASSERT_EQ(Parse(arguments, {"--idle-trim", "off"}), "");
  EXPECT_EQ(arguments.engine.idle_trim.count(), 0);
  EXPECT_THAT(Parse(arguments, {"--idle-trim", "30"}), HasSubstr("'30' is not a time"));
}

TEST(ExtractArguments, KnowTheKindOfTheInputByTwoNames) {
  for (const char* flag : {"--input", "--input-kind", "-i"}) {
    ExtractArguments arguments;
    ASSERT_EQ(Parse(arguments, {flag, "jsonl", "a.txt"}), "");
    EXPECT_EQ(arguments.read.kind, InputKind::kJsonl);
    EXPECT_THAT(arguments.files, ElementsAre("a.txt"));
  }
  ExtractArguments arguments;
  EXPECT_THAT(Parse(arguments, {"--input-kind", "jsonl", "--lines"}), HasSubstr("--lines"));
  EXPECT_THAT(Parse(arguments, {"--input", "xml"}),
              HasSubstr("auto, text, lines, jsonl, csv, tsv"));
  EXPECT_THAT(Parse(arguments, {"--stats-json", "-"}), HasSubstr("'-' is not a file"));
}

TEST(ExtractArguments, ReadWhatIsLookedFor) {
  ExtractArguments arguments;
  ASSERT_EQ(Parse(arguments,
                  {"--relations", "a,b", "-r", "c", "--relations-file", "f", "--relation-threshold",
                   "0.7", "--adjacency-threshold", "0", "--labels-per-pass", "12",
                   "--label-vectors", "v", "--splitter", "icu", "--ignore-fields", "labels,words"}),
            "");
  EXPECT_THAT(arguments.relations, ElementsAre("a,b", "c"));
  EXPECT_EQ(arguments.relations_file, "f");
  EXPECT_EQ(arguments.extract.relation_threshold, 0.7f);
  EXPECT_EQ(arguments.extract.adjacency_threshold, 0.0f);
  EXPECT_EQ(arguments.extract.labels_per_pass, 12);
  EXPECT_EQ(arguments.label_vectors, "v");
  EXPECT_EQ(arguments.engine.splitter, WordSplitter::kIcu);
  EXPECT_THAT(arguments.read.ignored_fields, ElementsAre("labels", "words"));
  ASSERT_EQ(Parse(arguments, {"--labels-per-pass", "auto"}), "");
  EXPECT_EQ(arguments.extract.labels_per_pass, 0);
}

TEST(ExtractArguments, NameWhatWouldDo) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--relation-threshold", "1.5"}, "--relation-threshold '1.5' is not a number from 0 to 1"},
      {{"--adjacency-threshold", "x"}, "--adjacency-threshold 'x' is not a number from 0 to 1"},
      {{"--labels-per-pass", "0"}, "or auto"},
      {{"--splitter", "jieba"}, "it is one of model, whitespace, icu"},
      {{"--ignore-fields", "labels,id"}, "'id' is no field that sets something"},
      {{"--ignore-fields", ""}, "'' is no field that sets something"}};
  for (const auto& [words, message] : cases) {
    ExtractArguments arguments;
    EXPECT_THAT(Parse(arguments, words), HasSubstr(message));
  }
}

TEST(PlanArguments, TakeTheModelAndTheInputApart) {
  PlanArguments arguments;
  ASSERT_EQ(Parse(arguments, {"models/m", "--input", "a.jsonl", "--input", "-", "--input-kind",
                              "lines", "--labels", "x,y", "--truncate", "-j", "2", "-b", "auto",
                              "--svg", "a.svg", "--json"}),
            "");
  EXPECT_EQ(arguments.model, "models/m");
  EXPECT_THAT(arguments.files, ElementsAre("a.jsonl", "-"));
  EXPECT_THAT(arguments.labels, ElementsAre("x,y"));
  EXPECT_EQ(arguments.read.kind, InputKind::kLines);
  EXPECT_EQ(arguments.engine.threads, 2);
  EXPECT_TRUE(arguments.extract.truncate);
  EXPECT_TRUE(arguments.json);
  EXPECT_EQ(arguments.svg, "a.svg");
}

TEST(PlanArguments, NeedAnInputForWhatIsAboutIt) {
  const std::vector<std::vector<std::string>> cases = {{"--labels", "a"},
                                                       {"--labels-file", "f"},
                                                       {"--truncate"},
                                                       {"--lines"},
                                                       {"--svg", "f"},
                                                       {"--text-field", "t"},
                                                       {"--input-kind", "lines"},
                                                       {"--relations", "a"},
                                                       {"--relations-file", "f"},
                                                       {"--label-vectors", "f"},
                                                       {"--labels-per-pass", "3"},
                                                       {"--offsets", "bytes"},
                                                       {"--ignore-fields", "words"}};
  for (const std::vector<std::string>& words : cases) {
    PlanArguments arguments;
    EXPECT_THAT(Parse(arguments, words), HasSubstr(words[0] + " requires --input")) << words[0];
  }
}

TEST(PlanArguments, NameNoFileForThePicture) {
  PlanArguments arguments;
  EXPECT_THAT(Parse(arguments, {"--input", "a", "--svg", "-"}), HasSubstr("'-' is not a file"));
  EXPECT_THAT(Parse(arguments, {"m", "n"}), Not(IsEmpty()));
}

}  // namespace
}  // namespace waterline::cli
