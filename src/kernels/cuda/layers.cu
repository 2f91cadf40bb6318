// The weighted sum of the layers of a pass. A block sums a few consecutive rows, which are mostly
// of one sequence, and computes the weights of that sequence itself, so that there is one launch
// and no scratch: K D reads of means for kRows K D of layers. Bound by memory.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/layers.h"

#include <gpu.h>

#include "kernels/cuda/activation.h"
#include "kernels/cuda/elements.h"
#include "kernels/cuda/prepare.h"
#include "kernels/cuda/sequences.h"
#include "kernels/cuda/warp.h"

namespace waterline::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = 32 * kWarps;
constexpr int kRows = 8;              // Of a block.
constexpr size_t kMostFloats = 8192;  // Shared: z, share [layers] and middle.

struct Squeeze {
  MatView means;  // [layers sequences, D]
  int sequences;
  int layers;
  int middle;
  const float *squeeze, *bias, *w1, *b1, *w2, *b2;
};

// One number a warp.
__device__ float SqueezedMean(const Squeeze& of, int64_t row, int lane) {
  float sum = 0;
  for (int64_t c = 4 * lane; c < of.means.cols; c += 128) {
    const Four mean = Load4(of.means.row(row) + c, of.means.cols - c);
    const Four by = Load4(of.squeeze + c, of.means.cols - c);
#pragma unroll
    for (int e = 0; e < 4; ++e) sum += mean.v[e] * by.v[e];
  }
  return WarpSum(sum) + of.bias[0];
}

// share[k], the weight of layer k in a sequence, by all threads of the block. The barriers in it
// keep the shares of the last sequence until they have been read; the caller waits for the new
// ones.
__device__ void ComputeShares(const Squeeze& of, int sequence, float* z, float* middle,
                              float* share) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  for (int k = thread / 32; k < of.layers; k += kWarps) {
    const float mean = SqueezedMean(of, int64_t{k} * of.sequences + sequence, lane);
    if (lane == 0) z[k] = mean;
  }
  __syncthreads();
  for (int m = thread; m < of.middle; m += kThreads) {
    float sum = of.b1[m];
    for (int k = 0; k < of.layers; ++k) sum += of.w1[int64_t{m} * of.layers + k] * z[k];
    middle[m] = Relu(sum);
  }
  __syncthreads();
  for (int k = thread; k < of.layers; k += kThreads) {
    float sum = of.b2[k];
    for (int m = 0; m < of.middle; ++m) sum += of.w2[int64_t{k} * of.middle + m] * middle[m];
    share[k] = Sigmoid(sum);
  }
}

__global__ void MixRows(MatView all, const RowRange* rows, const int32_t* begins, Squeeze squeeze,
                        MatView out) {
  auto* const z = DynamicShared<float>();
  float* const share = z + squeeze.layers;
  float* const middle = share + squeeze.layers;
  const int64_t first = int64_t{blockIdx.x} * kRows;
  const int64_t end = min(out.rows, first + kRows);
  int current = -1;  // The sequence of `share`.
  for (int64_t row = first; row < end; ++row) {
    const int sequence = SequenceOf(begins, squeeze.sequences, rows[row].begin);
    if (sequence != current) {
      ComputeShares(squeeze, sequence, z, middle, share);
      __syncthreads();
      current = sequence;
    }
    for (int64_t c = 4 * int64_t{threadIdx.x}; c < out.cols; c += 4 * kThreads) {
      Four sum = {};
#pragma unroll 4
      for (int k = 0; k < squeeze.layers; ++k) {
        const Four layer = Load4(all.row(k * out.rows + row) + c, out.cols - c);
#pragma unroll
        for (int e = 0; e < 4; ++e) sum.v[e] += share[k] * layer.v[e];
      }
      Store4(sum, out.row(row) + c, out.cols - c);
    }
  }
}

}  // namespace

cudaError_t PrepareLayers() { return PrepareKernels(kMostFloats * sizeof(float), &MixRows); }

size_t MixScratchBytes(int64_t, int64_t) { return 0; }

cudaError_t MixLayers(const MixArgs& args, MatView out, cudaStream_t stream) {
  if (out.empty()) return cudaSuccess;
  const auto sequences = static_cast<int>(args.begins.size()) - 1;
  const auto layers = static_cast<int>(args.means.rows / sequences);
  const size_t floats = static_cast<size_t>(2 * layers + args.middle);
  if (floats > kMostFloats) return cudaErrorInvalidValue;
  const Squeeze squeeze{args.means,   sequences,
                        layers,       static_cast<int>(args.middle),
                        args.squeeze, args.squeeze_bias,
                        args.w1,      args.b1,
                        args.w2,      args.b2};
  return Launch(&MixRows, "MixLayers", dim3(static_cast<unsigned>((out.rows + kRows - 1) / kRows)),
                dim3(kThreads), floats * sizeof(float), stream, args.layers, args.rows.data(),
                args.begins.data(), squeeze, out);
}

}  // namespace waterline::cuda
