// What is written is what is read.
// SPDX-License-Identifier: Apache-2.0
#include "weights/safetensors_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "weights/packed.h"
#include "weights/temp_directory.h"
#include "weights/tensor_file.h"

namespace waterline {
namespace {

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  const TempDirectory directory;
  const auto path = directory.path() / "model.safetensors";
  const float numbers[6] = {1, -2, 3.5f, 0, 1e-40f, 6};
  const int8_t small[3] = {-127, 0, 127};
  Result<SafetensorsWriter> writer =
      SafetensorsWriter::Make(path,
                              {{"a \"quoted\" name", Dtype::kF32, {2, 3}},
                               {"scalar", Dtype::kF32, {}},
                               {"small", Dtype::kI8, {3}},
                               {"none", Dtype::kI8, {0, 4}}},
                              {{"format", "pt"}, {kPackedAs, "int8"}, {"other", "small"}});
  ASSERT_TRUE(writer.ok()) << writer.error().message;
  EXPECT_TRUE(writer->Write(std::as_bytes(std::span(numbers).first(2))).ok());
  EXPECT_TRUE(writer->Write(std::as_bytes(std::span(numbers).subspan(2))).ok());
  EXPECT_TRUE(writer->Write(std::as_bytes(std::span(numbers).first(1))).ok());
  EXPECT_TRUE(writer->Write(std::as_bytes(std::span(small))).ok());
  EXPECT_TRUE(writer->Close().ok());
  EXPECT_EQ(writer->file_bytes(), std::filesystem::file_size(path));

  const Result<TensorFile> file = TensorFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->packed_as(), "int8");
  EXPECT_EQ(file->tensors().size(), 5u);  // With the alias.
  const StoredTensor* quoted = file->Find("a \"quoted\" name");
  ASSERT_NE(quoted, nullptr);
  EXPECT_EQ(quoted->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(quoted->offset % 8, 0u);
  float read[6];
  ASSERT_TRUE(file->ReadF32(*quoted, 0, read).ok());
  EXPECT_EQ(std::memcmp(read, numbers, sizeof read), 0);
  ASSERT_NE(file->Find("other"), nullptr);
  int8_t bytes[3];
  ASSERT_TRUE(file->Read(*file->Find("other"), 0, std::as_writable_bytes(std::span(bytes))).ok());
  EXPECT_EQ(std::memcmp(bytes, small, sizeof bytes), 0);
}

TEST(SafetensorsWriter, NeverWritesOverAFile) {
  const TempDirectory directory;
  const auto path = directory.Write("model.safetensors", "mine");
  const Result<SafetensorsWriter> writer = SafetensorsWriter::Make(path, {}, {});
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, Code::kIo);
  EXPECT_EQ(ReadFile(path), "mine");
}

}  // namespace
}  // namespace waterline
