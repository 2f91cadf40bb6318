// The weighted sum of the layers of a pass: see Kernels::MixLayers, here on device memory, the
// spans of MixArgs too. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include "kernels/kernels.h"

namespace waterline::cuda {

// Loads every kernel of this file.
cudaError_t PrepareLayers();

// MixArgs::scratch is not used. cudaErrorInvalidValue where 2 layers + middle exceed 8192.
cudaError_t MixLayers(const MixArgs& args, MatView out, cudaStream_t stream);
size_t MixScratchBytes(int64_t layers, int64_t middle);

}  // namespace waterline::cuda
