// Loops without branches and calls, which compilers turn into vectors.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/rounding.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace waterline {
namespace {

constexpr int32_t kInfinity = 0x7f800000;

// Magnitudes compare as their bits do, and integers have a maximum of vectors everywhere.
int32_t LargestBits(std::span<const float> row) {
  int32_t largest = 0;
  for (const float x : row) largest = std::max(largest, std::bit_cast<int32_t>(x) & 0x7fffffff);
  return largest;
}

}  // namespace

float LargestMagnitude(std::span<const float> row) {
  return std::bit_cast<float>(LargestBits(row));
}

bool AllFinite(std::span<const float> numbers) { return LargestBits(numbers) < kInfinity; }

void RoundToBf16(std::span<const float> from, std::span<uint16_t> to) {
  for (size_t i = 0; i < from.size(); ++i) {
    const auto bits = std::bit_cast<uint32_t>(from[i]);
    to[i] = static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
}

// Adding 0.5 leaves multiples of 2^-24, the steps of subnormal f16, in the low bits.
void RoundToF16(std::span<const float> from, std::span<uint16_t> to) {
  for (size_t i = 0; i < from.size(); ++i) {
    const auto bits = std::bit_cast<uint32_t>(from[i]);
    const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    uint32_t half;
    if (magnitude > 0x7f800000) {
      half = 0x7e00;
    } else if (magnitude >= 0x477ff000) {  // 65520
      half = 0x7c00;
    } else if (magnitude < 0x38800000) {  // 2^-14
      half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
    } else {
      half = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
    }
    to[i] = static_cast<uint16_t>(sign | half);
  }
}

void RoundToTf32(std::span<const float> from, std::span<float> to) {
  for (size_t i = 0; i < from.size(); ++i) {
    to[i] = std::bit_cast<float>((std::bit_cast<uint32_t>(from[i]) + 0x1000) & 0xffffe000);
  }
}

Int8Steps Int8StepsOf(std::span<const float> row) {
  const float largest = LargestMagnitude(row);
  return {.scale = largest / 127.0f, .inverse = largest > 0 ? 127.0f / largest : 0.0f};
}

// Adding 1.5 * 2^23 leaves the nearest integer in the low bits, ties to even. Where the inverse is
// infinite (a row of subnormal numbers) those bits are 0.
int32_t RoundToInt8(std::span<const float> from, float inverse, std::span<int8_t> to) {
  constexpr float kShift = 12582912.0f;
  int32_t sum = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    const int32_t bits = std::bit_cast<int32_t>(from[i] * inverse + kShift);
    const auto q = static_cast<int8_t>(bits & 0xff);
    to[i] = q;
    sum += q;
  }
  return sum;
}

}  // namespace waterline
