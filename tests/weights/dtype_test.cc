// Widening of number types to f32.
// SPDX-License-Identifier: Apache-2.0
#include "weights/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace waterline {
namespace {

constexpr size_t kAllHalves = 1 << 16;

// The value by the definition of IEEE 754 binary16.
double HalfValue(uint32_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

// All 2^16 patterns, `lead` bytes behind an aligned address.
std::vector<std::byte> AllPatterns(size_t lead) {
  std::vector<std::byte> bytes(lead + 2 * kAllHalves);
  for (uint32_t i = 0; i < kAllHalves; ++i) {
    const uint16_t pattern = static_cast<uint16_t>(i);
    std::memcpy(bytes.data() + lead + 2 * i, &pattern, 2);
  }
  return bytes;
}

TEST(ToF32, WidensEveryF16Exactly) {
  const std::vector<std::byte> bytes = AllPatterns(1);
  std::vector<float> wide(kAllHalves);
  ToF32(Dtype::kF16, bytes.data() + 1, wide.data(), kAllHalves);
  for (uint32_t i = 0; i < kAllHalves; ++i) {
    const double expected = HalfValue(i);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(wide[i])) << i;
    } else {
      EXPECT_EQ(wide[i], expected) << i;
    }
    EXPECT_EQ(std::signbit(wide[i]), (i & 0x8000) != 0) << i;
  }
}

TEST(ToF32, WidensF16AlikeOneByOneAndTogether) {
  const std::vector<std::byte> bytes = AllPatterns(0);
  std::vector<float> together(kAllHalves);
  ToF32(Dtype::kF16, bytes.data(), together.data(), kAllHalves);
  for (size_t i = 0; i < kAllHalves; ++i) {
    float one = 0;
    ToF32(Dtype::kF16, bytes.data() + 2 * i, &one, 1);
    ASSERT_EQ(std::bit_cast<uint32_t>(one), std::bit_cast<uint32_t>(together[i])) << i;
  }
}

TEST(ToF32, WidensBf16ByAppendingZeros) {
  const std::vector<std::byte> bytes = AllPatterns(1);
  std::vector<float> wide(kAllHalves);
  ToF32(Dtype::kBF16, bytes.data() + 1, wide.data(), kAllHalves);
  for (uint32_t i = 0; i < kAllHalves; ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(wide[i]), i << 16);
  }
}

TEST(ToF32, CopiesF32) {
  const float values[] = {1.5f, -0.0f, 3e-45f};
  float copy[3];
  ToF32(Dtype::kF32, reinterpret_cast<const std::byte*>(values), copy, 3);
  EXPECT_EQ(std::memcmp(copy, values, sizeof(values)), 0);
}

TEST(ToF32, WritesNothingForNoElements) {
  float untouched = 7;
  ToF32(Dtype::kF16, nullptr, &untouched, 0);
  EXPECT_EQ(untouched, 7);
}

TEST(Dtype, HasSizesAndNames) {
  EXPECT_EQ(DtypeBytes(Dtype::kF32), 4u);
  EXPECT_EQ(DtypeBytes(Dtype::kBF16), 2u);
  EXPECT_EQ(DtypeBytes(Dtype::kI64), 8u);
  EXPECT_EQ(DtypeBytes(Dtype::kBool), 1u);
  EXPECT_STREQ(DtypeName(Dtype::kBF16), "bf16");
  EXPECT_TRUE(IsFloat(Dtype::kF16));
  EXPECT_FALSE(IsFloat(Dtype::kF64));
}

}  // namespace
}  // namespace waterline
