// What vec_avx512.h is written with: the intrinsics, and inline assembly for the instructions that
// multiply and add. Sums are floats to the compiler, whatever they hold: GCC 12 spills sums of an
// integer vector type at every step, and copies sums between the forms of an intrinsic's
// instruction.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

namespace waterline {
namespace {

// sum += a b
void MultiplyAddF32(__m512& sum, __m512 a, __m512 b) {
  asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}
// Two int16 a lane.
[[maybe_unused]] void MultiplyAddInt16(__m512& sum, __m512 a, __m512 b) {
  __m512 product;
  asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(sum), "=v"(product) : "v"(a), "v"(b));
}
// AVX512_VNNI: four uint8 of a and int8 of b a lane.
[[maybe_unused]] void MultiplyAddUint8Int8(__m512& sum, __m512 a, __m512 b) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}
// AVX512_BF16: two bf16 a lane.
[[maybe_unused]] void MultiplyAddBf16(__m512& sum, __m512 a, __m512 b) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}
// AVX512_BF16: to the nearest, ties to even; NaN stays NaN.
[[maybe_unused]] __m256i NarrowToBf16(__m512 x) {
  __m256i narrow;
  asm("vcvtneps2bf16 %1, %0" : "=v"(narrow) : "v"(x));
  return narrow;
}

}  // namespace
}  // namespace waterline
