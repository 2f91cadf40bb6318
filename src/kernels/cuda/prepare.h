// Loads kernels at a time of our choosing: by default the driver loads one, and takes memory for
// it, when it is first launched. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace waterline::cuda {

// Loads each of `kernels` and lets its launches take `shared` bytes of dynamic shared memory.
template <class... Kernel>
cudaError_t PrepareKernels(size_t shared, Kernel*... kernels) {
  cudaError_t error = cudaSuccess;
  const auto prepare = [&](const void* kernel) {
    if (error != cudaSuccess) return;
    error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shared));
  };
  (prepare(reinterpret_cast<const void*>(kernels)), ...);
  return error;
}

}  // namespace waterline::cuda
