// The reader of torch.save's zip container.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "weights/files.h"
#include "weights/formats.h"

namespace waterline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kStorage = FloatBytes({1, 2, 3, 4, 5, 6});

Result<TensorTable> Read(const std::string& bytes) {
  const FileOf file("m.bin", bytes);
  return ReadTorchArchive(*file);
}

Error ErrorOf(const std::string& bytes) {
  const Result<TensorTable> table = Read(bytes);
  return table.ok() ? Error{Code::kInternal, "accepted"} : table.error();
}

// The refusal of a file whose only tensor is `recipe`.
Error ErrorOf(const TensorRecipe& recipe) {
  return ErrorOf(TorchFile(PickledDictOf({{"w", PickledTensorOf(recipe)}}), kStorage));
}

TEST(ReadTorchArchive, TellsWhereTheStoragesLie) {
  const std::string bytes = TorchFile(
      PickledDictOf({{"all", PickledTensorOf({})},
                     {"row", PickledTensorOf({.offset = 3, .shape = {1, 3}, .strides = {99, 1}})},
                     {"none", PickledTensorOf({.shape = {0, 5}, .strides = {7, 7}})},
                     {"scalar", PickledTensorOf({.offset = 5, .shape = {}, .strides = {}})},
                     {"odd", PickledTensorOf({.storage_class = "ComplexFloatStorage"})},
                     {"step", Int(3)}}),
      kStorage);
  const Result<TensorTable> table = Read(bytes);
  ASSERT_TRUE(table.ok()) << table.error().message;
  const StoredTensor& all = table->tensors.at("all");
  EXPECT_EQ(bytes.substr(all.offset, 24), kStorage);
  EXPECT_EQ(table->tensors.at("row").offset, all.offset + 12);
  EXPECT_EQ(table->tensors.at("none").elements(), 0);
  EXPECT_EQ(table->tensors.at("scalar").offset, all.offset + 20);
  EXPECT_EQ(table->unreadable.at("odd"), "a tensor in a ComplexFloatStorage");
  EXPECT_EQ(table->unreadable.at("step"), "a number");
}

TEST(ReadTorchArchive, RefusesTensorsThatContradictTheirStorage) {
  const auto message = [](const TensorRecipe& recipe) { return ErrorOf(recipe).message; };
  EXPECT_THAT(message({.key = "7"}), AllOf(HasSubstr("tensor w"), HasSubstr("data/7")));
  EXPECT_THAT(message({.storage_elements = 5}),
              AllOf(HasSubstr("5 elements"), HasSubstr("24 bytes")));
  EXPECT_THAT(message({.storage_elements = -6}), HasSubstr("-6 elements"));
  EXPECT_THAT(message({.storage_class = "HalfStorage"}), HasSubstr("6 elements of f16"));
  EXPECT_THAT(message({.offset = 1}), AllOf(HasSubstr("6 elements from 1"), HasSubstr("has 6")));
  EXPECT_THAT(message({.offset = -1}), HasSubstr("from -1"));
  EXPECT_THAT(message({.shape = {-2, -3}}), HasSubstr("[-2, -3]"));
  EXPECT_THAT(message({.strides = {1}}), HasSubstr("the strides [1]"));
  EXPECT_THAT(message({.shape = {2147483647, 2147483647, 2147483647}, .strides = {1, 1, 1}}),
              HasSubstr("2147483647"));
}

TEST(ReadTorchArchive, RefusesStrides) {
  const Error error = ErrorOf({.shape = {3, 2}, .strides = {1, 3}});
  EXPECT_EQ(error.code, Code::kUnsupported);
  EXPECT_THAT(error.message, AllOf(HasSubstr("tensor w"), HasSubstr("[1, 3]")));
}

TEST(ReadTorchArchive, RefusesOtherArchives) {
  const std::string pickle = PickledDictOf({{"w", PickledTensorOf({})}});
  EXPECT_THAT(ErrorOf(ZipFile({{"a.txt", "x"}})).message, HasSubstr("without the data.pkl"));
  EXPECT_THAT(ErrorOf(ZipFile({{"m/data.pkl", pickle}, {"n/data.pkl", pickle}})).message,
              HasSubstr("more than one data.pkl"));
  const Error big = ErrorOf(ZipFile({{"m/data.pkl", pickle}, {"m/byteorder", "big"}}));
  EXPECT_EQ(big.code, Code::kUnsupported);
  EXPECT_THAT(big.message, HasSubstr("\"big\""));
  const Error squeezed =
      ErrorOf(ZipFile({{"m/data.pkl", pickle}, {"m/data/0", std::string(24, 'x'), true}}));
  EXPECT_EQ(squeezed.code, Code::kUnsupported);
  EXPECT_THAT(squeezed.message, HasSubstr("m/data/0 compressed"));
  const Error script = ErrorOf(ZipFile({{"m/data.pkl", pickle}, {"m/constants.pkl", "x"}}));
  EXPECT_EQ(script.code, Code::kUnsupported);
  EXPECT_THAT(script.message, HasSubstr("TorchScript"));
}

TEST(ReadTorchArchive, NoticesADamagedPickle) {
  std::string bytes = TorchFile(PickledDictOf({{"name", PickledTensorOf({})}}), kStorage);
  bytes[bytes.find("name")] = 'N';
  EXPECT_THAT(ErrorOf(bytes).message, HasSubstr("model/data.pkl does not match its checksum"));
}

TEST(ReadTorchArchive, SurvivesEveryTruncation) {
  const std::string whole = TorchFile(PickledDictOf({{"w", PickledTensorOf({})}}), kStorage);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Read(whole.substr(0, size)).ok()) << size;
  }
}

TEST(ReadTorchArchive, SurvivesEveryChangedByte) {
  const std::string whole = TorchFile(PickledDictOf({{"w", PickledTensorOf({})}}), kStorage);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const Result<TensorTable> table = Read(changed);
      if (!table.ok()) continue;
      for (const auto& [name, tensor] : table->tensors) {
        ASSERT_TRUE(tensor.offset <= changed.size() &&
                    tensor.bytes() <= changed.size() - tensor.offset);
      }
    }
  }
}

}  // namespace
}  // namespace waterline
