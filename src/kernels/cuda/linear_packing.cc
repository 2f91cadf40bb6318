// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/linear_packing.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/check.h"
#include "kernels/rounding.h"

namespace waterline::cuda {
namespace {

int64_t OperandBytes(WeightType type) {
  switch (type) {
    case WeightType::kF32:
    case WeightType::kTf32:
      return 4;
    case WeightType::kBf16:
    case WeightType::kF16:
      return 2;
    case WeightType::kInt8:
      return 1;
  }
  WATERLINE_CHECK(false);
  return 0;
}

// The scales of a packed int8 weight.
float* ScalesOf(const Weight& w, std::byte* packed) {
  return reinterpret_cast<float*>(packed + w.out * LinearRowBytes(w.type, w.in));
}

// Rounds one row of w; returns its scale, which only int8 has.
float RoundRow(WeightType type, std::span<const float> from, std::byte* to) {
  switch (type) {
    case WeightType::kF32:
      std::memcpy(to, from.data(), from.size_bytes());
      return 1;
    case WeightType::kTf32:
      RoundToTf32(from, {reinterpret_cast<float*>(to), from.size()});
      return 1;
    case WeightType::kBf16:
      RoundToBf16(from, {reinterpret_cast<uint16_t*>(to), from.size()});
      return 1;
    case WeightType::kF16:
      RoundToF16(from, {reinterpret_cast<uint16_t*>(to), from.size()});
      return 1;
    case WeightType::kInt8:
      break;
  }
  const Int8Steps steps = Int8StepsOf(from);
  RoundToInt8(from, steps.inverse, {reinterpret_cast<int8_t*>(to), from.size()});
  return steps.scale;
}

}  // namespace

int64_t LinearRowBytes(WeightType type, int64_t in) {
  return (in * OperandBytes(type) + kLinearSliceBytes - 1) / kLinearSliceBytes * kLinearSliceBytes;
}

size_t PackedLinearBytes(WeightType type, int64_t out, int64_t in) {
  const int64_t scale = type == WeightType::kInt8 ? int64_t{sizeof(float)} : 0;
  return static_cast<size_t>(out * (LinearRowBytes(type, in) + scale));
}

void PackLinear(const float* from, int64_t row, int64_t rows, const Weight& w, std::byte* packed) {
  const int64_t row_bytes = LinearRowBytes(w.type, w.in);
  const int64_t used = w.in * OperandBytes(w.type);
  for (int64_t r = row; r < row + rows; ++r, from += w.in) {
    std::byte* const to = packed + r * row_bytes;
    const float scale = RoundRow(w.type, {from, static_cast<size_t>(w.in)}, to);
    std::fill(to + used, to + row_bytes, std::byte{0});
    if (w.type == WeightType::kInt8) ScalesOf(w, packed)[r] = scale;
  }
}

void PackLinearInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows,
                    const Weight& w, std::byte* packed) {
  const int64_t row_bytes = LinearRowBytes(w.type, w.in);
  for (int64_t r = row; r < row + rows; ++r, from += w.in) {
    std::byte* const to = packed + r * row_bytes;
    std::memcpy(to, from, static_cast<size_t>(w.in));
    std::fill(to + w.in, to + row_bytes, std::byte{0});
    ScalesOf(w, packed)[r] = scales[r - row];
  }
}

Rounding LinearInputRounding(WeightType type) {
  return {.bf16 = type == WeightType::kBf16,
          .f16 = type == WeightType::kF16,
          .tf32 = type == WeightType::kTf32,
          .levels = type == WeightType::kInt8 ? 127 : 0};
}

size_t LinearScratchBytes(int64_t rows, const Weight& w) {
  if (w.type == WeightType::kF32 || w.type == WeightType::kTf32) return 0;
  return (PackedLinearBytes(w.type, rows, w.in) + 63) / 64 * 64;
}

}  // namespace waterline::cuda
