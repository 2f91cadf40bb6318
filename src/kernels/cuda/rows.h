// Operations on rows: see the methods of Kernels with these names, here on device memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include "memory/mat.h"

namespace waterline::cuda {

cudaError_t Scale(MatView x, const float* by, MatView out, cudaStream_t stream);

}  // namespace waterline::cuda
