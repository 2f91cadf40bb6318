// Convolutions along sequences: see the methods of Kernels with these names, here on device memory,
// the begins of sequences too. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include "kernels/kernels.h"

namespace waterline::cuda {

// Loads every kernel of this file.
cudaError_t PrepareConvolution();

cudaError_t Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first, MatView out,
                   cudaStream_t stream);
cudaError_t GatedConv(const GatedConvArgs& args, MatView out, cudaStream_t stream);

}  // namespace waterline::cuda
