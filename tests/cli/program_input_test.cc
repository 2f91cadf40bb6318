// Inputs and outputs of the built program: kinds of files, encodings, and everything that can be
// wrong with them. The model is tiny, with random weights. SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "program.h"
#include "scratch.h"
#include "without_root.h"

namespace waterline::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr char kModel[] = WATERLINE_GOLDEN_DIR "/models/us_markerV0_proj/checkpoint";

std::vector<std::string> With(std::vector<std::string> more) {
  std::vector<std::string> all = {"extract",     "--model",   kModel, "--labels",
                                  "person,city", "--threads", "1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

size_t CountLines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Input, CompressedFilesGiveWhatPlainOnesDo) {
  const Scratch scratch;
  const std::string csv = scratch.File("a.csv", "id,text\n1,\"Ada, of London\"\n2,Paris\n");
  const Outcome plain = RunProgram(With({csv}));
  ASSERT_EQ(plain.status, 0) << plain.err;
  EXPECT_THAT(plain.out, StartsWith("{\"id\":\"1\",\"text\":\"Ada, of London\",\"entities\":["));
  EXPECT_EQ(CountLines(plain.out), 2u);
  Shell("cd '" + scratch.Path("") + "' && gzip -k a.csv");
  EXPECT_EQ(RunProgram(With({csv + ".gz"})).out, plain.out);
  EXPECT_EQ(RunProgram(With({"--input", "csv"}), Scratch::Read(csv + ".gz")).out, plain.out);
}

TEST(Input, DirectoriesAndPatterns) {
  const Scratch scratch;
  std::filesystem::create_directories(scratch.Path("d/sub"));
  scratch.File("d/b.md", "# Ada");
  scratch.File("d/sub/a.jsonl", "{\"text\":\"Paris\"}\n");
  scratch.File("d/c.log", "x");
  const Outcome all = RunProgram(With({"-R", scratch.Path("d")}));
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_EQ(CountLines(all.out), 2u);
  EXPECT_THAT(all.err, HasSubstr("1 file of another name was passed over"));
  const Outcome pattern = RunProgram(With({scratch.Path("d/**/*.jsonl")}));
  EXPECT_EQ(pattern.status, 0) << pattern.err;
  EXPECT_EQ(CountLines(pattern.out), 1u);
  EXPECT_THAT(RunProgram(With({scratch.Path("d/*.pdf")})).err,
              HasSubstr("matches it as a pattern"));
  EXPECT_THAT(RunProgram(With({scratch.Path("d")})).err, HasSubstr("is a directory; --recursive"));
}

TEST(BadInput, BinaryFilesAreToldAndTheRestGoesOn) {
  const Scratch scratch;
  const std::string text = scratch.File("z.txt", "Ada");
  const std::string errors = scratch.Path("errors");
  const Outcome outcome = RunProgram(With({WATERLINE_PROGRAM, text, "--errors", errors}));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(CountLines(outcome.out), 2u);
  EXPECT_THAT(outcome.out, HasSubstr("\"text\":\"Ada\""));
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("it is a program"), HasSubstr("1 file could not be read")));
  EXPECT_THAT(Scratch::Read(errors), StartsWith("{\"file\":\""));
  EXPECT_EQ(CountLines(Scratch::Read(errors)), 1u);
}

TEST(BadInput, OpenQuotesCostOneLine) {
  const Scratch scratch;
  const std::string csv = scratch.File("a.csv", "text,id\n\"Ada,1\nParis,2\nLondon,3\n");
  const Outcome outcome = RunProgram(With({csv, "--errors", scratch.Path("e")}));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(CountLines(outcome.out), 3u);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("a.csv:2: the quote that field 1 begins with is never closed"),
                    HasSubstr("1 of 3 texts was refused")));
  EXPECT_THAT(Scratch::Read(scratch.Path("e")), HasSubstr("\"line\":2,\"error\":\"the quote"));
}

TEST(BadInput, ALineOfAGibibyteIsRefusedInFlatMemory) {
  const std::string run =
      "(printf 'Ada\\n'; head -c 1073741824 /dev/zero | tr '\\0' a; printf '\\nParis\\n') | "
      "$WATERLINE extract --lines --labels person --stats --memory-budget 64MiB --model " +
      std::string(kModel);
  const Outcome outcome = Shell(run);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(CountLines(outcome.out), 3u);
  EXPECT_THAT(outcome.err, HasSubstr("standard input:2: the line is longer than 16 MiB"));
  // Held: a line of up to a quarter of the budget, and not the rest.
  const size_t at = outcome.err.find("resident peak");
  ASSERT_NE(at, std::string::npos) << outcome.err;
  EXPECT_LT(std::stod(outcome.err.substr(at + 13)), 110) << outcome.err.substr(at, 80);
  EXPECT_THAT(outcome.err.substr(at, 60), HasSubstr("MiB"));
}

TEST(BadInput, ATextThatIsTooLongNamesTheBudgetWhereThatIsWhy) {
  // A quarter of the budget, but 64 MiB at most.
  const std::string run = "yes Ada | head -c 70M | $WATERLINE extract --labels person --model " +
                          std::string(kModel) + " --memory-budget ";
  const Outcome budget = Shell(run + "100M");
  EXPECT_EQ(budget.status, 1);
  EXPECT_THAT(budget.err, HasSubstr("the file is longer than 25 MiB, the most that is read at once "
                                    "under this memory budget; with --lines each line is a text, "
                                    "or raise --memory-budget\n"));
  const Outcome most = Shell(run + "1G");
  EXPECT_EQ(most.status, 1);
  EXPECT_THAT(most.err, HasSubstr("the file is longer than 64 MiB, the most that is read at once; "
                                  "with --lines each line is a text\n"));
}

TEST(BadInput, InvalidUtf8IsReplacedAndOffsetsCountWhatIsThere) {
  const Outcome outcome =
      RunProgram(With({"--lines", "--threshold", "0"}), "\xFF\xE2\x82 Ada\nb\xC3\n");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, HasSubstr("\"text\":\"\uFFFD\uFFFD Ada\""));
  EXPECT_THAT(outcome.out, HasSubstr("{\"start\":3,\"end\":6,\"text\":\"Ada\""));
  const size_t first = outcome.err.find("replaced by U+FFFD");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(outcome.err.find("replaced by U+FFFD", first + 1), std::string::npos);  // Once.
  EXPECT_THAT(outcome.err, HasSubstr("2 texts had bytes that are not valid"));
}

TEST(BadInput, ADirectoryThatCannotBeReadIsTold) {
  WithoutRoot([] {
    ASSERT_EQ(access(WATERLINE_PROGRAM, X_OK), 0) << "the build is in a folder of root's alone";
    const Scratch scratch;
    std::filesystem::create_directories(scratch.Path("d/closed"));
    scratch.File("d/a.txt", "Ada");
    std::filesystem::permissions(scratch.Path("d/closed"), std::filesystem::perms::none);
    const Outcome outcome = RunProgram(With({"-R", scratch.Path("d")}));
    std::filesystem::permissions(scratch.Path("d/closed"), std::filesystem::perms::owner_all);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(CountLines(outcome.out), 1u);
    EXPECT_THAT(outcome.err, HasSubstr("d/closed: cannot be read: Permission denied"));
  });
}

TEST(BadInput, AClosedPipeEndsTheRunQuietly) {
  const Outcome outcome = Shell(
      "(yes Ada 2>/dev/null | head -n 5000 | $WATERLINE extract --lines --labels person --model " +
      std::string(kModel) + "; echo $? >&2) | head -n 1");
  EXPECT_EQ(CountLines(outcome.out), 1u);
  EXPECT_EQ(outcome.err, "141\n");
}

TEST(BadInput, AFileThatChangesWhileItIsReadIsTold) {
  const Scratch scratch;
  std::string lines;
  for (int i = 0; i < 3000; ++i) lines += "Ada " + std::to_string(i) + "\n";
  const std::string file = scratch.File("a.txt", lines);
  // The program reads a window, and the shell appends once it has answered.
  const Outcome outcome = Shell(
      "$WATERLINE extract --lines '" + file + "' --labels person --model " + std::string(kModel) +
      " | (head -n 1; echo more >> '" + file + "'; cat > /dev/null); true");
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("a.txt: changed while it was read"),
                                 HasSubstr("1 file changed meanwhile")));
}

TEST(BadInput, RepeatedIdsAreTold) {
  const Outcome outcome =
      RunProgram(With({"--input", "jsonl", "--id-field", "key"}),
                 "{\"key\":\"a\",\"text\":\"x\"}\n{\"key\":\"a\",\"text\":\"y\"}\n");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(CountLines(outcome.out), 2u);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("standard input:2: its \"key\" \"a\" was there before"),
                                 HasSubstr("1 text had an id that was there before")));
}

TEST(BadInput, TruncatedCompressionKeepsWhatCame) {
  const Scratch scratch;
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += std::to_string(i * 7919) + "\n";
  scratch.File("a.txt", lines);
  Shell("cd '" + scratch.Path("") + "' && gzip a.txt && truncate -s -20 a.txt.gz");
  const Outcome outcome = RunProgram(With({"--lines", scratch.Path("a.txt.gz")}));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_GT(CountLines(outcome.out), 100u);
  EXPECT_THAT(outcome.err, HasSubstr("its compressed data ends too early"));
}

TEST(Output, FormatsThatContradictOptionsAreRefused) {
  for (const auto& [more, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"-f", "spacy", "--offsets", "bytes"}, "--format spacy counts code points"},
           {{"-f", "conll", "--nested"}, "has one label for a word"},
           {{"-f", "brat"}, "name it with --output"},
           {{"--encoding", "klingon"}, "'klingon' is not an encoding"},
           {{"--delimiter", "::"}, "'::' is not one character"}}) {
    const Outcome outcome = RunProgram(With(more), "Ada");
    EXPECT_EQ(outcome.status, 2);
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }
}

}  // namespace
}  // namespace waterline::cli
