// Two int16 of a times two of b a lane, for vector types with AddPairProducts, WidenInt8 and
// StoreInt16. After isa_body.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {
namespace {

// int8 in memory, pairs of int16 in arithmetic: room for activations of more than 8 bits.
struct PairDot {
  static constexpr int64_t kGroup = 2, kStored = 2;
  static constexpr bool kIntegers = true;
  // 12 bits with a sign: a sum of 8,260 terms fits an int32.
  static constexpr int32_t kLevels = 2047, kBias = 0;
  static void Add(Vec& sum, Vec a, Vec b) { AddPairProducts(sum, a, b); }
  static Vec Widen(const std::byte* from) { return WidenInt8(from); }
  static void Store(Vec x, float* to, int64_t term) {
    StoreInt16(x, reinterpret_cast<std::byte*>(to) + 2 * term);
  }
};

}  // namespace
}  // namespace waterline
