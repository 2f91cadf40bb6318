// SPDX-License-Identifier: Apache-2.0
#include "copy_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CopyNames, ArePathsBelowWhatAllFilesShare) {
  EXPECT_THAT(*CopyNames({"/a/b/x.txt"}), ElementsAre("x.txt"));
  EXPECT_THAT(*CopyNames({"/a/b/x.txt", "/a/b/c/y.csv.gz"}), ElementsAre("x.txt", "c/y.csv"));
  EXPECT_THAT(*CopyNames({"/a/bb/x", "/a/b/x"}), ElementsAre("bb/x", "b/x"));
  EXPECT_THAT(*CopyNames({"/a/./b/../x", "/y/.gz"}), ElementsAre("a/x", "y/.gz"));
}

TEST(CopyNames, AreRefusedWhereTwoWouldBeOne) {
  const auto twice = CopyNames({"/a/x.txt", "/a/x.txt.gz"});
  ASSERT_FALSE(twice.ok());
  EXPECT_THAT(twice.error().message, HasSubstr("would both be x.txt"));
  EXPECT_FALSE(CopyNames({"/a/x", "-"}).ok());
}

InputDocument Line(size_t file, int64_t number, std::string_view end = "\n") {
  InputDocument document;
  document.file = file;
  document.line = number;
  document.line_end = end;
  return document;
}

TEST(CopyOutput, GoesOnInTheFileWhereItStopped) {
  const Scratch scratch;
  const std::vector<std::string> files = {"/in/a", "/in/b", "/in/c"};
  const auto open = [&] {
    return CopyOutput::Open(scratch.Path("out"), CopyLayout::kFolder, files,
                            {.kind = InputKind::kLines});
  };
  OutputMark mark;
  {
    Result<CopyOutput> output = open();
    ASSERT_TRUE(output.ok()) << output.error().message;
    ASSERT_TRUE(output->Begin({}, 0).ok());
    ASSERT_TRUE(output->Add(Line(0, 1), "one", "").ok());
    ASSERT_TRUE(output->Add(Line(1, 1), "two", "").ok());
    ASSERT_TRUE(output->Flush().ok());
    mark = output->mark();
    EXPECT_EQ(output->file(), 1u);
    EXPECT_EQ(output->NameOf(2), "c");
    // Not counted: the process ends before the journal knows of it.
    ASSERT_TRUE(output->Add(Line(1, 2), "lost", "").ok());
    ASSERT_TRUE(output->Add(Line(2, 1), "lost", "").ok());
    ASSERT_TRUE(output->Flush().ok());
    output->Keep();
  }
  EXPECT_TRUE(std::filesystem::exists(scratch.Path("out.partial/c")));
  Result<CopyOutput> output = open();
  ASSERT_TRUE(output.ok()) << output.error().message;
  ASSERT_TRUE(output->Begin(mark, 1).ok());
  ASSERT_TRUE(output->Add(Line(1, 2), "three", "").ok());
  ASSERT_TRUE(output->Add(Line(2, 1, ""), "four", "").ok());
  ASSERT_TRUE(output->Commit().ok());
  EXPECT_EQ(Scratch::Read(scratch.Path("out/a")), "one\n");
  EXPECT_EQ(Scratch::Read(scratch.Path("out/b")), "two\nthree\n");
  EXPECT_EQ(Scratch::Read(scratch.Path("out/c")), "four");
}

TEST(CopyOutput, GoesOnWithAFolderThatWasCommittedAtTheLastMoment) {
  const Scratch scratch;
  const auto open = [&](bool unfinished) {
    return CopyOutput::Open(scratch.Path("out"), CopyLayout::kFolder, {"/in/a"},
                            {.kind = InputKind::kLines}, unfinished);
  };
  OutputMark mark;
  {
    Result<CopyOutput> output = open(false);
    ASSERT_TRUE(output->Begin({}, 0).ok());
    ASSERT_TRUE(output->Add(Line(0, 1), "one", "").ok());
    ASSERT_TRUE(output->Flush().ok());
    mark = output->mark();
    ASSERT_TRUE(output->Add(Line(0, 2), "two", "").ok());
    ASSERT_TRUE(output->Commit().ok());  // And the process ends before the journal goes.
  }
  EXPECT_FALSE(open(false).ok());
  Result<CopyOutput> output = open(true);
  ASSERT_TRUE(output.ok()) << output.error().message;
  ASSERT_TRUE(output->Begin(mark, 0).ok());
  ASSERT_TRUE(output->Add(Line(0, 2), "two", "").ok());
  ASSERT_TRUE(output->Commit().ok());
  EXPECT_EQ(Scratch::Read(scratch.Path("out/a")), "one\ntwo\n");
}

TEST(CopyOutput, IsOneRunsAtATime) {
  const Scratch scratch;
  const Result<CopyOutput> one =
      CopyOutput::Open(scratch.Path("out"), CopyLayout::kFolder, {"/in/a"}, {});
  ASSERT_TRUE(one.ok());
  const Result<CopyOutput> two =
      CopyOutput::Open(scratch.Path("out"), CopyLayout::kFolder, {"/in/a"}, {});
  ASSERT_FALSE(two.ok());
  EXPECT_THAT(two.error().message, HasSubstr("another run is writing it"));
}

TEST(CopyOutput, OneStreamHasOneKind) {
  const auto refusal = [](const std::vector<std::string>& files) {
    const Result<CopyOutput> output = CopyOutput::Open("", CopyLayout::kStream, files, {});
    return output.ok() ? std::string() : output.error().message;
  };
  EXPECT_EQ(refusal({"a.txt"}), "");
  EXPECT_EQ(refusal({"a.jsonl", "b.ndjson.gz"}), "");
  EXPECT_THAT(refusal({"a.txt", "b.txt"}), HasSubstr("several texts would run together"));
  EXPECT_THAT(refusal({"a.csv", "b.jsonl"}), HasSubstr("a.csv and b.jsonl are of different kinds"));
}

}  // namespace
}  // namespace waterline::cli
