// SPDX-License-Identifier: Apache-2.0
#include "output_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;

TEST(OutputFile, AppearsWhenCommitted) {
  const Scratch scratch;
  const std::string path = scratch.Path("out");
  {
    Result<OutputFile> file = OutputFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.error().message;
    ASSERT_TRUE(file->Write("one ").ok());
    EXPECT_NE(access(path.c_str(), F_OK), 0);
    ASSERT_TRUE(file->Write("two").ok());
    ASSERT_TRUE(file->Commit().ok());
  }
  EXPECT_EQ(Scratch::Read(path), "one two");
  EXPECT_EQ(scratch.Count(), 1u);
}

TEST(OutputFile, LeavesTheOldFileWhenNotCommitted) {
  const Scratch scratch;
  const std::string path = scratch.File("out", "old");
  {
    Result<OutputFile> file = OutputFile::Open(path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Write("new").ok());
  }
  EXPECT_EQ(Scratch::Read(path), "old");
  EXPECT_EQ(scratch.Count(), 1u);
}

TEST(OutputFile, FollowsLinksAndKeepsPermissions) {
  const Scratch scratch;
  const std::string target = scratch.File("target", "old");
  ASSERT_EQ(chmod(target.c_str(), 0640), 0);
  ASSERT_EQ(symlink("target", scratch.Path("link").c_str()), 0);
  Result<OutputFile> file = OutputFile::Open(scratch.Path("link"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Write("new").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Scratch::Read(target), "new");
  struct stat status {};
  ASSERT_EQ(stat(target.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  ASSERT_EQ(lstat(scratch.Path("link").c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST(OutputFile, NamesTheFileThatCannotBeWritten) {
  const Scratch scratch;
  const Result<OutputFile> missing = OutputFile::Open(scratch.Path("no/out"));
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("no/out: cannot be written: No such file"));
  const Result<OutputFile> folder = OutputFile::Open(scratch.Path(""));
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(folder.error().message, HasSubstr("Is a directory"));
}

TEST(OutputFile, ReportsAFullDevice) {
  Result<OutputFile> full = OutputFile::Open("/dev/full");
  ASSERT_TRUE(full.ok());
  const Result<void> written = full->Write("a");
  ASSERT_FALSE(written.ok());
  EXPECT_THAT(written.error().message, HasSubstr("/dev/full: cannot be written: No space left"));
  EXPECT_FALSE(full->reader_gone());
}

TEST(OutputFile, GoesOnWhereAnEarlierProcessStood) {
  const Scratch scratch;
  const std::string path = scratch.Path("out");
  OutputMark mark;
  {
    Result<OutputFile> file = OutputFile::OpenResumable(path);
    ASSERT_TRUE(file.ok()) << file.error().message;
    ASSERT_TRUE(file->resumable());
    ASSERT_TRUE(file->Write("one ").ok());
    mark = file->mark();
    ASSERT_TRUE(file->Write("lost").ok());
    file->Keep();
  }
  EXPECT_EQ(Scratch::Read(OutputFile::PartialOf(path)), "one lost");
  Result<OutputFile> file = OutputFile::OpenResumable(path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Rewind(mark).ok());
  ASSERT_TRUE(file->Write("two").ok());
  EXPECT_EQ(file->mark().bytes, 7u);
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Scratch::Read(path), "one two");
  EXPECT_EQ(scratch.Count(), 1u);
}

TEST(OutputFile, RefusesToGoOnWithOtherBytes) {
  const Scratch scratch;
  const std::string path = scratch.Path("out");
  scratch.File("out.partial", "one!");
  Result<OutputFile> file = OutputFile::OpenResumable(path);
  ASSERT_TRUE(file.ok());
  EXPECT_FALSE(file->Rewind({.bytes = 4, .crc = 1}).ok());
  const Result<void> longer = file->Rewind({.bytes = 5, .crc = 1});
  ASSERT_FALSE(longer.ok());
  EXPECT_THAT(longer.error().message,
              HasSubstr("does not begin with what the interrupted run wrote"));
}

TEST(OutputFile, GoesOnWithWhatWasCommittedAtTheLastMoment) {
  const Scratch scratch;
  const std::string path = scratch.Path("out");
  OutputMark mark;
  {
    Result<OutputFile> file = OutputFile::OpenResumable(path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Write("one ").ok());
    mark = file->mark();
    ASSERT_TRUE(file->Write("two").ok());
    ASSERT_TRUE(file->Commit().ok());  // And the process ends before the journal goes.
  }
  Result<OutputFile> file = OutputFile::OpenResumable(path);
  ASSERT_TRUE(file.ok());
  const Result<void> rewound = file->Rewind(mark);
  ASSERT_TRUE(rewound.ok()) << rewound.error().message;
  EXPECT_EQ(file->mark().bytes, 4u);
  ASSERT_TRUE(file->Write("three").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Scratch::Read(path), "one three");
  scratch.File("other", "something else");
  Result<OutputFile> other = OutputFile::OpenResumable(scratch.Path("other"));
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE(other->Rewind(mark).ok());
}

TEST(OutputFile, PartialFilesStandBesideDirectoriesToo) {
  EXPECT_EQ(OutputFile::PartialOf("/nowhere/out//"), "/nowhere/out.partial");
}

TEST(OutputFile, IsWrittenByOneAtATime) {
  const Scratch scratch;
  const Result<OutputFile> one = OutputFile::OpenResumable(scratch.Path("out"));
  ASSERT_TRUE(one.ok());
  const Result<OutputFile> two = OutputFile::OpenResumable(scratch.Path("out"));
  ASSERT_FALSE(two.ok());
  EXPECT_THAT(two.error().message, HasSubstr("another run is writing it"));
}

}  // namespace
}  // namespace waterline::cli
