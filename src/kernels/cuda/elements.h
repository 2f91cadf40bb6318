// Elementwise work on matrices: a warp a row, four columns a lane, so that a warp moves 512 bytes
// at a time. Rows may begin at any multiple of 4 bytes; those that begin at 16 are read and written
// in vectors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace waterline::cuda {

inline constexpr int kRowsOfBlock = 8;
inline constexpr int kFoursOfLane = 4;
inline constexpr int kColumnsOfBlock = 32 * 4 * kFoursOfLane;

struct Four {
  float v[4];
};

__device__ inline bool IsVector(const float* p, int64_t count) {
  return count >= 4 && (reinterpret_cast<uintptr_t>(p) & 15) == 0;
}

// The first min(count, 4) floats at `from`, then zeros.
__device__ inline Four Load4(const float* from, int64_t count) {
  if (IsVector(from, count)) {
    const float4 four = *reinterpret_cast<const float4*>(from);
    return {four.x, four.y, four.z, four.w};
  }
  Four four;
#pragma unroll
  for (int e = 0; e < 4; ++e) four.v[e] = e < count ? from[e] : 0.0f;
  return four;
}

// The same for two; vectors begin at 8 bytes.
__device__ inline float2 Load2(const float* from, int64_t count) {
  if (count >= 2 && (reinterpret_cast<uintptr_t>(from) & 7) == 0) {
    return *reinterpret_cast<const float2*>(from);
  }
  return {count > 0 ? from[0] : 0.0f, count > 1 ? from[1] : 0.0f};
}

__device__ inline void Store4(const Four& four, float* to, int64_t count) {
  if (IsVector(to, count)) {
    *reinterpret_cast<float4*>(to) = float4{four.v[0], four.v[1], four.v[2], four.v[3]};
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    if (e < count) to[e] = four.v[e];
  }
}

inline dim3 ElementGrid(int64_t rows, int64_t cols) {
  return dim3(static_cast<unsigned>((rows + kRowsOfBlock - 1) / kRowsOfBlock),
              static_cast<unsigned>((cols + kColumnsOfBlock - 1) / kColumnsOfBlock));
}
inline dim3 ElementBlock() { return dim3(32, kRowsOfBlock); }

// In a launch of ElementGrid and ElementBlock: f(row, column, count) for each four columns of a
// [rows, cols] matrix, count = cols - column.
template <class F>
__device__ void ForFours(int64_t rows, int64_t cols, const F& f) {
  const int64_t row = int64_t{blockIdx.x} * kRowsOfBlock + threadIdx.y;
  if (row >= rows) return;
  const int64_t first = int64_t{blockIdx.y} * kColumnsOfBlock + 4 * threadIdx.x;
#pragma unroll
  for (int i = 0; i < kFoursOfLane; ++i) {
    const int64_t column = first + i * 128;
    if (column < cols) f(row, column, cols - column);
  }
}

}  // namespace waterline::cuda
