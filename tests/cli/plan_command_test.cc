// What `waterline plan` predicts against what `waterline extract` then measures, to the byte.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <vector>

#include "program.h"
#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

namespace dom = simdjson::dom;

constexpr char kGoldenModel[] = WATERLINE_GOLDEN_DIR "/models/bb_deberta_v2_c2p/checkpoint";

// Short and long texts, some of several windows, and lines that are refused.
std::string MixedLines() {
  std::string lines;
  for (int i = 0; i < 24; ++i) {
    lines += "{\"text\":\"";
    const int words = i % 8 == 7 ? 300 : 3 + i * 2;
    for (int w = 0; w < words; ++w) lines += w % 5 == 0 ? "Ada Lovelace " : "wrote notes ";
    lines += "\"}\n";
    if (i == 3) lines += "{\"text\":\n\n";
  }
  return lines;
}

uint64_t SmallestBudget(const std::string& model, const std::string& threads) {
  const Outcome plan = RunProgram({"plan", model, "--threads", threads, "--json"});
  EXPECT_EQ(plan.status, 0) << plan.err;
  dom::parser parser;
  const dom::element json = parser.parse(plan.out);
  return json["smallest_budget"];
}

// The lines of standard error about single texts.
std::string RefusedBy(const dom::element& plan) {
  std::string lines;
  for (const dom::element text : dom::array(plan["refused"])) {
    lines += "waterline: " + std::string(std::string_view(text["place"])) + ": " +
             std::string(std::string_view(text["error"])) + "\n";
  }
  return lines;
}

void ExpectAsPlanned(const std::string& model, const std::string& input, uint64_t budget,
                     const std::string& threads) {
  SCOPED_TRACE(model + ", budget " + std::to_string(budget) + ", threads " + threads);
  const Scratch scratch;
  const std::string file = scratch.File("in.jsonl", input);
  const std::vector<std::string> same = {"--labels",        "person,date of birth",
                                         "--memory-budget", std::to_string(budget),
                                         "--threads",       threads};
  std::vector<std::string> plan = {"plan", model, "--json", "--input", file};
  std::vector<std::string> extract = {
      "extract", "--model", model, "--stats-json", scratch.Path("stats"), file};
  plan.insert(plan.end(), same.begin(), same.end());
  extract.insert(extract.end(), same.begin(), same.end());
  const Outcome planned = RunProgram(plan);
  const Outcome done = RunProgram(extract);
  ASSERT_EQ(planned.status, 1) << planned.err;
  ASSERT_EQ(done.status, 1) << done.err;

  dom::parser planned_parser, done_parser;
  const dom::element expected = planned_parser.parse(planned.out);
  const std::string stats = Scratch::Read(scratch.Path("stats"));
  const dom::element measured = done_parser.parse(stats);
  for (const char* key : {"memory_budget", "in_use", "weights", "tokenizer", "staging", "workspace",
                          "in_file", "batch_tokens", "threads", "texts", "refused_texts",
                          "refusals", "batches", "tokens", "splits", "largest_plan"}) {
    EXPECT_EQ(uint64_t(expected[key]), uint64_t(measured[key])) << key;
  }
  EXPECT_GT(uint64_t(measured["batches"]), 0u);
  if (threads == "1") {
    EXPECT_EQ(uint64_t(measured["workspace_peak"]), uint64_t(expected["largest_plan"]));
  }
  const size_t closing = done.err.rfind("waterline: ", done.err.size() - 2);
  EXPECT_EQ(done.err.substr(0, closing), RefusedBy(expected));
}

TEST(Plan, PredictsWhatTheSmallModelMeasures) {
  for (const char* threads : {"1", "2"}) {
    const uint64_t smallest = SmallestBudget("", threads);
    for (const uint64_t more : {1 << 20, 3 << 20, 8 << 20}) {
      ExpectAsPlanned("", MixedLines(), smallest + more, threads);
    }
  }
}

TEST(Plan, PredictsWhatADebertaMeasures) {
  for (const char* threads : {"1", "2"}) {
    const uint64_t smallest = SmallestBudget(kGoldenModel, threads);
    for (const uint64_t more : {0, 64 << 10, 300 << 10, 64 << 20}) {
      ExpectAsPlanned(kGoldenModel, MixedLines(), smallest + more, threads);
    }
  }
}

TEST(Plan, TellsWhatABudgetHolds) {
  const Outcome table = RunProgram({"plan", "--memory-budget", "128M"});
  ASSERT_EQ(table.status, 0) << table.err;
  for (const char* row : {"budget                    128 MiB", "weights", "texts in flight",
                          "workspace", "smallest budget", "longest text", "largest batch"}) {
    EXPECT_THAT(table.out, HasSubstr(row));
  }
  EXPECT_THAT(RunProgram({"plan"}).out, HasSubstr("that were free"));
  EXPECT_THAT(RunProgram({"plan", "--memory-budget", "auto"}).out, HasSubstr("that were free"));
  EXPECT_EQ(RunProgram({"inspect", "--memory-budget", "auto"}).status, 0);
}

TEST(Plan, SplitsTheBudgetWithoutRest) {
  dom::parser parser;
  const Outcome plan = RunProgram({"plan", "--memory-budget", "128M", "--json"});
  const dom::element json = parser.parse(plan.out);
  uint64_t sum = 0;
  for (const char* key : {"weights", "tokenizer", "staging", "workspace"}) {
    sum += uint64_t(json[key]);
  }
  EXPECT_EQ(uint64_t(json["in_use"]), sum);
}

TEST(Plan, ReadsStandardInputAndListsBatches) {
  const Outcome outcome =
      RunProgram({"plan", "--input", "-", "--labels", "person", "--lines"}, "Ada\nBob\nEve\n");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, IsEmpty());
  EXPECT_THAT(outcome.out, HasSubstr("texts                     3\n"));
  EXPECT_THAT(outcome.out, HasSubstr(", the largest\n"));
}

constexpr char kRefused[] = "{\"text\": \"Bob\", \"words\": [[5, 9]]}\n";

TEST(Plan, TellsWhichTextsWouldBeRefused) {
  const Scratch scratch;
  const std::string file =
      scratch.File("texts.jsonl", std::string("{\"text\": \"Ada\"}\n") + kRefused);
  const Outcome outcome = RunProgram({"plan", "--input", file, "--labels", "person"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.out, HasSubstr("texts                     2\n"));
  EXPECT_THAT(outcome.out, HasSubstr("refused\n  " + file + ":2: word 1 of those given"));
}

TEST(Plan, NamesAFileThatIsCutOffOnce) {
  const Scratch scratch;
  scratch.File("whole.txt", "Ada");
  scratch.File("cut.txt", std::string("\x1F\x8B\x08\0\0\0\0\0\0\x03\x4B", 11));
  const std::string in_folder = "cd '" + scratch.Path("") + "' && $WATERLINE ";
  const Outcome outcome =
      Shell(in_folder + "plan --input whole.txt --input cut.txt --labels person");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.out, HasSubstr("texts                     1\n"));
  EXPECT_THAT(outcome.out, HasSubstr("files lost                1\n"));
  EXPECT_THAT(outcome.out, HasSubstr("refused\n  cut.txt: its compressed data ends too early"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("cut.txt: cut.txt")));
  // As `extract` says it.
  EXPECT_THAT(Shell(in_folder + "extract whole.txt cut.txt --labels person").err,
              StartsWith("waterline: cut.txt: its compressed data ends too early"));
}

TEST(Plan, DrawsTheLargestBatch) {
  const Scratch scratch;
  const std::string svg = scratch.Path("arena.svg");
  const auto draw = [&](const std::string& text) {
    const std::string file = scratch.File("texts.jsonl", text);
    return RunProgram({"plan", "--input", file, "--labels", "person", "--svg", svg});
  };
  const Outcome outcome = draw("{\"text\": \"Ada Lovelace lived in London.\"}\n");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(Scratch::Read(svg), StartsWith("<svg "));
  EXPECT_THAT(Scratch::Read(svg), HasSubstr("of a pass of waterline-tiny-en</text>"));
  scratch.File("arena.svg", "old");
  const Outcome nothing = draw(kRefused);
  EXPECT_EQ(nothing.status, 2);
  EXPECT_THAT(nothing.err, HasSubstr("--svg draws the largest batch"));
  EXPECT_EQ(Scratch::Read(svg), "old");
}

TEST(Plan, NamesWrongUsage) {
  const Scratch scratch;
  const std::string file = scratch.File("a.txt", "Ada");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"plan", "/nowhere"}, "/nowhere"},
      {{"plan", "--memory-budget", "1M"}, "smallest"},
      {{"plan", "--memory-budget", "lots"}, "'lots' is not a size"},
      {{"plan", "--svg", "a.svg"}, "--svg requires --input"},
      {{"plan", "--labels", "a"}, "--labels requires --input"},
      {{"plan", "--input", file}, "no labels"},
      {{"plan", "--input", scratch.Path("none"), "--labels", "a"}, "none: cannot be read"},
      {{"plan", "--input", file, "--labels", "a", "--svg", "-"}, "'-' is not a file"},
      {{"plan", "--input", file, "--labels", "a", "--svg", scratch.Path("no/a")}, "cannot be"},
      {{"plan", "--input", file, "--labels", "a<<ENT>>b"}, "<<ENT>>"},
      {{"plan", "--threshold", "1"}, "--threshold"},
      {{"extract", "--labels", "a", "--stats-json", scratch.Path("no/s"), file}, "cannot be"},
      {{"extract", "--labels", "a", "--idle-trim", "5", file}, "'5' is not a time"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = RunProgram(arguments);
    EXPECT_EQ(outcome.status, 2) << message << "\n" << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, StartsWith("waterline: error: "));
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }
}

TEST(Extract, WritesStatisticsOnlyWhenItIsDone) {
  const Scratch scratch;
  const std::string stats = scratch.File("stats.json", "old");
  const Outcome failed =
      RunProgram({"extract", "--labels", "a<<ENT>>b", "--stats-json", stats}, "Ada");
  EXPECT_EQ(failed.status, 2);
  EXPECT_EQ(Scratch::Read(stats), "old");
  const Outcome done = RunProgram(
      {"extract", "--labels", "person", "--idle-trim", "10ms", "--stats-json", stats}, "Ada");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(Scratch::Read(stats), StartsWith("{\"texts\":1,"));
  EXPECT_THAT(Scratch::Read(stats), Not(HasSubstr("nan")));
  EXPECT_EQ(scratch.Count(), 1u);
}

TEST(Extract, GivesIdleMemoryBackWhileInputPauses) {
  const Scratch scratch;
  const Outcome outcome = Shell(
      "(echo Ada; sleep 3; echo Bob) | $WATERLINE extract --lines --labels person "
      "--idle-trim 20ms --stats-json " +
      scratch.Path("stats"));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  dom::parser parser;
  const std::string stats = Scratch::Read(scratch.Path("stats"));
  const dom::element json = parser.parse(stats);
  EXPECT_GT(int64_t(json["trims"]), 0);
}

}  // namespace
}  // namespace waterline::cli
