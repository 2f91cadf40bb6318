// Eight floats in an AVX2 register.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace waterline {
namespace {

// -1 for the lanes to take: the mask of the first n lanes begins at 8 - n.
alignas(64) constexpr int32_t kFirstLanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

__m256i FirstLanes(int64_t n) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirstLanes + 8 - n));
}

struct Vec {
  static constexpr int kLanes = 8;
  static constexpr int kTileRows = 6;  // 12 sums, 2 columns, 1 broadcast: 15 of 16 registers.
  static constexpr int kTileVecs = 2;
  __m256 v;

  static Vec Set(float x) { return {_mm256_set1_ps(x)}; }
  static Vec Load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec LoadPart(const float* p, int64_t n, float fill = 0) {
    const __m256i mask = FirstLanes(n);
    return {_mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, mask),
                             _mm256_castsi256_ps(mask))};
  }
  void Store(float* p) const { _mm256_storeu_ps(p, v); }
  void StorePart(float* p, int64_t n) const { _mm256_maskstore_ps(p, FirstLanes(n), v); }
};

Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
Vec Fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
// sum += a b. Left to itself, GCC 12 mixes the three forms of the instruction and copies and spills
// sums between them.
void AddProduct(Vec& sum, Vec a, Vec b) {
  asm("vfmadd231ps %2, %1, %0" : "+x"(sum.v) : "x"(a.v), "x"(b.v));
}
// A NaN in b comes out of both.
Vec Max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
Vec Min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
// a >= b ? yes : no
Vec WhereAtLeast(Vec a, Vec b, Vec yes, Vec no) {
  return {_mm256_blendv_ps(no.v, yes.v, _mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ))};
}
// The first n lanes, zeros after.
Vec Keep(Vec a, int64_t n) { return {_mm256_and_ps(a.v, _mm256_castsi256_ps(FirstLanes(n)))}; }
float Sum(Vec a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
float Largest(Vec a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
// To the nearest integer.
Vec Round(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
// 2^n for an integer -126 <= n <= 127.
Vec Pow2(Vec n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23))};
}
Vec LoadBf16(const std::byte* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16))};
}
Vec LoadF16(const std::byte* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
void Transpose(Vec (&r)[8]) {
  __m256 pair[8];
  for (int i = 0; i < 4; ++i) {
    pair[2 * i] = _mm256_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    pair[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
  __m256 four[8];
  for (int i = 0; i < 2; ++i) {
    four[4 * i] = _mm256_shuffle_ps(pair[4 * i], pair[4 * i + 2], 0x44);
    four[4 * i + 1] = _mm256_shuffle_ps(pair[4 * i], pair[4 * i + 2], 0xee);
    four[4 * i + 2] = _mm256_shuffle_ps(pair[4 * i + 1], pair[4 * i + 3], 0x44);
    four[4 * i + 3] = _mm256_shuffle_ps(pair[4 * i + 1], pair[4 * i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    r[i].v = _mm256_permute2f128_ps(four[i], four[i + 4], 0x20);
    r[i + 4].v = _mm256_permute2f128_ps(four[i], four[i + 4], 0x31);
  }
}
void Prefetch(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

// --- Integers in the bits of the floats. No level uses them all.

// Two int16 a lane: sum += a0 b0 + a1 b1. GCC 12 would spill sums of an integer vector type.
[[maybe_unused]] void AddPairProducts(Vec& sum, Vec a, Vec b) {
  __m256 product;
  asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(sum.v), "=x"(product) : "x"(a.v), "x"(b.v));
}
Vec FloatsOfInts(Vec a) { return {_mm256_cvtepi32_ps(_mm256_castps_si256(a.v))}; }
Vec SubtractInts(Vec a, Vec b) {
  return {
      _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(a.v), _mm256_castps_si256(b.v)))};
}
// Sixteen int8 as int16.
[[maybe_unused]] Vec WidenInt8(const std::byte* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_castsi256_ps(_mm256_cvtepi8_epi16(bytes))};
}
// Integers below 2^15 in size.
[[maybe_unused]] void StoreInt16(Vec x, std::byte* to) {
  const __m256i ints = _mm256_cvtps_epi32(x.v);
  const __m128i packed =
      _mm_packs_epi32(_mm256_castsi256_si128(ints), _mm256_extracti128_si256(ints, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), packed);
}
// Integers of 0 ... 255.
[[maybe_unused]] void StoreUint8(Vec x, std::byte* to) {
  const __m256i ints = _mm256_cvtps_epi32(x.v);
  const __m128i words =
      _mm_packs_epi32(_mm256_castsi256_si128(ints), _mm256_extracti128_si256(ints, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(words, words));
}

}  // namespace
}  // namespace waterline
