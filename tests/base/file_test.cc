// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace waterline {
namespace {

using testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  FileTest()
      : directory_(std::filesystem::path(testing::TempDir()) /
                   ("waterline_file_test_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
    return directory_ / name;
  }
  static std::string Read(const File& file, uint64_t offset, size_t size) {
    std::string bytes(size, '\0');
    const Result<void> read = file.ReadAt(offset, std::as_writable_bytes(std::span(bytes)));
    return read.ok() ? bytes : read.error().message;
  }

  const std::filesystem::path directory_;
};

TEST_F(FileTest, ReadsAtAnyPlace) {
  const auto file = File::Open(Write("some", "0123456789"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->size(), 10u);
  EXPECT_EQ(Read(*file, 0, 10), "0123456789");
  EXPECT_EQ(Read(*file, 7, 3), "789");
  EXPECT_EQ(Read(*file, 10, 0), "");
  EXPECT_EQ(*file->ReadAll(std::pmr::get_default_resource()), "0123456789");
}

TEST_F(FileTest, AnEmptyFileIsRead) {
  const auto file = File::Open(Write("empty", ""));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(*file->ReadAll(std::pmr::get_default_resource()), "");
}

TEST_F(FileTest, NamesTheMissingFile) {
  const auto file = File::Open(directory_ / "missing");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Code::kNotFound);
  EXPECT_THAT(file.error().message, HasSubstr("missing"));
  EXPECT_EQ(File::Open(Write("file", "x") / "below").error().code, Code::kNotFound);
}

TEST_F(FileTest, RefusesADirectory) {
  const auto file = File::Open(directory_);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Code::kIo);
}

TEST_F(FileTest, SaysWhereAFileThatWasCutEnds) {
  const std::filesystem::path path = Write("cut", std::string(100, 'x'));
  const auto file = File::Open(path);
  ASSERT_TRUE(file.ok());
  std::filesystem::resize_file(path, 40);
  EXPECT_EQ(Read(*file, 0, 40), std::string(40, 'x'));
  const std::string wrong = Read(*file, 30, 20);
  EXPECT_THAT(wrong, HasSubstr("has 40 bytes"));
  EXPECT_THAT(wrong, HasSubstr("up to byte 50"));
}

TEST_F(FileTest, OutlivesItsNameAndMoves) {
  const std::filesystem::path path = Write("gone", "bytes");
  auto first = File::Open(path);
  ASSERT_TRUE(first.ok());
  std::filesystem::remove(path);
  const File moved = *std::move(first);
  EXPECT_EQ(Read(moved, 1, 3), "yte");
}

TEST_F(FileTest, ThreadsReadTogether) {
  std::string bytes;
  for (int i = 0; i < 20000; ++i) bytes += static_cast<char>(i % 251);
  const auto file = File::Open(Write("large", bytes));
  ASSERT_TRUE(file.ok());
  std::vector<std::thread> threads;
  std::array<bool, 4> right{};
  for (size_t t = 0; t < right.size(); ++t) {
    threads.emplace_back([&, t] {
      right[t] = true;
      for (size_t at = t; at + 999 < bytes.size(); at += 997) {
        right[t] = right[t] && Read(*file, at, 999) == bytes.substr(at, 999);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const bool ok : right) EXPECT_TRUE(ok);
}

}  // namespace
}  // namespace waterline
