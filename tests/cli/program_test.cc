// The built program with the model that ships with it, as people run it.
// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

namespace dom = simdjson::dom;

const std::vector<std::string> kLabels = {"extract", "--labels",
                                          "person,organization,location,date"};
constexpr char kSentence[] = "Barack Obama was born in Honolulu and studied at Harvard University.";

std::vector<std::string> With(std::vector<std::string> more) {
  std::vector<std::string> all = kLabels;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

size_t CountLines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The entities of `got` are those of `expected`: same slices, labels and order, scores within 1e-4.
void ExpectSameEntities(dom::array got, dom::array expected, const std::string& text) {
  ASSERT_EQ(got.size(), expected.size()) << text;
  auto want = expected.begin();
  for (const dom::element entity : got) {
    for (const char* key : {"start", "end"}) {
      EXPECT_EQ(int64_t(entity[key]), int64_t((*want)[key])) << text;
    }
    for (const char* key : {"text", "label"}) {
      EXPECT_EQ(std::string_view(entity[key]), std::string_view((*want)[key])) << text;
    }
    EXPECT_NEAR(double(entity["score"]), double((*want)["score"]), 1e-4) << text;
    ++want;
  }
}

TEST(Extract, FindsWhatTheReferenceFinds) {
  const std::string expected =
      Scratch::Read(WATERLINE_SOURCE_DIR "/models/waterline-tiny-en/expected.jsonl");
  ASSERT_THAT(expected, Not(IsEmpty()));
  for (const std::string& line : SplitLines(expected)) {
    dom::parser parser;
    const dom::element want = parser.parse(line);
    std::string labels;
    for (const std::string_view label : dom::array(want["labels"])) {
      labels += (labels.empty() ? "" : ",") + std::string(label);
    }
    const std::string threshold = std::string(simdjson::minify(want["threshold"]));
    std::vector<std::string> arguments = {"extract", "--labels", labels, "--threshold",
                                          threshold, "--input",  "jsonl"};
    for (const char* flag : {"nested", "multi_label"}) {
      bool on = false;
      if (want[flag].get(on) == simdjson::SUCCESS && on) {
        arguments.push_back(flag == std::string("nested") ? "--nested" : "--multi-label");
      }
    }
    const Outcome outcome = RunProgram(arguments, line);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.err, IsEmpty());
    dom::parser got_parser;
    const dom::element got = got_parser.parse(outcome.out);
    EXPECT_EQ(std::string_view(got["text"]), std::string_view(want["text"]));
    ExpectSameEntities(got["entities"], want["entities"], line);
  }
}

TEST(Extract, ReadsTextAndLinesAndJsonl) {
  const Scratch scratch;
  const std::string text = scratch.File("a.txt", std::string(kSentence) + "\n" + kSentence + "\n");
  const Outcome whole = RunProgram(With({text}));
  ASSERT_EQ(whole.status, 0) << whole.err;
  EXPECT_EQ(CountLines(whole.out), 1u);
  EXPECT_THAT(whole.out, HasSubstr("\"text\":\"Barack Obama\""));

  const Outcome lines = RunProgram(With({"--lines", text}));
  ASSERT_EQ(lines.status, 0) << lines.err;
  ASSERT_EQ(CountLines(lines.out), 2u);
  EXPECT_EQ(SplitLines(lines.out)[0], SplitLines(lines.out)[1]);

  const std::string jsonl = scratch.File(
      "b.jsonl", "{\"id\":1.0,\"body\":\"" + std::string(kSentence) + "\",\"x\":[ ]}\n\n");
  const Outcome fields = RunProgram(With({"--text-field", "body", jsonl}));
  ASSERT_EQ(fields.status, 0) << fields.err;
  EXPECT_THAT(fields.out, StartsWith("{\"id\":1.0,\"body\":\"Barack"));
  EXPECT_THAT(fields.out, HasSubstr("\",\"x\":[ ],\"entities\":[{\"start\":0,\"end\":12,"));
  EXPECT_EQ(CountLines(fields.out), 2u);

  const Outcome input = RunProgram(With({}), kSentence);
  EXPECT_EQ(input.out, RunProgram(With({"-"}), kSentence).out);
  EXPECT_EQ(input.out, SplitLines(lines.out)[0] + "\n");
}

TEST(Extract, WritesCsvAndPretty) {
  const Outcome csv =
      RunProgram(With({"--format", "csv", "--lines"}), std::string("\n") + kSentence);
  ASSERT_EQ(csv.status, 0) << csv.err;
  EXPECT_THAT(csv.out, StartsWith("file,line,start,end,text,label,score\n"
                                  "-,2,0,12,Barack Obama,person,0."));
  const Outcome pretty = RunProgram(With({"--format", "pretty"}), kSentence);
  EXPECT_THAT(pretty.out, StartsWith("[Barack Obama](person 0."));
  EXPECT_THAT(pretty.out, Not(HasSubstr("\x1b")));
}

TEST(Extract, CountsOffsetsAsAsked) {
  const std::string text = std::string("👍é ") + kSentence;
  EXPECT_THAT(RunProgram(With({}), text).out, HasSubstr("{\"start\":3,\"end\":15,"));
  EXPECT_THAT(RunProgram(With({"--offsets", "bytes"}), text).out,
              HasSubstr("{\"start\":7,\"end\":19,"));
  EXPECT_THAT(RunProgram(With({"--offsets", "utf16"}), text).out,
              HasSubstr("{\"start\":4,\"end\":16,"));
}

TEST(Extract, GoesOnAfterBrokenLinesAndSaysWhich) {
  const Scratch scratch;
  const std::string file = scratch.File(
      "data.jsonl", "{\"text\":\"" + std::string(kSentence) + "\"}\n{\"text\":\n{\"id\":1}\n\n" +
                        "{\"text\":\"\xFF\"}\n{\"text\":\"" + kSentence + "\"}\n");
  const Outcome outcome = RunProgram(With({file}));
  EXPECT_EQ(outcome.status, 1);
  ASSERT_EQ(CountLines(outcome.out), 6u);
  const std::vector<std::string> lines = SplitLines(outcome.out);
  EXPECT_EQ(lines[0], lines[5]);
  EXPECT_THAT(lines[1], StartsWith("{\"line\":2,\"entities\":[],\"error\":"));
  EXPECT_THAT(lines[2], StartsWith("{\"id\":1,\"entities\":[],\"error\":"));
  EXPECT_THAT(lines[4], StartsWith("{\"text\":\"\uFFFD\",\"entities\":[]}"));
  EXPECT_THAT(outcome.err, HasSubstr("data.jsonl:2: it is not JSON"));
  EXPECT_THAT(outcome.err, HasSubstr("data.jsonl:3: it has no field \"text\" (it has \"id\")"));
  EXPECT_THAT(outcome.err, HasSubstr("warning: "));
  EXPECT_THAT(outcome.err, HasSubstr("data.jsonl:5: it has bytes that are not UTF-8"));
  EXPECT_THAT(outcome.err, HasSubstr("2 of 5 texts were refused; 1 text had bytes"));

  const std::string output = scratch.File("out", "old");
  const Outcome strict = RunProgram(With({"--strict", "--output", output, file}));
  EXPECT_EQ(strict.status, 1);
  EXPECT_THAT(strict.err, HasSubstr("--strict"));
  EXPECT_EQ(Scratch::Read(output), "old");
  EXPECT_EQ(CountLines(RunProgram(With({"--strict", file})).out), 2u);
}

TEST(Extract, SurvivesAnyText) {
  for (const std::string& text :
       {std::string("\xFF\xFE"
                    "a\0",
                    4),
        std::string("a\0b", 3), std::string("\xC3"), std::string(1 << 20, 'a'),
        std::string(" \n\t "), std::string()}) {
    const Outcome outcome = RunProgram(With({}), text);
    EXPECT_LE(outcome.status, 1) << outcome.err;
    EXPECT_EQ(CountLines(outcome.out), 1u);
    EXPECT_EQ(outcome.status == 1, outcome.out.find("\"error\"") != std::string::npos);
  }
}

TEST(Extract, WarnsOfWhatItCut) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "word ";
  const Outcome cut = RunProgram(With({"--truncate"}), text);
  ASSERT_EQ(cut.status, 0) << cut.err;
  EXPECT_THAT(cut.out, HasSubstr("\"truncated_words\":"));
  EXPECT_THAT(cut.err, HasSubstr("1 text was cut"));
  EXPECT_THAT(RunProgram(With({}), text).err, IsEmpty());
  EXPECT_THAT(RunProgram(With({"--truncate", "--quiet"}), text).err, IsEmpty());
}

TEST(Extract, NamesWrongUsage) {
  const Scratch scratch;
  const std::string file = scratch.File("a.txt", kSentence);
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"extract", file}, "no labels: say what to look for, as in --labels"},
      {{"extract", "--labels", "a,,b", file}, "label 2 is empty"},
      {With({"--frobnicate", file}), "--frobnicate"},
      {With({"--memory-budget", "lots", file}), "'lots' is not a size"},
      {With({"--memory-budget", "1M", file}), "budget"},
      {With({"--threshold", "2", file}), "'2' is not a number from 0 to 1"},
      {With({"--threads", "-1", file}), "'-1' is not a whole number"},
      {With({"--dtype", "f8", file}), "one of f32, bf16, f16, tf32, int8, auto"},
      {With({"--dtype", "f16", file}), "the CPU does not compute in f16"},
      {With({"--device", "gpu", file}), "the device \"gpu\" is not known"},
      {With({"--device-memory-budget", "1G", file}), "the device is the CPU"},
      {With({"--format", "xml", file}), "pretty, jsonl, csv"},
      {With({"--offsets", "words", file}), "codepoints, bytes, utf16"},
      {With({"--lines", "--input", "jsonl", file}), "--input"},
      {With({"--model", "/nowhere", file}), "/nowhere"},
      {With({"--isa", "z80", file}), "z80"},
      {With({"--text-field", "\xFF", file}), "--text-field"},
      {With({file, scratch.Path("missing.txt")}), "missing.txt: cannot be read: No such file"},
      {With({scratch.Path("")}), "is a directory"},
      {With({"--output", scratch.Path("no/out"), file}), "cannot be written"},
      {{"extract", "--labels", "a<<ENT>>b", file}, "<<ENT>>"},
      {{"extract", "--labels", "a\xFF", file}, "UTF-8"},
      {{"extract", "--labels-file", scratch.Path("none"), file}, "none: cannot be read"},
      {{"frobnicate"}, "'frobnicate' is not a command"},
      {{"--frobnicate"}, "--frobnicate"},
      {{}, "no command: it is extract, redact, restore, eval, serve, "},
      {{"inspect", "/nowhere"}, "/nowhere"},
      {{"inspect", "--memory-budget", "x"}, "'x' is not a size"},
      {{"pack", "-o", scratch.Path("packed")}, "--dtype is required"},
      {{"pack", "--dtype", "int8"}, "--output is required"},
      {{"pack", "--dtype", "f32", "-o", scratch.Path("packed")}, "it is one of bf16, int8"},
      {{"pack", "--dtype", "int8", "--embeddings", "int8", "-o", scratch.Path("packed")},
       "it is one of stored, bf16"},
      {{"pack", "--dtype", "int8", "-o", scratch.Path("")}, "is there already"},
      {{"pack", "--dtype", "int8", "-o", scratch.Path("no/such")}, "No such file or directory"},
      {{"doctor", "--device", "gpu"}, "the device \"gpu\" is not known"},
      {{"doctor", "--model", "/nowhere"}, "/nowhere"},
      {{"pack", "/nowhere", "--dtype", "int8", "-o", scratch.Path("packed")}, "/nowhere"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = RunProgram(arguments);
    EXPECT_EQ(outcome.status, 2) << message << "\n" << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, StartsWith("waterline: error: "));
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }
}

TEST(Extract, WritesAFileWholeOrNotAtAll) {
  const Scratch scratch;
  const std::string output = scratch.File("out.jsonl", "old");
  const Outcome done = RunProgram(With({"--output", output}), kSentence);
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, IsEmpty());
  EXPECT_EQ(Scratch::Read(output), RunProgram(With({}), kSentence).out);
  EXPECT_EQ(scratch.Count(), 1u);
}

TEST(Extract, ReportsAFullDisk) {
  const std::string text = "printf 'Ada' | $WATERLINE extract --labels person";
  const Outcome standard = Shell(text + " > /dev/full");
  EXPECT_EQ(standard.status, 2);
  EXPECT_THAT(standard.err, HasSubstr("standard output: cannot be written: No space left"));
  EXPECT_EQ(Shell(text + " --output /dev/full").status, 2);
  EXPECT_EQ(Shell("$WATERLINE inspect > /dev/full").status, 2);
  EXPECT_EQ(Shell(text + " >&-").status, 2);
}

TEST(Extract, EndsQuietlyWhenNobodyReads) {
  Conversation conversation(With({"--lines"}));
  conversation.CloseOutput();
  conversation.Say(std::string(kSentence) + "\n");
  EXPECT_EQ(conversation.Wait(), 141);
}

TEST(Extract, AnswersWhileTheInputStaysOpen) {
  Conversation conversation(With({"--lines"}));
  for (int i = 0; i < 3; ++i) {
    conversation.Say(std::string(kSentence) + "\n");
    EXPECT_THAT(conversation.Hear(), HasSubstr("\"text\":\"Barack Obama\""));
  }
  conversation.Say("Ada");
  conversation.EndInput();
  EXPECT_THAT(conversation.Hear(), StartsWith("{\"text\":\"Ada\","));
  EXPECT_EQ(conversation.Hear(), "");
  EXPECT_EQ(conversation.Wait(), 0);
}

// The peak resident bytes that --stats tells, for lines of `bytes` in all.
double PeakFor(size_t bytes) {
  const Scratch scratch;
  // Mostly blank: what is measured is the stream, and not the model.
  std::string line(20000, ' ');
  line += "Ada\n";
  std::string input;
  while (input.size() < bytes) input += line;
  const std::string file = scratch.File("in.txt", input);
  const Outcome outcome =
      RunProgram(With({"--lines", "--stats", "--output", scratch.Path("out"), file}));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(CountLines(Scratch::Read(scratch.Path("out"))), CountLines(input));
  const size_t at = outcome.err.find("resident peak");
  EXPECT_NE(at, std::string::npos) << outcome.err;
  std::string digits;
  for (size_t i = outcome.err.find('(', at); outcome.err[i] != ' '; ++i) {
    if (outcome.err[i] >= '0' && outcome.err[i] <= '9') digits += outcome.err[i];
  }
  return std::stod(digits);
}

TEST(Extract, HoldsNoMoreOfALongInput) {
  const double short_peak = PeakFor(1 << 20);
  const double long_peak = PeakFor(10 << 20);
  EXPECT_LT(long_peak, short_peak + (4 << 20)) << "1 MiB against 10 MiB of input";
}

TEST(Extract, TellsStatistics) {
  const Outcome outcome = RunProgram(With({"--stats"}), kSentence);
  ASSERT_EQ(outcome.status, 0);
  for (const char* row : {"texts/s", "tokens/s", "first entity", "most at once", "resident peak",
                          "weights", "budget"}) {
    EXPECT_THAT(outcome.err, HasSubstr(row));
  }
}

TEST(Inspect, DescribesTheModel) {
  const Outcome table = RunProgram({"inspect"});
  ASSERT_EQ(table.status, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("smallest budget"));
  const Outcome json = RunProgram({"inspect", "--json", "--memory-budget", "1G"});
  ASSERT_EQ(json.status, 0) << json.err;
  dom::parser parser;
  const dom::element report = parser.parse(json.out);
  EXPECT_EQ(uint64_t(report["memory_budget"]), uint64_t{1} << 30);
  EXPECT_GT(uint64_t(report["smallest_budget"]), 0u);
  EXPECT_GT(int64_t(report["longest_text_words"]), 0);

  const std::string smallest = std::to_string(uint64_t(report["smallest_budget"]));
  EXPECT_EQ(RunProgram(With({"--memory-budget", smallest}), kSentence).status, 0);
  const Outcome small = RunProgram({"inspect", "--memory-budget", "1M"});
  EXPECT_EQ(small.status, 0);
  EXPECT_THAT(small.out, HasSubstr("too small"));
}

TEST(Doctor, ChecksTheCpuAndWritesAReport) {
  const Scratch scratch;
  const std::string output = scratch.Path("report.json");
  const Outcome outcome =
      RunProgram({"doctor", "--device", "cpu", "--quick", "--json", "--output", output});
  const std::string text = Scratch::Read(output);
  ASSERT_EQ(outcome.status, 0) << outcome.err << text;
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, HasSubstr("checks are ok"));
  dom::parser parser;
  const dom::element report = parser.parse(text);
  EXPECT_TRUE(bool(report["ok"]));
  EXPECT_GT(int64_t(report["checks"]), 40);
  EXPECT_THAT(std::string(std::string_view(report["machine"]["waterline"])), StartsWith("0."));
  EXPECT_EQ(std::string_view(report["processors"].at(0)["name"]), "cpu");
}

TEST(Pack, WritesACheckpointThatRunsAsItIsPacked) {
  const Scratch scratch;
  const std::string packed = scratch.Path("packed");
  const Outcome done = RunProgram({"pack", "--dtype", "int8", "--output", packed});
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("README.md, dtypes.json, gliner_config.json"));
  EXPECT_EQ(scratch.Count(), 1u);
  const Outcome original = RunProgram(With({"--dtype", "int8"}), kSentence);
  const Outcome run = RunProgram(With({"--model", packed}), kSentence);
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out, original.out);
  EXPECT_THAT(RunProgram({"inspect", packed}).out, HasSubstr("; packed as int8\n"));
  EXPECT_THAT(RunProgram({"inspect", packed, "--json"}).out, HasSubstr("\"packed_as\":\"int8\""));
  const Outcome refused = RunProgram(With({"--model", packed, "--dtype", "bf16"}), kSentence);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("is packed as int8 and does not run as bf16"));
}

TEST(Program, HelpsAndTellsItsVersion) {
  EXPECT_THAT(RunProgram({"--version"}).out, StartsWith("waterline 0."));
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--help"},
                                                    {"extract", "--help"},
                                                    {"eval", "--help"},
                                                    {"plan", "--help"},
                                                    {"embed-labels", "--help"},
                                                    {"pack", "--help"},
                                                    {"doctor", "--help"},
                                                    {"inspect", "--help"}}) {
    const Outcome outcome = RunProgram(arguments);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.out, HasSubstr("Usage: waterline"));
    EXPECT_THAT(outcome.err, IsEmpty());
  }
}

}  // namespace
}  // namespace waterline::cli
