// Weights as kernels read them. Plain views: the memory belongs to the engine's weight block or to
// the mapped checkpoint.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "weights/dtype.h"

namespace waterline {

// A linear map y = x Wᵀ + b, W [out, in], packed by Kernels::Pack into the layout of its
// instruction set.
struct Weight {
  int64_t out = 0;
  int64_t in = 0;
  const std::byte* packed = nullptr;  // Kernels::PackedBytes(out, in) bytes, 64-byte aligned.
  const float* bias = nullptr;        // [out], or nullptr.
};

// A layer normalisation over `width` columns: (x - mean) / sqrt(variance + eps) * gamma + beta.
struct Norm {
  int64_t width = 0;
  const float* gamma = nullptr;  // [width]
  const float* beta = nullptr;   // [width], or nullptr for none.
  float eps = 0;
};

// Rows that are read one at a time and stay in the mapped file, in its type: word embeddings.
struct Table {
  int64_t rows = 0;
  int64_t cols = 0;
  Dtype type = Dtype::kF32;
  const std::byte* data = nullptr;  // Contiguous; need not be aligned.
};

}  // namespace waterline
