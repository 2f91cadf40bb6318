// Attention on the tensor cores, in bf16 or f16, for every form and heads of up to 128 columns.
//
// A block of 4 warps has 64 queries of one sequence and head, a warp 16. For a tile of kKeys keys
// the distances i - j form a band of 63 + kKeys values. The rows of the position tables for it are
// gathered into shared memory through the buckets (whole rows, so the gather costs nothing), and
// c2p = Q far', p2c = K near' are matrix products of which only the columns that are needed are
// formed. Column u of a band is the distance i0 - j0 - (kKeys - 1) + u, so entry (r, c) of the tile
// of scores needs u = r - c + kKeys - 1: p2c is scattered into a tile in shared memory on that
// skew, c2p is added to it. From one tile of keys to the next a band slides by kKeys rows; so it is
// a ring in which kKeys rows are new each time.
//
// Two barriers a tile. Before the first, keys and `near` are read, and values and `far` arrive;
// after it the other way round, for the next tile. What arrives is f32; it waits in registers
// during the products, is rounded, and stored before the barrier.
//
// Numerics  products of rounded numbers, f32 sums, f32 online softmax; weights are rounded before
//           they meet the values. Columns past a narrower head are zeros.
// Memory    a block reads its queries once, and K, V and kKeys rows of each table once a tile, as
//           f32, mostly from L2: 32 KiB a tile of 32 keys and 64 columns, to 76 mma of each warp.
//           Rows in shared memory are padded by 16 bytes, so that ldmatrix has no bank conflicts;
//           the scatter has some of two ways. Heads of 64 take 46 KiB with both position terms (two
//           blocks of at most 255 registers a multiprocessor), 9 KiB without.
// Only hardware can tell whether loads are early enough, and what the barriers cost.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/attention_device.h"

namespace waterline::cuda {
namespace {

constexpr int kQueries = kAttentionQueries, kWarps = 4, kThreads = 32 * kWarps;
constexpr int kWarpQueries = kQueries / kWarps;

struct Bf16 {
  static __device__ __forceinline__ uint32_t Pack(float lo, float hi) { return PackBf16(lo, hi); }
  static __device__ __forceinline__ void Mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0,
                                             uint32_t b1) {
    MmaBf16(d, a, b0, b1);
  }
};
struct F16 {
  static __device__ __forceinline__ uint32_t Pack(float lo, float hi) { return PackF16(lo, hi); }
  static __device__ __forceinline__ void Mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0,
                                             uint32_t b1) {
    MmaF16(d, a, b0, b1);
  }
};

// Dynamic shared memory: keys, values, biases of the tile's distances, and where there are position
// terms the tile of scores and a band for each of the two.
template <int kHead>
struct Layout {
  static constexpr int kKeys = kHead == 32 ? 64 : 32;  // More would not leave room for two blocks.
  static constexpr int kRow = kHead + 8;               // Of 16-bit numbers.
  static constexpr int kBand = kQueries + kKeys;       // One more than needed: a multiple of kKeys.
  static constexpr int kScoreRow = kKeys + 8;          // 8 modulo 32 floats: see the softmax.
  static constexpr int kTile = kKeys * kRow * 2;       // Bytes.
  static constexpr int kBias = 2 * kTile;
  static constexpr int kScore = kBias + kBand * 4;
  static constexpr int kBands = kScore + kQueries * kScoreRow * 4;
  static constexpr int kBandBytes = kBand * kRow * 2;
  static_assert(kBand % kKeys == 0 && kScore % 16 == 0 && kBands % 16 == 0);

  static constexpr int Bytes(int bands) {
    return bands == 0 ? kScore : kBands + bands * kBandBytes;
  }
};

// Rows of f32 on their way to shared memory, a part of each thread.
template <class Operand, int kHead, int kRows>
struct Arriving {
  static constexpr int kQuads = kHead / 4;
  static constexpr int kEach = kRows * kQuads / kThreads;
  static_assert(kRows * kQuads % kThreads == 0);
  float4 part[kEach];

  // Row r begins at row_at(r), or is of zeros where that is nullptr.
  template <class RowAt>
  __device__ __forceinline__ void Load(const DeviceAttention& x, RowAt row_at) {
#pragma unroll
    for (int n = 0; n < kEach; ++n) {
      const int at = static_cast<int>(threadIdx.x) + n * kThreads;
      const int column = at % kQuads * 4;
      const float* row = row_at(at / kQuads);
      part[n] =
          row == nullptr ? float4{0, 0, 0, 0} : LoadQuad(row + column, x.width - column, x.quads);
    }
  }
  __device__ __forceinline__ void Store(uint16_t* to) const {
#pragma unroll
    for (int n = 0; n < kEach; ++n) {
      const int at = static_cast<int>(threadIdx.x) + n * kThreads;
      const uint2 packed = {Operand::Pack(part[n].x, part[n].y),
                            Operand::Pack(part[n].z, part[n].w)};
      *reinterpret_cast<uint2*>(to + at / kQuads * (kHead + 8) + at % kQuads * 4) = packed;
    }
  }
};

// The 16 x 8 block d = a · rows[0 .. 7]', over the whole head.
template <class Operand, int kHead>
__device__ __forceinline__ void Product(float (&d)[4], const uint32_t (&a)[kHead / 16][4],
                                        const uint16_t* rows, int lane) {
  d[0] = d[1] = d[2] = d[3] = 0;
#pragma unroll
  for (int k = 0; k < kHead / 32; ++k) {
    uint32_t b[4];
    LoadMatrix(b, rows + (lane & 7) * (kHead + 8) + k * 32 + (lane >> 3) * 8);
    Operand::Mma(d, a[2 * k], b[0], b[1]);
    Operand::Mma(d, a[2 * k + 1], b[2], b[3]);
  }
}

// Sixteen queries from i on as the left operand of a product over the head: lane 4 g + t / 2 has
// columns t, t + 1, t + 8 and t + 9 of every 16, of rows g and g + 8.
template <class Operand, int kHead>
__device__ __forceinline__ void LoadQueries(uint32_t (&a)[kHead / 16][4], const DeviceAttention& x,
                                            const AttentionPart& part, int i, int lane) {
#pragma unroll
  for (int k = 0; k < kHead / 16; ++k)
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int row = i + (lane >> 2) + (e & 1) * 8;
      const int column = k * 16 + (lane & 3) * 2 + (e >> 1) * 8;
      float2 pair = {0, 0};
      if (row < part.queries && column < x.width) {
        pair = *reinterpret_cast<const float2*>(part.q + row * x.q_stride + column);
      }
      a[k][e] = Operand::Pack(pair.x, pair.y);
    }
}

// Blocks of a multiprocessor; registers for more would be too few.
template <int kHead, bool kPositions>
inline constexpr int kBlocks = kHead <= 64 && !kPositions ? 3 : 2;

template <class Operand, int kHead, bool kPositions>
__global__ void __launch_bounds__(kThreads, kBlocks<kHead, kPositions>)
    AttendMma(DeviceAttention x) {
  using L = Layout<kHead>;
  constexpr int kKeys = L::kKeys;
  unsigned char* const shared = DynamicShared<unsigned char>();
  const auto numbers = [&](int byte) { return reinterpret_cast<uint16_t*>(shared + byte); };
  uint16_t* const keys = numbers(0);
  uint16_t* const values = numbers(L::kTile);
  float* const bias = reinterpret_cast<float*>(shared + L::kBias);
  float* const scores = reinterpret_cast<float*>(shared + L::kScore);

  const int tid = static_cast<int>(threadIdx.x), lane = tid & 31, warp = tid >> 5;
  const int g = lane >> 2, t = (lane & 3) * 2;  // Row and column of this lane in an 8x8 block.
  const AttentionPart part = PartOfBlock(x, kKeys);
  const int i0 = part.first_query;
  const bool c2p = kPositions && x.far != nullptr, p2c = kPositions && x.near != nullptr;
  uint16_t* const far = numbers(L::kBands);
  uint16_t* const near = numbers(L::kBands + (c2p ? L::kBandBytes : 0));
  // A warp whose queries are all past the end only moves data, and multiplies keys for the others.
  const bool active = i0 + warp * kWarpQueries < part.queries;

  uint32_t q[kHead / 16][4];
  LoadQueries<Operand, kHead>(q, x, part, i0 + warp * kWarpQueries, lane);
  float o[kHead / 8][4] = {};
  float top[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};  // Of rows g and g + 8.

  using Rows = Arriving<Operand, kHead, kKeys>;
  constexpr bool kWait = !kPositions || kHead < 128;  // Registers allow it.
  const auto load_keys = [&](Rows& rows, const float* from, int64_t stride, int j0) {
    rows.Load(x, [&](int r) { return j0 + r < part.keys ? from + (j0 + r) * stride : nullptr; });
  };
  // Rows [u, u + kKeys) of the band of the tile at j0.
  const auto load_band = [&](Rows& rows, const float* table, int64_t stride, int j0, int u) {
    const float* column = table + int64_t{part.head} * x.width;
    rows.Load(x,
              [&](int r) { return column + BucketOf(x, i0 - j0 - (kKeys - 1) + u + r) * stride; });
  };

  if (part.first_key < part.end_key) {  // What the first phase reads, and the older rows of `far`.
    Rows rows;
    load_keys(rows, part.k, x.k_stride, part.first_key);
    rows.Store(keys);
    if constexpr (kPositions) {
#pragma unroll 1
      for (int u = 0; u < L::kBand; u += kKeys) {
        if (p2c) {
          load_band(rows, x.near, x.near_stride, part.first_key, u);
          rows.Store(near + u * L::kRow);
        }
        if (c2p && u > 0) {
          load_band(rows, x.far, x.far_stride, part.first_key, u);
          rows.Store(far + u * L::kRow);
        }
      }
    }
  }
  __syncthreads();

  int ring = 0;  // Where row 0 of a band is.
  for (int j0 = part.first_key; j0 < part.end_key; j0 += kKeys) {
    const int left = part.keys - j0;
    const int next_ring = ring == 0 ? L::kBand - kKeys : ring - kKeys;
    const auto band_row = [&](uint16_t* band, int u) {
      const int at = ring + u;
      return band + (at < L::kBand ? at : at - L::kBand) * L::kRow;
    };

    float a[kKeys / 8][4];
    {
      Rows rows;
      if (c2p) load_band(rows, x.far, x.far_stride, j0, 0);
      if (c2p && !kWait) rows.Store(far + ring * L::kRow);
      if (x.bias != nullptr) {
        for (int u = tid; u < L::kBand; u += kThreads) {
          bias[u] = x.bias[BucketOf(x, i0 - j0 - (kKeys - 1) + u) * x.bias_stride + part.head];
        }
      }

      if (p2c) {  // This warp's 16 keys (and part of the band), scattered to scores[r][c].
        constexpr int kGroups = kKeys / 16, kParts = kWarps / kGroups, kColumns = 10 / kParts;
        const int c0 = warp % kGroups * 16, first = warp / kGroups * kColumns;
        const int u0 = kKeys - 16 - c0 + first * 8;
        uint32_t k[kHead / 16][4];
#pragma unroll
        for (int n = 0; n < kHead / 16; ++n) {
          LoadMatrix(k[n], keys + (c0 + (lane & 15)) * L::kRow + n * 16 + (lane >> 4) * 8);
        }
        // Entry (c0 + g + 8 h, u0 + 8 n + t + e) belongs to row u + c - (kKeys - 1).
        const int r0 = first * 8 + t + g - 15;
        float* const corner = scores + r0 * L::kScoreRow + c0 + g;
#pragma unroll
        for (int n = 0; n < kColumns; ++n) {
          float d[4];
          Product<Operand, kHead>(d, k, band_row(near, u0 + n * 8), lane);
#pragma unroll
          for (int h = 0; h < 2; ++h)
#pragma unroll
            for (int e = 0; e < 2; ++e) {
              const int r = r0 + (n + h) * 8 + e;
              if (r >= 0 && r < kQueries) {
                corner[((n + h) * 8 + e) * L::kScoreRow + h * 8] = d[h * 2 + e];
              }
            }
        }
      }
      if (c2p && kWait) rows.Store(far + ring * L::kRow);
      load_keys(rows, part.v, x.v_stride, j0);
      if (!kWait) rows.Store(values);
      if (active) {
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n) {
          Product<Operand, kHead>(a[n], q, keys + n * 8 * L::kRow, lane);
        }
      }
      if (kWait) rows.Store(values);
    }
    __syncthreads();

    Rows rows;
    const bool more = j0 + kKeys < part.end_key;
    if (more && p2c) load_band(rows, x.near, x.near_stride, j0 + kKeys, 0);
    if (more && p2c && !kWait) rows.Store(near + next_ring * L::kRow);
    if (c2p && active) {  // This warp's 16 queries; each entry belongs to one lane.
      // Entry (g + 8 h, u = 8 n + t + e) belongs to column r - u + kKeys - 1.
      const int first = g - t + kKeys - 1;
      float* const corner = scores + (warp * kWarpQueries + g) * L::kScoreRow + first;
#pragma unroll
      for (int n = 0; n < kKeys / 8 + 2; ++n) {
        float d[4];
        Product<Operand, kHead>(d, q, band_row(far, warp * kWarpQueries + n * 8), lane);
#pragma unroll
        for (int h = 0; h < 2; ++h)
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const int c = first + (h - n) * 8 - e;
            if (n < h || n > kKeys / 8 + h || c < 0 || c >= kKeys) continue;
            float& score = corner[h * 8 * L::kScoreRow + (h - n) * 8 - e];
            score = p2c ? score + d[h * 2 + e] : d[h * 2 + e];
          }
      }
      __syncwarp();
    }
    if (more) {
      if (p2c && kWait) rows.Store(near + next_ring * L::kRow);
      load_keys(rows, part.k, x.k_stride, j0 + kKeys);
      if (!kWait) rows.Store(keys);
    }
    if (active) {
      // Online softmax. Rows 8 floats apart modulo 32 make these 8-byte reads free of conflicts.
      const int r0 = warp * kWarpQueries + g;
      const auto each = [&](auto change) {  // Entry a[n][e] has row r and column c of the tile.
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
          for (int e = 0; e < 4; ++e)
            change(a[n][e], r0 + (e >> 1) * 8, n * 8 + t + (e & 1), e >> 1);
      };
      if constexpr (kPositions) {
        each([&](float& v, int r, int c, int) { v += scores[r * L::kScoreRow + c]; });
      }
      if (x.bias != nullptr)
        each([&](float& v, int r, int c, int) { v += bias[r - c + kKeys - 1]; });
      if (!AllSee(x, part, j0, kKeys)) {
        each([&](float& v, int r, int c, int) {
          if (!Sees(x, part, i0 + r, j0 + c)) v = -INFINITY;
        });
      }
      float peak[2] = {top[0], top[1]};
      each([&](float& v, int, int, int h) {
        v *= x.scale_log2;
        peak[h] = fmaxf(peak[h], v);
      });
      float base[2];
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        peak[h] = fmaxf(peak[h], __shfl_xor_sync(~0u, peak[h], 1));
        peak[h] = fmaxf(peak[h], __shfl_xor_sync(~0u, peak[h], 2));
        base[h] = peak[h] == -INFINITY ? 0 : peak[h];  // Nothing seen yet.
        const float shrink = Exp2(top[h] - base[h]);
        top[h] = peak[h];
        sum[h] *= shrink;
#pragma unroll
        for (int n = 0; n < kHead / 8; ++n) {
          o[n][h * 2] *= shrink;
          o[n][h * 2 + 1] *= shrink;
        }
      }
      each([&](float& v, int, int, int h) {
        v = Exp2(v - base[h]);
        sum[h] += v;
      });

#pragma unroll
      for (int k = 0; k < kKeys / 16; ++k) {
        if (k * 16 >= left) break;  // Weights of zero.
        const uint32_t p[4] = {Operand::Pack(a[2 * k][0], a[2 * k][1]),
                               Operand::Pack(a[2 * k][2], a[2 * k][3]),
                               Operand::Pack(a[2 * k + 1][0], a[2 * k + 1][1]),
                               Operand::Pack(a[2 * k + 1][2], a[2 * k + 1][3])};
#pragma unroll
        for (int n = 0; n < kHead / 8; n += 2) {
          uint32_t b[4];
          LoadMatrixTransposed(b,
                               values + (k * 16 + (lane & 15)) * L::kRow + (n + (lane >> 4)) * 8);
          Operand::Mma(o[n], p, b[0], b[1]);
          Operand::Mma(o[n + 1], p, b[2], b[3]);
        }
      }
    }
    if (more && kWait) rows.Store(keys);
    ring = next_ring;
    __syncthreads();
  }

#pragma unroll
  for (int h = 0; h < 2; ++h) {
    sum[h] += __shfl_xor_sync(~0u, sum[h], 1);
    sum[h] += __shfl_xor_sync(~0u, sum[h], 2);
    const float inverse = sum[h] == 0 ? 0 : 1 / sum[h];  // 0: no key is seen.
    const int i = i0 + warp * kWarpQueries + g + h * 8;
    if (i >= part.queries) continue;
    float* const row = part.out + i * x.out_stride + t;
#pragma unroll
    for (int n = 0; n < kHead / 8; ++n) {
      const float2 pair = {o[n][h * 2] * inverse, o[n][h * 2 + 1] * inverse};
      if (n * 8 + t < x.width) *reinterpret_cast<float2*>(row + n * 8) = pair;
    }
  }
}

template <class Operand, int kHead, bool kPositions>
struct Variant {
  static cudaError_t Prepare() {
    return cudaFuncSetAttribute(
        reinterpret_cast<const void*>(&AttendMma<Operand, kHead, kPositions>),
        cudaFuncAttributeMaxDynamicSharedMemorySize, Layout<kHead>::Bytes(kPositions ? 2 : 0));
  }
  static cudaError_t Run(const DeviceAttention& x, dim3 grid, cudaStream_t stream) {
    const int bands = (x.far != nullptr) + (x.near != nullptr);
    return Launch(&AttendMma<Operand, kHead, kPositions>, "AttendMma", grid, dim3(kThreads),
                  Layout<kHead>::Bytes(bands), stream, x);
  }
};

template <class Operand>
cudaError_t PrepareAll() {
  for (const auto prepare :
       {&Variant<Operand, 32, false>::Prepare, &Variant<Operand, 32, true>::Prepare,
        &Variant<Operand, 64, false>::Prepare, &Variant<Operand, 64, true>::Prepare,
        &Variant<Operand, 128, false>::Prepare, &Variant<Operand, 128, true>::Prepare}) {
    if (const cudaError_t error = prepare()) return error;
  }
  return cudaSuccess;
}

template <class Operand, int kHead>
cudaError_t Run(const DeviceAttention& x, dim3 grid, cudaStream_t stream) {
  return x.far != nullptr || x.near != nullptr
             ? Variant<Operand, kHead, true>::Run(x, grid, stream)
             : Variant<Operand, kHead, false>::Run(x, grid, stream);
}
template <class Operand>
cudaError_t Run(const DeviceAttention& x, dim3 grid, cudaStream_t stream) {
  static_assert(kWidestMmaHead == 128);
  return x.width <= 32   ? Run<Operand, 32>(x, grid, stream)
         : x.width <= 64 ? Run<Operand, 64>(x, grid, stream)
                         : Run<Operand, 128>(x, grid, stream);
}

}  // namespace

cudaError_t PrepareAttentionMma() {
  if (const cudaError_t error = PrepareAll<Bf16>()) return error;
  return PrepareAll<F16>();
}

cudaError_t AttentionMma(const DeviceAttention& x, dim3 grid, AttentionOperand operand,
                         cudaStream_t stream) {
  return operand == AttentionOperand::kBf16 ? Run<Bf16>(x, grid, stream)
                                            : Run<F16>(x, grid, stream);
}

}  // namespace waterline::cuda
