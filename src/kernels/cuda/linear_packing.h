// Weights of linear maps as the products of linear.h read them, packed on the host.
//
// A packed W [out, in] is its rows one after another, each of LinearRowBytes: `in` operands, then
// zeros. Operands are f32 (kF32; kTf32, rounded), bf16, f16 or int8. For int8 the scales follow,
// [out] of f32. Inputs that are rounded before the product have rows of the same form.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
#include "weights/weight.h"

namespace waterline::cuda {

// What a product takes of a row at once; LinearRowBytes is a multiple of it.
inline constexpr int64_t kLinearSliceBytes = 64;

int64_t LinearRowBytes(WeightType type, int64_t in);
size_t PackedLinearBytes(WeightType type, int64_t out, int64_t in);
// As Kernels::Pack and Kernels::PackInt8, in host memory.
void PackLinear(const float* from, int64_t row, int64_t rows, const Weight& w, std::byte* packed);
void PackLinearInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows,
                    const Weight& w, std::byte* packed);
// As Kernels::InputRounding.
Rounding LinearInputRounding(WeightType type);
// As Kernels::LinearScratchBytes: the rounded inputs, for int8 with a scale for each row. 0 for f32
// and tf32, whose inputs are read as they are.
size_t LinearScratchBytes(int64_t rows, const Weight& w);

}  // namespace waterline::cuda
