// Operations on rows: see the methods of Kernels with these names, here on device memory. Matrices
// may begin, and their rows follow one another, at any multiple of 4 bytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <span>

#include "kernels/kernels.h"

namespace waterline::cuda {

// The widest row of a normalisation.
inline constexpr int64_t kWidestNorm = 8192;

// Loads every kernel of this file.
cudaError_t PrepareRows();

// Tables of f32, f16 or bf16 at any address; cudaErrorInvalidValue for another type.
cudaError_t Embed(const EmbedArgs& args, MatView out, cudaStream_t stream);
// cudaErrorInvalidValue for rows wider than kWidestNorm.
cudaError_t AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out,
                         cudaStream_t stream);
cudaError_t AddNorm(MatView x, MatView delta, const Norm& norm, MatView out, cudaStream_t stream);
cudaError_t AddAct(MatView a, MatView b, Act act, MatView out, cudaStream_t stream);
cudaError_t Scale(MatView x, const float* by, MatView out, cudaStream_t stream);
cudaError_t Gate(MatView x, Act act, cudaStream_t stream);
cudaError_t Rotate(MatView angles, std::span<const int32_t> positions, int heads, MatView x,
                   cudaStream_t stream);
cudaError_t Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling, MatView out,
                 cudaStream_t stream);
cudaError_t ClearEmpty(std::span<const RowRange> ranges, MatView x, cudaStream_t stream);
// out[i] = x[rows[i]].
cudaError_t GatherRows(MatView x, std::span<const int64_t> rows, MatView out, cudaStream_t stream);
// to = from, of the same shape.
cudaError_t CopyRows(MatView from, MatView to, cudaStream_t stream);

}  // namespace waterline::cuda
