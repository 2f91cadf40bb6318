// Small kernels that show what single machine instructions do, to be compared with what their
// documents say: on the emulation by the tests, on hardware by whoever doubts it. Every instruction
// that kernels use has one (ptx/gpu.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <span>

namespace waterline::cuda {

struct Probe {
  const char* name;
  // Writes `count` floats to device memory that holds zeros.
  cudaError_t (*run)(float* out, cudaStream_t stream);
  size_t count;
  // Writes them to host memory, from the documents.
  void (*expected)(float* out);
  float tolerance;  // Most |got - expected| / |expected|. 0: equal, a NaN to a NaN.
};

std::span<const Probe> Probes();

cudaError_t PrepareProbes();

}  // namespace waterline::cuda
