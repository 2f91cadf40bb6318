// Four floats by the compiler's vector extension, which every target GCC and Clang know lowers to
// something: SSE2 on x86-64, NEON on Arm.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace waterline {
namespace {

struct Vec {
  using Floats = float __attribute__((vector_size(16)));
  using Ints = int32_t __attribute__((vector_size(16)));
  static constexpr int kLanes = 4;
  static constexpr int kTileRows = 6;
  static constexpr int kTileVecs = 2;
  Floats v;

  static Vec Set(float x) { return {Floats{x, x, x, x}}; }
  static Vec Load(const float* p) {
    Vec r;
    std::memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  static Vec LoadPart(const float* p, int64_t n, float fill = 0) {
    Vec r = Set(fill);
    std::memcpy(&r.v, p, static_cast<size_t>(n) * sizeof(float));
    return r;
  }
  void Store(float* p) const { std::memcpy(p, &v, sizeof v); }
  void StorePart(float* p, int64_t n) const {
    std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(float));
  }
};

Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
Vec Fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
void AddProduct(Vec& sum, Vec a, Vec b) { sum = Fma(a, b, sum); }
// A NaN in b comes out of both, as the x86 instructions have it.
Vec Max(Vec a, Vec b) { return {a.v > b.v ? a.v : b.v}; }
Vec Min(Vec a, Vec b) { return {a.v < b.v ? a.v : b.v}; }
// a >= b ? yes : no
Vec WhereAtLeast(Vec a, Vec b, Vec yes, Vec no) { return {a.v >= b.v ? yes.v : no.v}; }
// The first n lanes, zeros after.
Vec Keep(Vec a, int64_t n) {
  for (int64_t i = n; i < Vec::kLanes; ++i) a.v[i] = 0;
  return a;
}
float Sum(Vec a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
float Largest(Vec a) {
  float r = a.v[0];
  for (int i = 1; i < Vec::kLanes; ++i) r = a.v[i] > r ? a.v[i] : r;
  return r;
}
// To the nearest integer, for |a| < 2^22.
Vec Round(Vec a) {
  const Vec big = Vec::Set(12582912.0f);  // 1.5 * 2^23
  return (a + big) - big;
}
// 2^n for an integer -126 <= n <= 127.
Vec Pow2(Vec n) {
  const Vec::Ints exponent = (__builtin_convertvector(n.v, Vec::Ints) + 127) << 23;
  return {reinterpret_cast<Vec::Floats>(exponent)};
}
Vec LoadBf16(const std::byte* p) {
  Vec r;
  uint16_t bits[4];
  std::memcpy(bits, p, sizeof bits);
  const Vec::Ints wide = Vec::Ints{bits[0], bits[1], bits[2], bits[3]} << 16;
  std::memcpy(&r.v, &wide, sizeof r.v);
  return r;
}
// Exact: the exponent is rebased by a multiplication, which also normalises subnormals.
float FloatOfHalf(uint32_t h) {
  const uint32_t sign = (h & 0x8000u) << 16;
  uint32_t bits = (h & 0x7fffu) << 13;
  float x;
  if ((h & 0x7c00u) == 0x7c00u) {
    bits |= 0x7f800000u;
    std::memcpy(&x, &bits, sizeof x);
  } else if ((h & 0x7c00u) == 0) {
    x = static_cast<float>(h & 0x3ffu) * 0x1p-24f;
  } else {
    bits += 112u << 23;
    std::memcpy(&x, &bits, sizeof x);
  }
  std::memcpy(&bits, &x, sizeof bits);
  bits |= sign;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
Vec LoadF16(const std::byte* p) {
  uint16_t bits[4];
  std::memcpy(bits, p, sizeof bits);
  return {Vec::Floats{FloatOfHalf(bits[0]), FloatOfHalf(bits[1]), FloatOfHalf(bits[2]),
                      FloatOfHalf(bits[3])}};
}
void Transpose(Vec (&r)[Vec::kLanes]) {
  for (int i = 0; i < Vec::kLanes; ++i) {
    for (int j = i + 1; j < Vec::kLanes; ++j) {
      const float x = r[i].v[j];
      r[i].v[j] = r[j].v[i];
      r[j].v[i] = x;
    }
  }
}
void Prefetch(const std::byte* p) { __builtin_prefetch(p, 0, 2); }

// --- Integers in the bits of the floats.

Vec::Ints IntsOf(Vec a) { return reinterpret_cast<Vec::Ints>(a.v); }
Vec FloatsOfInts(Vec a) { return {__builtin_convertvector(IntsOf(a), Vec::Floats)}; }
Vec SubtractInts(Vec a, Vec b) { return {reinterpret_cast<Vec::Floats>(IntsOf(a) - IntsOf(b))}; }
// Four products a lane of uint8 of a and int8 of b: sum += a0 b0 + a1 b1 + a2 b2 + a3 b3.
void AddQuadProducts(Vec& sum, Vec a, Vec b) {
  const Vec::Ints x = IntsOf(a), y = IntsOf(b);
  Vec::Ints total = IntsOf(sum);
  for (int i = 0; i < 4; ++i) total += (x >> (8 * i) & 255) * (y << (24 - 8 * i) >> 24);
  sum.v = reinterpret_cast<Vec::Floats>(total);
}
// Integers of 0 ... 255.
void StoreUint8(Vec x, std::byte* to) {
  const Vec::Ints ints = __builtin_convertvector(x.v, Vec::Ints);
  for (int i = 0; i < Vec::kLanes; ++i) to[i] = static_cast<std::byte>(ints[i]);
}

}  // namespace
}  // namespace waterline
