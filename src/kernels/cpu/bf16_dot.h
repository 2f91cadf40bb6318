// Two bf16 of a times two of b a lane, for vector types with AddBf16Products and StoreBf16. After
// isa_body.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {
namespace {

struct Bf16Dot {
  static constexpr int64_t kGroup = 2, kStored = 4;
  static constexpr bool kIntegers = false;
  static constexpr int32_t kBias = 0;
  static void Add(Vec& sum, Vec a, Vec b) { AddBf16Products(sum, a, b); }
};

// Zeros up to a whole line: a tile reads it all.
void RoundToBf16(const float* x, int64_t terms, float* to, float*) {
  constexpr int64_t kLine = 32;
  auto* const bf16 = reinterpret_cast<std::byte*>(to);
  int64_t i = 0;
  ForVectors(terms, [&](int64_t at, int64_t n) {
    StoreBf16(LoadN(x + at, n), bf16 + 2 * at);
    i = at + kLanes;
  });
  for (; i % kLine != 0; i += kLanes) StoreBf16(Vec::Set(0), bf16 + 2 * i);
}

constexpr Product Bf16Product() {
  Product product = ProductOf<Bf16Dot>();
  product.convert = RoundToBf16;
  return product;
}

}  // namespace
}  // namespace waterline
