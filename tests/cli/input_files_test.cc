// SPDX-License-Identifier: Apache-2.0
#include "input_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "scratch.h"
#include "without_root.h"

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// docs/{a.txt, b.MD?, c.jsonl.gz, x.log, .hidden.txt, sub/{d.md, drafts/e.txt}, link -> sub}
class FindFiles : public testing::Test {
 protected:
  FindFiles() {
    std::filesystem::create_directories(scratch_.Path("docs/sub/drafts"));
    for (const char* name : {"docs/c.jsonl.gz", "docs/a.txt", "docs/x.log", "docs/.hidden.txt",
                             "docs/sub/d.md", "docs/sub/drafts/e.txt"}) {
      scratch_.File(name, "x");
    }
    std::filesystem::create_directory_symlink("sub", scratch_.Path("docs/link"));
  }

  // Paths below the scratch folder, or "!message".
  std::vector<std::string> Find(const std::vector<std::string>& arguments, FileSearch search) {
    std::vector<std::string> paths;
    for (const std::string& argument : arguments) paths.push_back(scratch_.Path(argument));
    Result<InputFiles> found = FindInputFiles(paths, search);
    if (!found.ok()) return {"!" + found.error().message};
    passed_over_ = found->passed_over;
    std::vector<std::string> names;
    for (const std::string& file : found->files)
      names.push_back(file.substr(scratch_.Path("").size()));
    return names;
  }

  const Scratch scratch_;
  int64_t passed_over_ = 0;
};

TEST_F(FindFiles, WalksDirectoriesInOrder) {
  EXPECT_THAT(
      Find({"docs"}, {.recursive = true}),
      ElementsAre("docs/a.txt", "docs/c.jsonl.gz", "docs/sub/d.md", "docs/sub/drafts/e.txt"));
  EXPECT_EQ(passed_over_, 1);
  EXPECT_THAT(Find({"docs"}, {.recursive = true, .include = {"*.log", "d.*"}}),
              ElementsAre("docs/sub/d.md", "docs/x.log"));
  EXPECT_THAT(Find({"docs"}, {.recursive = true, .exclude = {"drafts", "a*"}}),
              ElementsAre("docs/c.jsonl.gz", "docs/sub/d.md"));
  EXPECT_THAT(Find({"docs"}, {.recursive = true, .outputs = {scratch_.Path("docs/../docs/a.txt")}}),
              ElementsAre("docs/c.jsonl.gz", "docs/sub/d.md", "docs/sub/drafts/e.txt"));
}

TEST_F(FindFiles, TakesNamedFilesAsTheyAre) {
  EXPECT_THAT(Find({"docs/x.log", "docs/.hidden.txt", "none", "docs"}, {}),
              ElementsAre("docs/x.log", "docs/.hidden.txt", "none", "docs"));
  const Result<InputFiles> standard = FindInputFiles({"-"}, {});
  ASSERT_TRUE(standard.ok());
  EXPECT_THAT(standard->files, ElementsAre("-"));
}

TEST_F(FindFiles, MatchesPatterns) {
  EXPECT_THAT(Find({"docs/*.txt"}, {}), ElementsAre("docs/a.txt"));
  EXPECT_THAT(Find({"docs/*/*"}, {}), ElementsAre("docs/sub/d.md"));
  EXPECT_THAT(Find({"docs/**/*.txt"}, {}), ElementsAre("docs/a.txt", "docs/sub/drafts/e.txt"));
  EXPECT_THAT(Find({"doc[s]/?.log"}, {}), ElementsAre("docs/x.log"));
  EXPECT_THAT(Find({"docs/*.pdf"}, {})[0], HasSubstr("no file has this name, or matches it"));
  scratch_.File("a[1].txt", "x");
  EXPECT_THAT(Find({"a[1].txt"}, {}), ElementsAre("a[1].txt"));
}

TEST_F(FindFiles, SaysWhenThereIsNothing) {
  EXPECT_THAT(Find({"docs"}, {.recursive = true, .include = {"*.pdf"}})[0],
              HasSubstr("docs: holds no file to read (5 of other names"));
}

TEST(FindInputFiles, GoesOnBehindADirectoryThatCannotBeRead) {
  WithoutRoot([] {
    const Scratch scratch;
    std::filesystem::create_directories(scratch.Path("docs/sub"));
    scratch.File("docs/a.txt", "x");
    scratch.File("docs/sub/d.md", "x");
    scratch.File("docs/z.txt", "x");
    std::filesystem::permissions(scratch.Path("docs/sub"), std::filesystem::perms::none);
    const Result<InputFiles> found = FindInputFiles({scratch.Path("docs")}, {.recursive = true});
    std::filesystem::permissions(scratch.Path("docs/sub"), std::filesystem::perms::owner_all);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->files.size(), 2u);
    ASSERT_EQ(found->unreadable.size(), 1u);
    EXPECT_THAT(found->unreadable[0].message,
                HasSubstr("docs/sub: cannot be read: Permission denied"));
  });
}

}  // namespace
}  // namespace waterline::cli
