// Attention on device memory: see Kernels::Attention.
//
// A block of threads has 64 queries of one sequence and one head, and goes over the keys that one
// of them sees, a tile at a time, with an online softmax: no buffer of length x length.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <span>

#include "kernels/kernels.h"

namespace waterline::cuda {

// What products of queries, keys and values are made of; sums are f32. Multiplied in f32 whatever
// is asked for are heads wider than 128, and those whose rows cannot be read 16 bytes at a time: of
// a width, or in a matrix whose stride or begin, is no multiple of 4 floats.
enum class AttentionOperand { kF32, kBf16, kF16 };

inline constexpr int kAttentionQueries = 64;
inline constexpr int64_t kWidestAttentionHead = 256;

// Queries [first, first + kAttentionQueries) of a sequence: the work of a block for one head.
struct AttentionTile {
  int32_t sequence = 0;
  int32_t first = 0;
};

// How many tiles sequences with these begins (host memory) have; none where they are empty.
int64_t CountAttentionTiles(SequenceBegins begins);
// The tiles, those of the longest sequences first, so that what runs last is short. `tiles` has
// room for as many as CountAttentionTiles says. The order changes no result.
void FillAttentionTiles(SequenceBegins begins, std::span<AttentionTile> tiles);

// Once before Attention, on the device that will run it: loads all kernels and lets them have the
// shared memory they need.
cudaError_t PrepareAttention();

// out = attention of args, for all heads; first_head, end_head and scratch are ignored. Matrices,
// spans and the table are device memory, also those that *args.relative names (the object itself is
// on the host); so are tiles, of args.begins. A bias must lie at a multiple of 4 bytes.
// cudaErrorInvalidValue: heads wider than kWidestAttentionHead.
cudaError_t Attention(const AttentionArgs& args, std::span<const AttentionTile> tiles,
                      AttentionOperand operand, MatView out, cudaStream_t stream);

}  // namespace waterline::cuda
