// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <utility>

namespace waterline {
namespace {

class MappedFileTest : public testing::Test {
 protected:
  MappedFileTest()
      : directory_(std::filesystem::path(testing::TempDir()) /
                   ("waterline_mapped_file_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
  }
  ~MappedFileTest() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
    return directory_ / name;
  }

  const std::filesystem::path directory_;
};

std::string Text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST_F(MappedFileTest, HoldsTheBytesOfTheFile) {
  const std::string bytes("tensor\0data", 11);
  const auto file = MappedFile::Open(Write("some", bytes));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(Text(*file), bytes);
}

TEST_F(MappedFileTest, MapsAnEmptyFile) {
  const auto file = MappedFile::Open(Write("empty", ""));
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->bytes().empty());
  EXPECT_EQ(file->ResidentBytes(), 0U);
  file->DropPages(0, 4096);
}

TEST_F(MappedFileTest, NamesTheMissingFile) {
  const auto file = MappedFile::Open(directory_ / "missing");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Code::kNotFound);
  EXPECT_THAT(file.error().message, testing::HasSubstr((directory_ / "missing").string()));
}

TEST_F(MappedFileTest, TakesAFileInThePathForAMissingOne) {
  const auto file = MappedFile::Open(Write("file", "x") / "below");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Code::kNotFound);
}

TEST_F(MappedFileTest, RefusesADirectory) {
  const auto file = MappedFile::Open(directory_);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Code::kIo);
}

TEST_F(MappedFileTest, RefusesAnUnreadableFile) {
  const std::filesystem::path path = Write("closed", "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  if (::access(path.c_str(), R_OK) == 0) GTEST_SKIP() << "needs a user who is not root";
  const auto file = MappedFile::Open(path);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Code::kIo);
}

TEST_F(MappedFileTest, OutlivesTheNameOfTheFile) {
  const std::filesystem::path path = Write("gone", "still here");
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok());
  std::filesystem::remove(path);
  EXPECT_EQ(Text(*file), "still here");
}

TEST_F(MappedFileTest, KeepsViewsValidWhenItMoves) {
  auto first = MappedFile::Open(Write("first", "one"));
  auto second = MappedFile::Open(Write("second", "two"));
  ASSERT_TRUE(first.ok() && second.ok());
  const std::byte* data = (*first).bytes().data();
  MappedFile moved = *std::move(first);
  EXPECT_EQ(moved.bytes().data(), data);
  EXPECT_EQ(Text(moved), "one");
  moved = *std::move(second);
  EXPECT_EQ(Text(moved), "two");
}

TEST_F(MappedFileTest, DroppedPagesReadTheSameAgain) {
  std::string bytes(1 << 20, 'x');
  for (size_t i = 0; i < bytes.size(); i += 1000) bytes[i] = static_cast<char>(i / 1000);
  const auto file = MappedFile::Open(Write("large", bytes));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(Text(*file), bytes);
  EXPECT_LE(file->ResidentBytes(), bytes.size());
  file->DropPages(5, bytes.size() - 5);
  file->DropPages(bytes.size() - 10, 1 << 20);  // Past the end: nothing happens.
  EXPECT_EQ(Text(*file), bytes);
}

}  // namespace
}  // namespace waterline
