// Sums over the lanes of a warp. Every lane gets the result, and the order of the sum is that of
// the lanes alone. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

namespace waterline::cuda {

__device__ inline float WarpSum(float v) {
  for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(~0u, v, step);
  return v;
}

}  // namespace waterline::cuda
