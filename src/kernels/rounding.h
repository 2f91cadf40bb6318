// f32 weights as the shorter types hold them. The one definition of both: what is packed for a
// machine and what is written to a file are the same numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace waterline {

// The largest magnitude of `row`; infinity, or more in its bits, when a number is not finite.
float LargestMagnitude(std::span<const float> row);

// True when all of `numbers` are finite.
bool AllFinite(std::span<const float> numbers);

// Finite numbers rounded to bf16, to nearest even. `to` has the size of `from`.
void RoundToBf16(std::span<const float> from, std::span<uint16_t> to);

// Numbers rounded to f16, to nearest even: magnitudes from 65520 become infinite, those below 2^-14
// multiples of 2^-24. NaN stays NaN. `to` has the size of `from`.
void RoundToF16(std::span<const float> from, std::span<uint16_t> to);

// Finite numbers rounded to tf32 (10 bits of fraction), to nearest, ties away from zero, as the
// instruction cvt.rna does. `to` has the size of `from`.
void RoundToTf32(std::span<const float> from, std::span<float> to);

// How a row becomes int8: w ≈ scale * q, q = w * inverse rounded to nearest even, |q| <= 127.
struct Int8Steps {
  float scale = 0;    // largest / 127
  float inverse = 0;  // 127 / largest; 0 for a row of zeros.
};
Int8Steps Int8StepsOf(std::span<const float> row);
// `to` has the size of `from`. Returns the sum of what it writes.
int32_t RoundToInt8(std::span<const float> from, float inverse, std::span<int8_t> to);

}  // namespace waterline
