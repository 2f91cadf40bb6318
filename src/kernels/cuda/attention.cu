// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/attention.h"

#include <algorithm>
#include <cstdint>
#include <numbers>

#include "kernels/cuda/attention_device.h"

namespace waterline::cuda {
namespace {

// Whether rows of a matrix, from any multiple of four columns on, may be read in fours.
bool InQuads(const float* data, int64_t stride) {
  return reinterpret_cast<uintptr_t>(data) % sizeof(float4) == 0 && stride % 4 == 0;
}

DeviceAttention OnDevice(const AttentionArgs& args, std::span<const AttentionTile> tiles,
                         MatView out) {
  DeviceAttention x;
  x.q = args.q.data;
  x.k = args.k.data;
  x.v = args.v.data;
  x.out = out.data;
  x.q_stride = args.q.stride;
  x.k_stride = args.k.stride;
  x.v_stride = args.v.stride;
  x.out_stride = out.stride;
  x.begins = args.begins.data();
  x.key_begins = args.key_begins.empty() ? args.begins.data() : args.key_begins.data();
  x.tiles = tiles.data();
  x.width = static_cast<int32_t>(args.q.cols / args.heads);
  x.heads_of_key = args.heads / args.key_heads;
  x.window = static_cast<int32_t>(std::min<int64_t>(args.window, 1 << 30));
  x.causal = args.causal;
  x.scale_log2 = args.scale * std::numbers::log2e_v<float>;
  x.quads = x.width % 4 == 0 && InQuads(x.q, x.q_stride) && InQuads(x.k, x.k_stride) &&
            InQuads(x.v, x.v_stride) && InQuads(x.out, x.out_stride);
  if (args.relative == nullptr) return x;
  const RelativeTerms& relative = *args.relative;
  x.reach = static_cast<int32_t>(relative.reach);
  x.bucket = relative.bucket.data() + relative.reach;
  if (!relative.keys.empty()) {
    x.far = relative.keys.data;
    x.far_stride = relative.keys.stride;
    x.quads = x.quads && InQuads(x.far, x.far_stride);
  }
  if (!relative.queries.empty()) {
    x.near = relative.queries.data;
    x.near_stride = relative.queries.stride;
    x.quads = x.quads && InQuads(x.near, x.near_stride);
  }
  if (relative.bias.rows > 0) {
    x.bias = reinterpret_cast<const float*>(relative.bias.data);
    x.bias_stride = relative.bias.cols;
  }
  return x;
}

}  // namespace

int64_t CountAttentionTiles(SequenceBegins begins) {
  int64_t tiles = 0;
  for (size_t s = 0; s + 1 < begins.size(); ++s) {
    tiles += (begins[s + 1] - begins[s] + kAttentionQueries - 1) / kAttentionQueries;
  }
  return tiles;
}

void FillAttentionTiles(SequenceBegins begins, std::span<AttentionTile> tiles) {
  size_t at = 0;
  for (size_t s = 0; s + 1 < begins.size(); ++s) {
    for (int32_t i = 0; i < begins[s + 1] - begins[s]; i += kAttentionQueries) {
      tiles[at++] = {static_cast<int32_t>(s), i};
    }
  }
  const auto length = [begins](int32_t s) {
    return begins[static_cast<size_t>(s) + 1] - begins[static_cast<size_t>(s)];
  };
  std::sort(tiles.begin(), tiles.end(), [&](const AttentionTile& a, const AttentionTile& b) {
    if (length(a.sequence) != length(b.sequence)) return length(a.sequence) > length(b.sequence);
    return a.sequence != b.sequence ? a.sequence < b.sequence : a.first < b.first;
  });
}

cudaError_t PrepareAttention() {
  if (const cudaError_t error = PrepareAttentionF32()) return error;
  return PrepareAttentionMma();
}

cudaError_t Attention(const AttentionArgs& args, std::span<const AttentionTile> tiles,
                      AttentionOperand operand, MatView out, cudaStream_t stream) {
  if (tiles.empty() || args.q.empty()) return cudaSuccess;
  const DeviceAttention x = OnDevice(args, tiles, out);
  if (x.width > kWidestAttentionHead) return cudaErrorInvalidValue;
  const dim3 grid(static_cast<unsigned>(tiles.size()), static_cast<unsigned>(args.heads));
  if (operand == AttentionOperand::kF32 || x.width > kWidestMmaHead || !x.quads) {
    return AttentionF32(x, grid, stream);
  }
  return AttentionMma(x, grid, operand, stream);
}

}  // namespace waterline::cuda
