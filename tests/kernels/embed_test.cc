// Embedding rows of every stored type, exactly.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "kernels/rows_cases.h"
#include "support/kernel_test.h"

namespace waterline {

namespace {

class EmbedTest : public KernelTest {};

// A table of any 16-bit patterns, at an odd address: NaN and infinities too where `any`.
std::vector<std::byte> Patterns(int64_t count, Dtype type, uint32_t seed) {
  std::vector<std::byte> bytes(static_cast<size_t>(count) * DtypeBytes(type) + 1);
  if (type == Dtype::kF32) {
    const std::vector<float> floats = RandomFloats(count, seed);
    std::memcpy(bytes.data() + 1, floats.data(), floats.size() * sizeof(float));
    return bytes;
  }
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const auto bits = static_cast<uint16_t>(i * 40503u + seed);
    std::memcpy(bytes.data() + 1 + 2 * i, &bits, sizeof bits);
  }
  return bytes;
}

TEST_P(EmbedTest, WidensEveryPatternExactly) {
  for (const Dtype type : {Dtype::kF16, Dtype::kBF16, Dtype::kF32}) {
    const std::vector<std::byte> table = Patterns(256 * 256, type, 0);
    EmbedArgs args;
    args.words = {256, 256, type, table.data() + 1};
    std::vector<int32_t> ids;
    for (int32_t i = 255; i >= 0; --i) ids.push_back(i);
    args.ids = ids;
    OwnedMat out(256, 256);
    OwnedMat expected(256, 256);
    kernels().Embed(args, out);
    reference().Embed(args, expected);
    EXPECT_EQ(LargestDifference(out, expected), 0) << DtypeName(type);
  }
}

TEST_P(EmbedTest, AddsPlacesAndTheRowOfEveryToken) {
  for (const int64_t width : kRowWidths) {
    const std::vector<std::byte> words = Patterns(9 * width, Dtype::kF32, 1);
    const std::vector<std::byte> places = Patterns(5 * width, Dtype::kF32, 2);
    const std::vector<float> every = RandomFloats(width, 3);
    const std::vector<int32_t> ids{8, 0, 3, 3};
    const std::vector<int32_t> positions{0, 1, 2, 4};
    const EmbedArgs args{ids,
                         {9, width, Dtype::kF32, words.data() + 1},
                         positions,
                         {5, width, Dtype::kF32, places.data() + 1},
                         every.data()};
    OwnedMat out(4, width);
    OwnedMat expected(4, width);
    kernels().Embed(args, out);
    reference().Embed(args, expected);
    EXPECT_LE(LargestDifference(out, expected), 1e-6);  // Two roundings of sums of size 3.
    EXPECT_TRUE(out.PaddingUntouched());
  }
}

WATERLINE_FOR_EACH_ISA(EmbedTest);

}  // namespace

}  // namespace waterline
