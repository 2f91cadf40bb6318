// Convolutions along sequences. Bound by memory: a row of x is read once from it and `kernel` times
// from the caches, by warps of the same block or the next. SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/convolution.h"

#include <gpu.h>

#include "kernels/cuda/elements.h"
#include "kernels/cuda/prepare.h"
#include "kernels/cuda/sequences.h"

namespace waterline::cuda {
namespace {

// A column of `out` a lane: neighbours in it are neighbours, or the same column, in x.
__global__ void UnfoldRows(MatView x, const int32_t* begins, int sequences, int kernel,
                           int64_t first, MatView out) {
  const int64_t row = int64_t{blockIdx.x} * kRowsOfBlock + threadIdx.y;
  if (row >= out.rows) return;
  const int64_t t = first + row;
  const int sequence = SequenceOf(begins, sequences, static_cast<int32_t>(t));
  const int64_t begin = begins[sequence], end = begins[sequence + 1];
  const int first_column = static_cast<int>(blockIdx.y) * kColumnsOfBlock;
  const int end_column = min(static_cast<int>(out.cols), first_column + kColumnsOfBlock);
  for (int c = first_column + static_cast<int>(threadIdx.x); c < end_column; c += 32) {
    const int64_t source = t + c % kernel - (kernel - 1) / 2;
    const bool inside = begin <= source && source < end;
    out.row(row)[c] = inside ? x.row(source)[c / kernel] : 0.0f;
  }
}

__global__ void GatedConvRows(MatView x, const int32_t* begins, int sequences, int64_t kernel,
                              const float* taps, const float* bias, MatView out) {
  const int64_t width = out.cols;
  ForFours(out.rows, width, [&](int64_t t, int64_t column, int64_t count) {
    const int sequence = SequenceOf(begins, sequences, static_cast<int32_t>(t));
    const int64_t before = t - kernel + 1;  // The row of the first tap.
    const int64_t first = max(before, int64_t{begins[sequence]});
    Four sum = bias == nullptr ? Four{} : Load4(bias + column, count);
    for (int64_t source = first; source <= t; ++source) {
      const float* row = x.row(source) + column;
      const Four a = Load4(row, count), b = Load4(row + 2 * width, count);
      const Four tap = Load4(taps + (source - before) * width + column, count);
#pragma unroll
      for (int e = 0; e < 4; ++e) sum.v[e] += tap.v[e] * (a.v[e] * b.v[e]);
    }
    const Four gate = Load4(x.row(t) + width + column, count);
#pragma unroll
    for (int e = 0; e < 4; ++e) sum.v[e] *= gate.v[e];
    Store4(sum, out.row(t) + column, count);
  });
}

}  // namespace

cudaError_t PrepareConvolution() { return PrepareKernels(0, &UnfoldRows, &GatedConvRows); }

cudaError_t Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first, MatView out,
                   cudaStream_t stream) {
  if (out.empty()) return cudaSuccess;
  return Launch(&UnfoldRows, "Unfold", ElementGrid(out.rows, out.cols), ElementBlock(), 0, stream,
                x, begins.data(), static_cast<int>(begins.size()) - 1, static_cast<int>(kernel),
                first, out);
}

cudaError_t GatedConv(const GatedConvArgs& args, MatView out, cudaStream_t stream) {
  if (out.empty()) return cudaSuccess;
  return Launch(&GatedConvRows, "GatedConv", ElementGrid(out.rows, out.cols), ElementBlock(), 0,
                stream, args.x, args.begins.data(), static_cast<int>(args.begins.size()) - 1,
                args.kernel, args.taps, args.bias, out);
}

}  // namespace waterline::cuda
