// Linear maps on device memory; see Kernels::Linear.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <span>

#include "kernels/cuda/linear_packing.h"
#include "memory/mat.h"
#include "weights/weight.h"

namespace waterline::cuda {

// What a block computes of the output, rows x columns. All tiles give the same bits.
enum class LinearTile { k128x256, k128x128, k64x64, k32x32 };

// The tiles there are for weights of `type`, the largest first; f32 has no registers for 128 x 256.
std::span<const LinearTile> LinearTiles(WeightType type);
// The one of them for an output [rows, out] on a device of so many multiprocessors.
LinearTile LinearTileFor(WeightType type, int64_t rows, int64_t out, int multiprocessors);

// out = act(x Wᵀ + b): x [T, in] and out [T, out] with rows of any stride and columns from any
// multiple of 4 bytes; w.packed and w.bias (or nullptr) in device memory; scratch of at least
// LinearScratchBytes, 64-byte aligned. out must not alias x.
cudaError_t Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch, MatView out,
                   cudaStream_t stream);
// The same in tiles of the given shape, one of LinearTiles.
cudaError_t LinearInTiles(LinearTile tile, MatView x, const Weight& w, Act act,
                          std::span<std::byte> scratch, MatView out, cudaStream_t stream);

// Loads all kernels of this file to the current device; to be called once before the others.
cudaError_t PrepareLinear();

}  // namespace waterline::cuda
