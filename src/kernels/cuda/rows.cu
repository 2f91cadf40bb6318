// Operations on rows. All are bound by memory: a thread an element, or a warp a row.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/rows.h"

#include <gpu.h>

namespace waterline::cuda {
namespace {

constexpr unsigned kThreads = 256;

__global__ void ScaleElements(MatView x, const float* by, MatView out) {
  const int64_t column = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const int64_t row = blockIdx.y;
  if (column >= x.cols) return;
  out.data[row * out.stride + column] = x.data[row * x.stride + column] * by[column];
}

}  // namespace

cudaError_t Scale(MatView x, const float* by, MatView out, cudaStream_t stream) {
  if (x.empty()) return cudaSuccess;
  const dim3 grid(static_cast<unsigned>((x.cols + kThreads - 1) / kThreads),
                  static_cast<unsigned>(x.rows));
  return Launch(&ScaleElements, "Scale", grid, dim3(kThreads), 0, stream, x, by, out);
}

}  // namespace waterline::cuda
