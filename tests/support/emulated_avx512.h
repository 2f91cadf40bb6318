// What vec_avx512.h is written with (kernels/cpu/avx512.h), on any machine: SIMDe's functions for
// the intrinsics it has, plain loops for the others and for the inline assembly.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace waterline {
namespace {

// --- Intrinsics that SIMDe 0.7.4 lacks. Inside of this namespace they hide the compiler's own.

using __mmask16 = simde__mmask16;
constexpr int _MM_FROUND_NO_EXC = SIMDE_MM_FROUND_NO_EXC;

template <typename To, typename From>
To BitsOf(const From& from) {
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

struct Floats {
  float at[16];
};
struct Ints {
  int32_t at[16];
};
struct Halves {
  uint16_t at[16];
};
struct Pairs {
  uint16_t at[32];
};
struct Words {
  int16_t at[32];
};
struct Bytes {
  int8_t at[64];
};
struct UnsignedBytes {
  uint8_t at[64];
};

__attribute__((noinline)) __m512 _mm512_mask_loadu_ps(__m512 from, __mmask16 mask, const float* p) {
  auto lanes = BitsOf<Floats>(from);
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) lanes.at[i] = p[i];
  }
  return BitsOf<__m512>(lanes);
}
__attribute__((noinline)) void _mm512_mask_storeu_ps(float* p, __mmask16 mask, __m512 from) {
  const auto lanes = BitsOf<Floats>(from);
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) p[i] = lanes.at[i];
  }
}
template <int kControl>
__m512 ShuffleQuarters(__m512 a, __m512 b) {
  return _mm512_castsi512_ps(
      _mm512_shuffle_i32x4(_mm512_castps_si512(a), _mm512_castps_si512(b), kControl));
}
#define _mm512_shuffle_f32x4(a, b, control) ShuffleQuarters<control>(a, b)
float _mm512_reduce_add_ps(__m512 from) {
  auto lanes = BitsOf<Floats>(from);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes.at[i] += lanes.at[i + width];
  }
  return lanes.at[0];
}
float _mm512_reduce_max_ps(__m512 from) {
  auto lanes = BitsOf<Floats>(from);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) {
      const float a = lanes.at[i], b = lanes.at[i + width];
      lanes.at[i] = a > b ? a : b;
    }
  }
  return lanes.at[0];
}
__m512 _mm512_cvtepi32_ps(__m512i from) {
  const auto ints = BitsOf<Ints>(from);
  Floats to;
  for (int i = 0; i < 16; ++i) to.at[i] = static_cast<float>(ints.at[i]);
  return BitsOf<__m512>(to);
}
__m512i _mm512_cvtps_epi32(__m512 from) {
  const auto floats = BitsOf<Floats>(from);
  Ints to;
  for (int i = 0; i < 16; ++i) {
    const float x = floats.at[i];
    to.at[i] = x >= -0x1p31f && x < 0x1p31f ? static_cast<int32_t>(std::nearbyint(x)) : INT32_MIN;
  }
  return BitsOf<__m512i>(to);
}
__m512i _mm512_cvtepu16_epi32(__m256i from) {
  const auto halves = BitsOf<Halves>(from);
  Ints to;
  for (int i = 0; i < 16; ++i) to.at[i] = halves.at[i];
  return BitsOf<__m512i>(to);
}
__m512 _mm512_cvtph_ps(__m256i from) {
  const auto halves = BitsOf<Halves>(from);
  Floats to;
  for (int i = 0; i < 16; i += 8) {
    __m128i eight;
    std::memcpy(&eight, halves.at + i, sizeof eight);
    const __m256 floats = simde_mm256_cvtph_ps(eight);
    std::memcpy(to.at + i, &floats, sizeof floats);
  }
  return BitsOf<__m512>(to);
}
__m128i _mm512_cvtepi32_epi8(__m512i from) {
  const auto ints = BitsOf<Ints>(from);
  struct {
    uint8_t at[16];
  } to;
  for (int i = 0; i < 16; ++i) to.at[i] = static_cast<uint8_t>(ints.at[i]);
  return BitsOf<__m128i>(to);
}

// --- What avx512.h does by inline assembly. Not inlined, else the many unrolled loops take long to
// compile.

__attribute__((noinline)) void MultiplyAddF32(__m512& sum, __m512 a, __m512 b) {
  sum = _mm512_fmadd_ps(a, b, sum);
}

__attribute__((noinline)) void MultiplyAddInt16(__m512& sum, __m512 a, __m512 b) {
  auto sums = BitsOf<Ints>(sum);
  const auto x = BitsOf<Words>(a), y = BitsOf<Words>(b);
  for (int i = 0; i < 32; ++i) sums.at[i / 2] += x.at[i] * y.at[i];
  sum = BitsOf<__m512>(sums);
}

__attribute__((noinline)) void MultiplyAddUint8Int8(__m512& sum, __m512 a, __m512 b) {
  auto sums = BitsOf<Ints>(sum);
  const auto x = BitsOf<UnsignedBytes>(a);
  const auto y = BitsOf<Bytes>(b);
  for (int i = 0; i < 64; ++i) sums.at[i / 4] += x.at[i] * y.at[i];
  sum = BitsOf<__m512>(sums);
}

float FloatOfBf16(uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }

// The second product of a lane first, each sum rounded.
__attribute__((noinline)) void MultiplyAddBf16(__m512& sum, __m512 a, __m512 b) {
  auto sums = BitsOf<Floats>(sum);
  const auto x = BitsOf<Pairs>(a), y = BitsOf<Pairs>(b);
  for (int i = 0; i < 16; ++i) {
    sums.at[i] += FloatOfBf16(x.at[2 * i + 1]) * FloatOfBf16(y.at[2 * i + 1]);
    sums.at[i] += FloatOfBf16(x.at[2 * i]) * FloatOfBf16(y.at[2 * i]);
  }
  sum = BitsOf<__m512>(sums);
}

__m256i NarrowToBf16(__m512 from) {
  const auto floats = BitsOf<Ints>(from);
  Halves to;
  for (int i = 0; i < 16; ++i) {
    const auto bits = static_cast<uint32_t>(floats.at[i]);
    const bool is_nan = (bits & 0x7fffffff) > 0x7f800000;
    const bool is_denormal = (bits & 0x7f800000) == 0;  // The instruction makes them zero.
    const uint32_t rounded = is_nan        ? bits | 0x400000
                             : is_denormal ? bits & 0x80000000
                                           : bits + 0x7fff + (bits >> 16 & 1);
    to.at[i] = static_cast<uint16_t>(rounded >> 16);
  }
  return BitsOf<__m256i>(to);
}

}  // namespace
}  // namespace waterline
