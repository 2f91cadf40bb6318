// Sixteen floats in an AVX-512 register. After the instructions it is written with (avx512.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace waterline {
namespace {

__mmask16 FirstLanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

struct Vec {
  static constexpr int kLanes = 16;
  static constexpr int kTileRows = 8;  // 24 sums, 3 columns, 1 broadcast: 28 of 32 registers.
  static constexpr int kTileVecs = 3;
  __m512 v;

  static Vec Set(float x) { return {_mm512_set1_ps(x)}; }
  static Vec Load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec LoadPart(const float* p, int64_t n, float fill = 0) {
    return {_mm512_mask_loadu_ps(_mm512_set1_ps(fill), FirstLanes(n), p)};
  }
  void Store(float* p) const { _mm512_storeu_ps(p, v); }
  void StorePart(float* p, int64_t n) const { _mm512_mask_storeu_ps(p, FirstLanes(n), v); }
};

Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
Vec Fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
void AddProduct(Vec& sum, Vec a, Vec b) { MultiplyAddF32(sum.v, a.v, b.v); }
// A NaN in b comes out of both.
Vec Max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
Vec Min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
// a >= b ? yes : no
Vec WhereAtLeast(Vec a, Vec b, Vec yes, Vec no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ), no.v, yes.v)};
}
// The first n lanes, zeros after.
Vec Keep(Vec a, int64_t n) { return {_mm512_maskz_mov_ps(FirstLanes(n), a.v)}; }
float Sum(Vec a) { return _mm512_reduce_add_ps(a.v); }
float Largest(Vec a) { return _mm512_reduce_max_ps(a.v); }
// To the nearest integer.
Vec Round(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// 2^n for an integer -126 <= n <= 127.
Vec Pow2(Vec n) {
  const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23))};
}
Vec LoadBf16(const std::byte* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
Vec LoadF16(const std::byte* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
void Transpose(Vec (&r)[16]) {
  __m512 a[16];
  __m512 b[16];
  for (int i = 0; i < 8; ++i) {
    a[2 * i] = _mm512_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    a[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
  for (int i = 0; i < 4; ++i) {  // b[4 i + c]: column c of each quarter, of rows 4 i ... 4 i + 3.
    b[4 * i] = _mm512_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
    b[4 * i + 1] = _mm512_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
    b[4 * i + 2] = _mm512_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
    b[4 * i + 3] = _mm512_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
  }
  for (int c = 0; c < 4; ++c) {
    const __m512 even_low = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x88);  // Quarters 0 and 2.
    const __m512 odd_low = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xdd);   // Quarters 1 and 3.
    const __m512 even_high = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x88);
    const __m512 odd_high = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xdd);
    r[c].v = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
    r[8 + c].v = _mm512_shuffle_f32x4(even_low, even_high, 0xdd);
    r[4 + c].v = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
    r[12 + c].v = _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd);
  }
}
void Prefetch(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

// --- Shorter terms in the bits of the floats; see vec_avx2.h. No level uses them all.

Vec FloatsOfInts(Vec a) { return {_mm512_cvtepi32_ps(_mm512_castps_si512(a.v))}; }
Vec SubtractInts(Vec a, Vec b) {
  return {
      _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_castps_si512(a.v), _mm512_castps_si512(b.v)))};
}
[[maybe_unused]] Vec AddInts(Vec a, Vec b) {
  return {
      _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.v), _mm512_castps_si512(b.v)))};
}

[[maybe_unused]] void AddPairProducts(Vec& sum, Vec a, Vec b) { MultiplyAddInt16(sum.v, a.v, b.v); }
[[maybe_unused]] Vec WidenInt8(const std::byte* p) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_cvtepi8_epi16(bytes))};
}
[[maybe_unused]] void StoreInt16(Vec x, std::byte* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(x.v)));
}

[[maybe_unused]] void AddQuadProducts(Vec& sum, Vec a, Vec b) {
  MultiplyAddUint8Int8(sum.v, a.v, b.v);
}
[[maybe_unused]] void StoreUint8(Vec x, std::byte* to) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x.v)));
}

[[maybe_unused]] void AddBf16Products(Vec& sum, Vec a, Vec b) { MultiplyAddBf16(sum.v, a.v, b.v); }
[[maybe_unused]] void StoreBf16(Vec x, std::byte* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), NarrowToBf16(x.v));
}

}  // namespace
}  // namespace waterline
