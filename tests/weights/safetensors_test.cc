// The safetensors reader: what it accepts, and how it refuses what is broken.
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

const std::string kData = FloatBytes({1, 2, 3, 4, 5, 6}) + std::string("\x01\x00\x02\x00", 4);
constexpr const char* kHeader = R"({"__metadata__":{"format":"pt","tied":"a"},)"
                                R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                                R"("b":{"dtype":"F16","shape":[2],"data_offsets":[24,28]},)"
                                R"("none":{"dtype":"I64","shape":[0,4],"data_offsets":[28,28]}}  )";

Result<TensorTable> Read(const std::string& bytes) {
  const FileOf file("m.safetensors", bytes);
  Result<TensorTable> table = ReadSafetensors(*file);
  if (!table.ok()) {
    EXPECT_EQ(table.error().code, Code::kBadModel);
    EXPECT_THAT(table.error().message, HasSubstr("m.safetensors"));
  }
  return table;
}

std::string Refusal(const std::string& header, const std::string& data = kData) {
  const Result<TensorTable> table = Read(SafetensorsFile(header, data));
  return table.ok() ? "accepted" : table.error().message;
}

// A header of one tensor.
std::string One(const std::string& fields) { return R"({"a":{)" + fields + "}}"; }

TEST(ReadSafetensors, TellsWhereTheBytesLie) {
  const std::string bytes = SafetensorsFile(kHeader, kData);
  const Result<TensorTable> table = Read(bytes);
  ASSERT_TRUE(table.ok()) << table.error().message;
  const StoredTensor& a = table->tensors.at("a");
  EXPECT_EQ(a.type, Dtype::kF32);
  EXPECT_EQ(a.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(a.bytes(), 24u);
  EXPECT_EQ(a.offset, bytes.size() - kData.size());
  EXPECT_EQ(table->tensors.at("none").elements(), 0);
  EXPECT_EQ(table->tensors.at("tied").offset, a.offset);
  EXPECT_FALSE(table->tensors.contains("format"));
  EXPECT_EQ(table->tensors.size(), 4u);
}

TEST(ReadSafetensors, AcceptsAFileWithoutTensors) {
  EXPECT_TRUE(Read(SafetensorsFile("{}", "")).ok());
}

TEST(ReadSafetensors, ReadsAScalar) {
  const Result<TensorTable> table = Read(SafetensorsFile(
      One(R"("dtype":"BOOL","shape":[],"data_offsets":[0,1])"), std::string(1, '\1')));
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->tensors.at("a").elements(), 1);
}

TEST(ReadSafetensors, KeepsTensorsOfForeignTypesByName) {
  const Result<TensorTable> table = Read(SafetensorsFile(
      R"({"__metadata__":{"tied":"q"},"q":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]},)"
      R"("z":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
      std::string(8, '\0')));
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->tensors.size(), 1u);
  EXPECT_EQ(table->unreadable.at("q"), "a tensor of type F8_E4M3");
  EXPECT_EQ(table->unreadable.at("tied"), "a tensor of type F8_E4M3");
}

TEST(ReadSafetensors, RefusesABrokenHeader) {
  EXPECT_THAT(Read("\x05").error().message, HasSubstr("1 bytes"));
  EXPECT_THAT(Read(Bytes<uint64_t>(100) + "{}").error().message,
              AllOf(HasSubstr("100 bytes"), HasSubstr("2 follow")));
  EXPECT_THAT(Refusal("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(Refusal("{\"\xff\":1}"), HasSubstr("UTF-8"));
  EXPECT_THAT(Refusal(std::string(5000, '[')), HasSubstr("not a JSON object"));
  EXPECT_THAT(Refusal(R"({"a":1})"), HasSubstr("tensor a has no dtype"));
  EXPECT_THAT(Refusal(One(R"("dtype":"F32")")), HasSubstr("tensor a has no shape"));
  EXPECT_THAT(Refusal(One(R"("dtype":"F32","shape":[7])")), HasSubstr("data_offsets"));
  EXPECT_THAT(Refusal(R"({"__metadata__":{"a":1}})"), HasSubstr("__metadata__.a is 1"));
}

TEST(ReadSafetensors, RefusesBadShapes) {
  EXPECT_THAT(Refusal(One(R"("dtype":"F32","shape":[-1],"data_offsets":[0,28])")),
              AllOf(HasSubstr("tensor a"), HasSubstr("-1")));
  EXPECT_THAT(Refusal(One(R"("dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,28])")),
              HasSubstr("9223372036854775808"));
  EXPECT_THAT(
      Refusal(One(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,28])")),
      HasSubstr("[4294967296, 4294967296]"));
  EXPECT_THAT(Refusal(One(R"("dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,28])")),
              HasSubstr("more bytes than can be counted"));
  EXPECT_THAT(Refusal(One(R"("dtype":"F32","shape":[6],"data_offsets":[0,28])")),
              AllOf(HasSubstr("takes 24 bytes"), HasSubstr("are 28")));
}

TEST(ReadSafetensors, RefusesBadRanges) {
  EXPECT_THAT(Refusal(One(R"("dtype":"F32","shape":[8],"data_offsets":[0,32])")),
              AllOf(HasSubstr("bytes 0 to 32"), HasSubstr("only 28 bytes")));
  EXPECT_THAT(Refusal(One(R"("dtype":"F32","shape":[0],"data_offsets":[4,0])")),
              HasSubstr("ends before it begins"));
  EXPECT_THAT(Refusal(One(R"("dtype":"F32","shape":[6],"data_offsets":[0,24])")),
              AllOf(HasSubstr("take 24 bytes"), HasSubstr("28 follow")));
  EXPECT_THAT(Refusal(One(R"("dtype":"F32","shape":[6],"data_offsets":[4,28])")),
              HasSubstr("the one before it ends at 0"));
  EXPECT_THAT(Refusal(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
                      R"("b":{"dtype":"F32","shape":[4],"data_offsets":[12,28]}})"),
              AllOf(HasSubstr("tensor b"), HasSubstr("bytes 12 to 28"), HasSubstr("ends at 16")));
  EXPECT_THAT(Refusal(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
                      R"("a":{"dtype":"F32","shape":[3],"data_offsets":[16,28]}})"),
              HasSubstr("appears twice"));
}

TEST(ReadSafetensors, SurvivesEveryTruncation) {
  const std::string whole = SafetensorsFile(kHeader, kData);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Read(whole.substr(0, size)).ok()) << size;
  }
}

TEST(ReadSafetensors, SurvivesEveryChangedByte) {
  const std::string whole = SafetensorsFile(kHeader, kData);
  const size_t header_end = whole.size() - kData.size();
  for (size_t at = 0; at < header_end; ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
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
