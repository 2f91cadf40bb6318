// Attention in f32 on the ordinary cores, for every form and head width.
//
// A thread has 4 x 4 scores of a tile of 64 queries and 64 keys, rows r0 ... r0 + 3 and columns
// c0 ... c0 + 3. Its position terms need the table rows of only seven distances, i - j for those
// rows and columns; so c2p and p2c are added where the score is, and a step over four columns of
// the head reads 30 quads for 192 multiplications. Queries, keys and the table rows of the tile's
// 127 distances lie in shared memory 32 columns of the head at a time; weights and values take the
// place of the table rows after that.
//
// Numerics  f32 products and sums; a score sums q k, then both position terms, in slabs of columns.
// Traffic   a block reads its queries, the keys and the table rows once for each tile of keys,
//           mostly from L2. Bound by multiplications: 64 x 64 x width x (2 ... 4) a tile.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/attention_device.h"

namespace waterline::cuda {
namespace {

constexpr int kQueries = kAttentionQueries, kKeys = 64, kThreads = 256;
constexpr int kEach = 4;                 // Rows and columns of a thread.
constexpr int kDepth = 32;               // Columns of a head that are in shared memory at once,
constexpr int kQuads = kDepth / 4;       // in fours.
constexpr int kBand = kQueries + kKeys;  // Distances of a tile, and one.
constexpr int kWide = 64;                // Columns of values at once.

struct Shared {
  float q[kQueries][kDepth];
  float k[kKeys][kDepth];
  float far[kBand][kDepth];   // Afterwards weights [kQueries][kKeys].
  float near[kBand][kDepth];  // Afterwards values [kKeys][kWide].
  float bias[kBand];
};
static_assert(sizeof(Shared::far) == kQueries * kKeys * sizeof(float));
static_assert(sizeof(Shared::near) == kKeys * kWide * sizeof(float));

// Threads of a phase read rows four apart: the same banks, but for the exclusive or.
__device__ __forceinline__ float4& Quad(float (*rows)[kDepth], int row, int quad) {
  return *reinterpret_cast<float4*>(&rows[row][(quad ^ (row >> 2 & (kQuads - 1))) * 4]);
}

__device__ __forceinline__ float Dot(float4 a, float4 b, float sum) {
  sum += a.x * b.x;
  sum += a.y * b.y;
  sum += a.z * b.z;
  sum += a.w * b.w;
  return sum;
}

// Columns [0, left) of kRows rows; row r begins at row_at(r), or is of zeros where that is nullptr.
template <int kRows, class RowAt>
__device__ __forceinline__ void Load(float (*to)[kDepth], int left, bool quads, RowAt row_at) {
#pragma unroll 2
  for (int n = static_cast<int>(threadIdx.x); n < kRows * kQuads; n += kThreads) {
    const int row = n / kQuads, quad = n % kQuads;
    const float* from = row_at(row);
    Quad(to, row, quad) =
        from == nullptr ? float4{0, 0, 0, 0} : LoadQuad(from + quad * 4, left - quad * 4, quads);
  }
}

// Over the columns of a head in shared memory, `quads` times 4: score[m][n] += queries[r0 + m]
// keys[c0 + n].
__device__ __forceinline__ void AddProducts(float (*queries)[kDepth], int r0, float (*keys)[kDepth],
                                            int c0, int quads, float (&score)[kEach][kEach]) {
#pragma unroll 1
  for (int quad = 0; quad < quads; ++quad) {
    float4 q[kEach];
#pragma unroll
    for (int m = 0; m < kEach; ++m) q[m] = Quad(queries, r0 + m, quad);
#pragma unroll
    for (int n = 0; n < kEach; ++n) {
      const float4 k = Quad(keys, c0 + n, quad);
#pragma unroll
      for (int m = 0; m < kEach; ++m) score[m][n] = Dot(q[m], k, score[m][n]);
    }
  }
}

// The same for rows of a band: score[m][n] += a band[r0 + m - c0 - n + kKeys - 1], where a is
// row r0 + m of queries (kByQuery) or row c0 + n of keys.
template <bool kByQuery>
__device__ __forceinline__ void AddBand(float (*rows)[kDepth], float (*band)[kDepth], int r0,
                                        int c0, int quads, float (&score)[kEach][kEach]) {
  const int first = r0 - c0 + kKeys - kEach;
#pragma unroll 1
  for (int quad = 0; quad < quads; ++quad) {
    float4 a[kEach];
#pragma unroll
    for (int e = 0; e < kEach; ++e) a[e] = Quad(rows, (kByQuery ? r0 : c0) + e, quad);
#pragma unroll
    for (int d = 0; d < 2 * kEach - 1; ++d) {
      const float4 row = Quad(band, first + d, quad);
#pragma unroll
      for (int m = 0; m < kEach; ++m) {
        const int n = m + kEach - 1 - d;
        if (n >= 0 && n < kEach) score[m][n] = Dot(a[kByQuery ? m : n], row, score[m][n]);
      }
    }
  }
}

// Over the 16 threads that have columns of the same rows.
__device__ __forceinline__ float RowMax(float v) {
#pragma unroll
  for (int x = 1; x < kKeys / kEach; x *= 2) v = fmaxf(v, __shfl_xor_sync(~0u, v, x));
  return v;
}
__device__ __forceinline__ float RowSum(float v) {
#pragma unroll
  for (int x = 1; x < kKeys / kEach; x *= 2) v += __shfl_xor_sync(~0u, v, x);
  return v;
}

// kSlabs: how many times kWide columns a head has at most.
template <int kSlabs>
__global__ void __launch_bounds__(kThreads, kSlabs == 1 ? 2 : 1) AttendF32(DeviceAttention x) {
  Shared& s = *DynamicShared<Shared>();
  float* const weights = &s.far[0][0];
  float* const values = &s.near[0][0];
  const int tid = static_cast<int>(threadIdx.x);
  const int r0 = tid / (kKeys / kEach) * kEach, c0 = tid % (kKeys / kEach) * kEach;
  const AttentionPart part = PartOfBlock(x, kKeys);
  const int i0 = part.first_query;
  const bool c2p = x.far != nullptr, p2c = x.near != nullptr;

  float out[kSlabs][kEach][4] = {};
  float top[kEach], sum[kEach];
#pragma unroll
  for (int m = 0; m < kEach; ++m) {
    top[m] = -INFINITY;
    sum[m] = 0;
  }

  for (int j0 = part.first_key; j0 < part.end_key; j0 += kKeys) {
    const auto distance_at = [&](int u) { return i0 - j0 - (kKeys - 1) + u; };
    float score[kEach][kEach] = {};
    for (int column = 0; column < x.width; column += kDepth) {
      const int left = x.width - column;
      __syncthreads();  // What was there has been read.
      Load<kQueries>(s.q, left, x.quads, [&](int row) {
        return i0 + row < part.queries ? part.q + (i0 + row) * x.q_stride + column : nullptr;
      });
      Load<kKeys>(s.k, left, x.quads, [&](int row) {
        return j0 + row < part.keys ? part.k + (j0 + row) * x.k_stride + column : nullptr;
      });
      const int64_t head_column = int64_t{part.head} * x.width + column;
      if (c2p) {
        Load<kBand>(s.far, left, x.quads, [&](int u) {
          return x.far + BucketOf(x, distance_at(u)) * x.far_stride + head_column;
        });
      }
      if (p2c) {
        Load<kBand>(s.near, left, x.quads, [&](int u) {
          return x.near + BucketOf(x, distance_at(u)) * x.near_stride + head_column;
        });
      }
      if (x.bias != nullptr && column == 0 && tid < kBand) {
        s.bias[tid] = x.bias[BucketOf(x, distance_at(tid)) * x.bias_stride + part.head];
      }
      __syncthreads();
      const int quads = min(kQuads, (left + 3) / 4);
      AddProducts(s.q, r0, s.k, c0, quads, score);
      if (c2p) AddBand<true>(s.q, s.far, r0, c0, quads, score);
      if (p2c) AddBand<false>(s.k, s.near, r0, c0, quads, score);
    }

#pragma unroll
    for (int m = 0; m < kEach; ++m) {
      float peak = top[m];
#pragma unroll
      for (int n = 0; n < kEach; ++n) {
        if (x.bias != nullptr) score[m][n] += s.bias[r0 + m - (c0 + n) + kKeys - 1];
        const bool seen = Sees(x, part, i0 + r0 + m, j0 + c0 + n);
        score[m][n] = seen ? score[m][n] * x.scale_log2 : -INFINITY;
        peak = fmaxf(peak, score[m][n]);
      }
      peak = RowMax(peak);
      const float base = peak == -INFINITY ? 0 : peak;  // Nothing seen yet.
      const float shrink = Exp2(top[m] - base);
      top[m] = peak;
      sum[m] *= shrink;
#pragma unroll
      for (int n = 0; n < kEach; ++n) {
        score[m][n] = Exp2(score[m][n] - base);
        sum[m] += score[m][n];
      }
#pragma unroll
      for (int slab = 0; slab < kSlabs; ++slab)
#pragma unroll
        for (int e = 0; e < 4; ++e) out[slab][m][e] *= shrink;
    }

    __syncthreads();  // Nobody reads table rows any more.
#pragma unroll
    for (int m = 0; m < kEach; ++m) {
      *reinterpret_cast<float4*>(&weights[(r0 + m) * kKeys + c0]) = {score[m][0], score[m][1],
                                                                     score[m][2], score[m][3]};
    }
    const int keys = min(kKeys, part.keys - j0);
#pragma unroll
    for (int slab = 0; slab < kSlabs; ++slab) {
      const int left = x.width - slab * kWide;
      if (left <= 0) break;
      if (slab > 0) __syncthreads();  // The values before these have been read.
#pragma unroll 2
      for (int n = tid; n < kKeys * (kWide / 4); n += kThreads) {
        const int row = n / (kWide / 4), column = n % (kWide / 4) * 4;
        const float* from = part.v + (j0 + row) * x.v_stride + slab * kWide + column;
        *reinterpret_cast<float4*>(&values[row * kWide + column]) =
            LoadQuad(from, row < keys ? left - column : 0, x.quads);
      }
      __syncthreads();
#pragma unroll 1
      for (int j = 0; j < keys; j += 4) {  // Keys past the end have weights and values of zero.
        float4 w[kEach];
#pragma unroll
        for (int m = 0; m < kEach; ++m) {
          w[m] = *reinterpret_cast<const float4*>(&weights[(r0 + m) * kKeys + j]);
        }
        const auto add = [&](const float4& v, auto weight) {
#pragma unroll
          for (int m = 0; m < kEach; ++m) {
            out[slab][m][0] += weight(w[m]) * v.x;
            out[slab][m][1] += weight(w[m]) * v.y;
            out[slab][m][2] += weight(w[m]) * v.z;
            out[slab][m][3] += weight(w[m]) * v.w;
          }
        };
        const auto value = [&](int e) {
          return *reinterpret_cast<const float4*>(&values[(j + e) * kWide + c0]);
        };
        add(value(0), [](const float4& f) { return f.x; });
        add(value(1), [](const float4& f) { return f.y; });
        add(value(2), [](const float4& f) { return f.z; });
        add(value(3), [](const float4& f) { return f.w; });
      }
    }
  }

#pragma unroll
  for (int m = 0; m < kEach; ++m) {
    const float total = RowSum(sum[m]);
    const float inverse = total == 0 ? 0 : 1 / total;  // 0: no key is seen.
    const int i = i0 + r0 + m;
    if (i >= part.queries) continue;
#pragma unroll
    for (int slab = 0; slab < kSlabs; ++slab) {
      const int column = slab * kWide + c0;
      const float* o = out[slab][m];
      StoreQuad(part.out + i * x.out_stride + column,
                {o[0] * inverse, o[1] * inverse, o[2] * inverse, o[3] * inverse}, x.width - column,
                x.quads);
    }
  }
}

template <int kSlabs>
cudaError_t Prepare() {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(&AttendF32<kSlabs>),
                              cudaFuncAttributeMaxDynamicSharedMemorySize, sizeof(Shared));
}

}  // namespace

cudaError_t PrepareAttentionF32() {
  for (const auto prepare : {&Prepare<1>, &Prepare<2>, &Prepare<4>}) {
    if (const cudaError_t error = prepare()) return error;
  }
  return cudaSuccess;
}

cudaError_t AttentionF32(const DeviceAttention& x, dim3 grid, cudaStream_t stream) {
  static_assert(4 * kWide == kWidestAttentionHead);
  const auto kernel = x.width <= kWide       ? &AttendF32<1>
                      : x.width <= 2 * kWide ? &AttendF32<2>
                                             : &AttendF32<4>;
  return Launch(kernel, "AttendF32", grid, dim3(kThreads), sizeof(Shared), stream, x);
}

}  // namespace waterline::cuda
