// Every number of the short types stays what it is, and those between go to the nearest.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/rounding.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "weights/dtype.h"

namespace waterline {
namespace {

float F16(uint16_t half) {
  float wide;
  ToF32(Dtype::kF16, reinterpret_cast<const std::byte*>(&half), &wide, 1);
  return wide;
}

uint16_t ToF16(float x) {
  uint16_t half;
  RoundToF16({&x, 1}, {&half, 1});
  return half;
}

float ToTf32(float x) {
  float rounded;
  RoundToTf32({&x, 1}, {&rounded, 1});
  return rounded;
}

// Magnitudes of f16 follow one another as their bits do; 0x7c00 is infinity, and the numbers half a
// step past the largest round to it.
TEST(RoundingTest, F16TakesTheNearestAndTheEvenOfTwo) {
  for (const uint16_t sign : {0, 0x8000}) {
    for (uint16_t bits = 0; bits < 0x7c00; ++bits) {
      const auto half = static_cast<uint16_t>(sign | bits);
      const auto next = static_cast<uint16_t>(half + 1);
      const float x = F16(half);
      const float above = bits == 0x7bff ? std::copysign(65536.0f, x) : F16(next);
      const float middle = (x + above) / 2;
      ASSERT_EQ(ToF16(x), half);
      ASSERT_EQ(ToF16(middle), half % 2 == 0 ? half : next) << middle;
      ASSERT_EQ(ToF16(std::nextafter(middle, x)), half) << middle;
      ASSERT_EQ(ToF16(std::nextafter(middle, above)), next) << middle;
    }
    ASSERT_EQ(ToF16(F16(sign | 0x7c00)), sign | 0x7c00);
  }
  EXPECT_EQ(ToF16(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(ToF16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_TRUE(std::isnan(F16(ToF16(std::nanf("")))));
}

TEST(RoundingTest, Tf32TakesTheNearestAndOfTwoTheFarFromZero) {
  for (const uint32_t sign : {0u, 0x80000000u}) {
    for (uint32_t bits = 0x3f000000; bits < 0x40000000; bits += 0x2000) {
      const auto number = [&](uint32_t past) { return std::bit_cast<float>(sign | (bits + past)); };
      ASSERT_EQ(ToTf32(number(0)), number(0));
      ASSERT_EQ(ToTf32(number(0xfff)), number(0));
      ASSERT_EQ(ToTf32(number(0x1000)), number(0x2000));
      ASSERT_EQ(ToTf32(number(0x1fff)), number(0x2000));
    }
  }
}

}  // namespace
}  // namespace waterline
