// Number types of stored tensors, and their exact widening to f32.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace waterline {

enum class Dtype : uint8_t { kF32, kF16, kBF16, kF64, kI64, kI32, kI16, kI8, kU8, kBool };

// Bytes of one element.
size_t DtypeBytes(Dtype type);
// "f32", "f16", "bf16", ...
const char* DtypeName(Dtype type);
// True for the types whose values ToF32 widens: f32, f16, bf16.
bool IsFloat(Dtype type);

// Writes `count` elements of `type` at `from` as f32 to `to`. f16 and bf16 widen exactly
// (subnormals and infinities included; NaN keep sign and payload, signalling f16 NaN become quiet).
// Requires IsFloat(type) and ranges that do not overlap. `from` needs no alignment. Bound by
// memory.
void ToF32(Dtype type, const std::byte* from, float* to, size_t count);

}  // namespace waterline
