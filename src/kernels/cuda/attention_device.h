// What the kernels of attention share: their arguments, the part of a block, and loads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gpu.h>

#include "kernels/cuda/attention.h"

namespace waterline::cuda {

// AttentionArgs with what a thread reads alone; pointers are to device memory.
struct DeviceAttention {
  const float *q = nullptr, *k = nullptr, *v = nullptr;
  float* out = nullptr;
  int64_t q_stride = 0, k_stride = 0, v_stride = 0, out_stride = 0;
  const float* far = nullptr;   // Position keys (c2p), or nullptr.
  const float* near = nullptr;  // Position queries (p2c), or nullptr.
  int64_t far_stride = 0, near_stride = 0;
  const float* bias = nullptr;  // [R, bias_stride], or nullptr.
  int64_t bias_stride = 0;
  const int32_t* bucket = nullptr;  // Of distance 0; distances -reach ... reach.
  int32_t reach = 0;
  const int32_t* begins = nullptr;
  const int32_t* key_begins = nullptr;
  const AttentionTile* tiles = nullptr;
  int32_t width = 0;         // Of a head.
  int32_t heads_of_key = 1;  // Heads that share a head of keys.
  int32_t window = 0;
  bool causal = false;
  bool quads = false;    // Four floats of a row can be moved at once, in every matrix.
  float scale_log2 = 1;  // Of scores, to be powers of 2.
};

// What a block computes, in positions of its sequence.
struct AttentionPart {
  int head, key_head;
  int first_query;         // i0
  int queries, keys;       // Of the sequence.
  int first_key, end_key;  // What one of the block's queries sees; first_key on a tile's edge.
  const float *q, *k, *v;  // Row 0 of the sequence, column 0 of the head.
  float* out;
};

// Keys come in tiles of `tile`.
__device__ __forceinline__ AttentionPart PartOfBlock(const DeviceAttention& x, int tile) {
  const AttentionTile at = x.tiles[blockIdx.x];
  const int begin = x.begins[at.sequence], key_begin = x.key_begins[at.sequence];
  AttentionPart part;
  part.head = static_cast<int>(blockIdx.y);
  part.key_head = part.head / x.heads_of_key;
  part.first_query = at.first;
  part.queries = x.begins[at.sequence + 1] - begin;
  part.keys = x.key_begins[at.sequence + 1] - key_begin;
  const int last = min(at.first + kAttentionQueries, part.queries) - 1;
  part.first_key = max(0, at.first - x.window) / tile * tile;
  part.end_key = min(part.keys, last + 1 + (x.causal ? 0 : x.window));
  const int64_t column = int64_t{part.head} * x.width;
  const int64_t key_column = int64_t{part.key_head} * x.width;
  part.q = x.q + begin * x.q_stride + column;
  part.k = x.k + key_begin * x.k_stride + key_column;
  part.v = x.v + key_begin * x.v_stride + key_column;
  part.out = x.out + begin * x.out_stride + column;
  return part;
}

__device__ __forceinline__ bool Sees(const DeviceAttention& x, const AttentionPart& part, int i,
                                     int j) {
  return j < part.keys && j - i <= (x.causal ? 0 : x.window) && i - j <= x.window;
}
// Whether all of the block's queries see all keys [j, j + tile).
__device__ __forceinline__ bool AllSee(const DeviceAttention& x, const AttentionPart& part, int j,
                                       int tile) {
  const int i = part.first_query;
  return Sees(x, part, i, j + tile - 1) && Sees(x, part, i + kAttentionQueries - 1, j);
}

// The row of position tables for a distance; those that no query has to its keys get any.
__device__ __forceinline__ int64_t BucketOf(const DeviceAttention& x, int distance) {
  return x.bucket[min(max(distance, -x.reach), x.reach)];
}

// Columns [0, 4) of `left` that a row still has from `from` on, and zeros.
__device__ __forceinline__ float4 LoadQuad(const float* from, int left, bool quads) {
  float4 r = {0, 0, 0, 0};
  if (quads) {  // Then the width is a multiple of 4.
    if (left > 0) r = *reinterpret_cast<const float4*>(from);
    return r;
  }
  if (left > 0) r.x = from[0];
  if (left > 1) r.y = from[1];
  if (left > 2) r.z = from[2];
  if (left > 3) r.w = from[3];
  return r;
}
__device__ __forceinline__ void StoreQuad(float* to, float4 v, int left, bool quads) {
  if (quads) {
    if (left > 0) *reinterpret_cast<float4*>(to) = v;
    return;
  }
  if (left > 0) to[0] = v.x;
  if (left > 1) to[1] = v.y;
  if (left > 2) to[2] = v.z;
  if (left > 3) to[3] = v.w;
}

// Loads every kernel of a file; see PrepareAttention.
cudaError_t PrepareAttentionF32();
cudaError_t PrepareAttentionMma();

cudaError_t AttentionF32(const DeviceAttention& x, dim3 grid, cudaStream_t stream);
// bf16 or f16; heads of at most kWidestMmaHead, in quads.
inline constexpr int kWidestMmaHead = 128;
cudaError_t AttentionMma(const DeviceAttention& x, dim3 grid, AttentionOperand operand,
                         cudaStream_t stream);

}  // namespace waterline::cuda
