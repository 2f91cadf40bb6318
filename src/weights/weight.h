// Weights as kernels read them. Plain views: the memory belongs to the model's weight block.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weights/dtype.h"
#include "weights/tensor_file.h"

namespace waterline {

// What the numbers of a packed W are.
enum class WeightType : uint8_t {
  kF32,
  kBf16,  // Rounded to nearest even.
  // Integers of 8 bits times a scale for each output: w ≈ scale * q, |q| <= 127.
  kInt8,
  // GPUs alone.
  kF16,   // Rounded to nearest even; magnitudes from 65520 are infinite.
  kTf32,  // f32 with 10 bits of fraction, rounded to nearest, ties away from zero.
};

// A linear map y = x Wᵀ + b, W [out, in], packed by Kernels::Pack into the layout of its
// instruction set.
struct Weight {
  int64_t out = 0;
  int64_t in = 0;
  WeightType type = WeightType::kF32;
  const std::byte* packed = nullptr;  // Kernels::PackedBytes(type, out, in), 64-byte aligned.
  const float* bias = nullptr;        // [out], or nullptr.
};

// A layer normalisation over `width` columns: (x - mean) / sqrt(variance + eps) * gamma + beta; or,
// not centred, an RMSNorm (arXiv:1910.07467): x / sqrt(mean of x² + eps) * gamma.
struct Norm {
  int64_t width = 0;
  const float* gamma = nullptr;  // [width]
  const float* beta = nullptr;   // [width], or nullptr for none.
  float eps = 0;
  bool centred = true;
};

// Rows that are read one at a time.
struct Table {
  int64_t rows = 0;
  int64_t cols = 0;
  Dtype type = Dtype::kF32;
  const std::byte* data = nullptr;  // Contiguous; need not be aligned.
};

// Rows that stay in the checkpoint's file, in its type, and are read when a token needs them: word
// embeddings, half of a small model. The system keeps what is read often in its page cache.
struct FileTable {
  int64_t rows = 0;
  int64_t cols = 0;
  const TensorFile* file = nullptr;
  const StoredTensor* tensor = nullptr;  // [rows, cols]; nullptr when the file lacks it.
  std::string_view name = {};            // Of the tensor; lives as long as the file.
  // All rows, in the memory of kernels that cannot wait for the file; nullptr for those of a CPU.
  const std::byte* resident = nullptr;

  size_t row_bytes() const {
    return tensor == nullptr ? 0 : static_cast<size_t>(cols) * DtypeBytes(tensor->type);
  }
};

}  // namespace waterline
