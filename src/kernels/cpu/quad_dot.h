// Four uint8 of a times four int8 of b a lane, for vector types with AddQuadProducts and
// StoreUint8. After isa_body.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {
namespace {

// The instruction takes a without a sign: a is stored as q + 128, and 128 times the sum of a column
// of b is subtracted from its sums.
struct QuadDot {
  static constexpr int64_t kGroup = 4, kStored = 4;
  static constexpr bool kIntegers = true;
  static constexpr int32_t kLevels = 127, kBias = 128;
  static void Add(Vec& sum, Vec a, Vec b) { AddQuadProducts(sum, a, b); }
  static void Store(Vec x, float* to, int64_t term) {
    StoreUint8(x, reinterpret_cast<std::byte*>(to) + term);
  }
};

}  // namespace
}  // namespace waterline
