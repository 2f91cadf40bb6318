// SPDX-License-Identifier: Apache-2.0
#include "brat_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;

FormatOptions Options() {
  FormatOptions options;
  options.format = OutputFormat::kBrat;
  options.files = {"in/a.txt", "b.jsonl", "../in/a.txt", "-"};
  options.labels = {{.name = "person"}, {.name = "work place"}};
  options.relations = {"works for"};
  return options;
}

InputDocument Document(size_t file, int64_t line, const std::string& text) {
  InputDocument document;
  document.file = file;
  document.line = line;
  document.text = text;
  return document;
}

Entity Found(size_t byte_start, size_t byte_end, size_t start, size_t end, int32_t label) {
  return {.start = start,
          .end = end,
          .byte_start = byte_start,
          .byte_end = byte_end,
          .label = label,
          .score = 0.5f};
}

TEST(FormatBrat, CutsEntitiesAtLineEnds) {
  const InputDocument document = Document(0, 0, "\u00E9 Ada\r\nLovelace at Acme");
  Extraction extraction;
  extraction.entities = {Found(3, 16, 2, 15, 0), Found(20, 24, 19, 23, 1)};
  extraction.relations = {{.head = 0, .tail = 1, .relation = 0, .score = 0.75f}};
  EXPECT_EQ(FormatBrat(Options(), document, extraction),
            "T1\tperson 2 5;7 15\tAda Lovelace\n#1\tAnnotatorNotes T1\tscore 0.5000\n"
            "T2\twork_place 19 23\tAcme\n#2\tAnnotatorNotes T2\tscore 0.5000\n"
            "R1\tworks_for Arg1:T1 Arg2:T2\n");
}

TEST(BratFolder, HasTwoFilesForEachText) {
  const Scratch scratch;
  const std::string path = scratch.Path("out");
  {
    Result<BratFolder> folder = BratFolder::Open(path + "/");
    ASSERT_TRUE(folder.ok()) << folder.error().message;
    Extraction refused;
    refused.error = Error{Code::kInvalidArgument, "no"};
    ASSERT_TRUE(folder->Write(Options(), Document(0, 0, "one"), {}).ok());
    ASSERT_TRUE(folder->Write(Options(), Document(1, 7, "two\n"), {}).ok());
    ASSERT_TRUE(folder->Write(Options(), Document(1, 8, ""), refused).ok());
    ASSERT_TRUE(folder->Write(Options(), Document(2, 0, "three"), {}).ok());
    ASSERT_TRUE(folder->Write(Options(), Document(3, 0, "four"), {}).ok());
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_TRUE(folder->Commit(Options()).ok());
  }
  EXPECT_EQ(Scratch::Read(path + "/in__a.txt"), "one");
  EXPECT_EQ(Scratch::Read(path + "/in__a.ann"), "");
  EXPECT_EQ(Scratch::Read(path + "/b.jsonl-0000007.txt"), "two\n");
  EXPECT_FALSE(std::filesystem::exists(path + "/b.jsonl-0000008.txt"));
  EXPECT_EQ(Scratch::Read(path + "/_..__in__a.txt"), "three");
  EXPECT_EQ(Scratch::Read(path + "/stdin.txt"), "four");
  EXPECT_THAT(Scratch::Read(path + "/annotation.conf"),
              HasSubstr("[entities]\nperson\nwork_place\n"));
  EXPECT_EQ(scratch.Count(), 1u);
  const Result<BratFolder> again = BratFolder::Open(path);
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, HasSubstr("is there already"));
}

TEST(BratFolder, IsWrittenByOneAtATime) {
  const Scratch scratch;
  const std::string path = scratch.Path("out");
  {
    Result<BratFolder> first = BratFolder::Open(path);
    ASSERT_TRUE(first.ok()) << first.error().message;
    const BratFolder moved = *std::move(first);  // The lock goes with it.
    const Result<BratFolder> second = BratFolder::Open(path);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, Code::kInvalidArgument);
    EXPECT_THAT(second.error().message,
                HasSubstr("another run is writing it (it holds " + path + ".partial)"));
  }
  EXPECT_TRUE(BratFolder::Open(path).ok());
}

TEST(BratFolder, GoesOnWithWhatIsThereOrClearsIt) {
  const Scratch scratch;
  const std::string path = scratch.Path("out");
  {
    Result<BratFolder> first = BratFolder::Open(path);
    ASSERT_TRUE(first->Write(Options(), Document(1, 1, "one"), {}).ok());
    first->Keep();
  }
  {
    Result<BratFolder> again = BratFolder::Open(path);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(Scratch::Read(path + ".partial/b.jsonl-0000001.txt"), "one");
    ASSERT_TRUE(again->Clear().ok());
    ASSERT_TRUE(again->Write(Options(), Document(1, 2, "two"), {}).ok());
    ASSERT_TRUE(again->Commit(Options()).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path + "/b.jsonl-0000001.txt"));
  EXPECT_EQ(Scratch::Read(path + "/b.jsonl-0000002.txt"), "two");
  EXPECT_FALSE(BratFolder::Open(path).ok());
  EXPECT_EQ(scratch.Count(), 1u);  // Nothing is left beside it.
}

}  // namespace
}  // namespace waterline::cli
