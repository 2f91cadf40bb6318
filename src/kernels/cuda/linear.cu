// out = act(x W' + b): inputs rounded to the operands of the weight's type, then a tiled product on
// the tensor cores.
//
// A block makes a tile of the output, each warp a part of it. Slices of 64 bytes of rows of x and W
// flow through kStages buffers by asynchronous copies, so that one barrier a slice is enough: the
// buffer being filled was last read before that barrier. All types have the same fragments in bytes
// (ptx/gpu.h), so they differ only in the product of two fragments. Chunks of 16 bytes are swizzled
// so that neither copies nor ldmatrix meet in a bank. The sums pass through shared memory on their
// way out, so that rows are written whole and each activation is compiled once for four outputs.
//
// Same bits: a sum takes its terms in order of k, 32 bytes an instruction, in tiles of every shape;
// what lies in other rows of a tile does not enter.
//
// f32: each operand is split in big + small, both tf32, and big big + big small + small big are
// summed, the small ones first; what is dropped is 2^-22 of a product. Tensor cores round sums
// towards zero (arXiv:2203.03341, section 3), so the sums over 8 terms are added up outside, by
// additions that round to nearest.
//
// Traffic and limits, derived: a slice of a 128 x 256 tile is 24 KB from L2 for 2 M multiplications
// of bf16; ldmatrix reads 64 bytes of shared memory a thread for 16 instructions in warps of
// 64 x 64, which keeps 7/10 of an A100's shared memory busy at the full rate of its tensor cores.
// wgmma and tcgen05 are not used: sm_90 and sm_100 reach a part of their rate only. What only
// hardware can tell: the shares in LinearTileFor, the number of stages, the width of row groups.
// SPDX-License-Identifier: Apache-2.0
#include <gpu.h>

#include <limits>
#include <type_traits>

#include "kernels/cuda/activate.h"
#include "kernels/cuda/linear.h"

namespace waterline::cuda {
namespace {

constexpr int kSlice = static_cast<int>(kLinearSliceBytes);
constexpr int kChunks = kSlice / 16;  // Of a row of a slice.
constexpr int kStep = 32;             // Bytes of a row that one instruction multiplies.

// --- Products of a fragment of 16 rows of x and one of 8 rows of W.

struct Bf16Product {
  using Sum = float;
  static constexpr int kWarpCols = 64;    // In the large tiles: what the registers allow.
  static constexpr bool kRounded = true;  // x is operands in scratch, not f32.
  struct Rows {
    uint32_t a[4];
  };
  struct Outputs {
    uint32_t b[2];
  };
  static __device__ __forceinline__ void Take(const uint32_t (&raw)[4], Rows& rows) {
#pragma unroll
    for (int r = 0; r < 4; ++r) rows.a[r] = raw[r];
  }
  static __device__ __forceinline__ void Take(uint32_t b0, uint32_t b1, Outputs& outputs) {
    outputs.b[0] = b0;
    outputs.b[1] = b1;
  }
  static __device__ __forceinline__ void Add(const Rows& x, const Outputs& w, float (&d)[4]) {
    MmaBf16(d, x.a, w.b[0], w.b[1]);
  }
};

struct F16Product : Bf16Product {
  static __device__ __forceinline__ void Add(const Rows& x, const Outputs& w, float (&d)[4]) {
    MmaF16(d, x.a, w.b[0], w.b[1]);
  }
};

struct Int8Product : Bf16Product {
  using Sum = int32_t;
  static __device__ __forceinline__ void Add(const Rows& x, const Outputs& w, int32_t (&d)[4]) {
    MmaS8(d, x.a, w.b[0], w.b[1]);
  }
};

struct Tf32Product : Bf16Product {
  static constexpr bool kRounded = false;
  using Bf16Product::Take;  // W was rounded when it was packed.
  static __device__ __forceinline__ void Take(const uint32_t (&raw)[4], Rows& rows) {
#pragma unroll
    for (int r = 0; r < 4; ++r) rows.a[r] = FloatToTf32(__uint_as_float(raw[r]));
  }
  static __device__ __forceinline__ void Add(const Rows& x, const Outputs& w, float (&d)[4]) {
    MmaTf32(d, x.a, w.b[0], w.b[1]);
  }
};

struct F32Product {
  using Sum = float;
  static constexpr int kWarpCols = 32;
  static constexpr bool kRounded = false;
  struct Rows {
    uint32_t big[4], small[4];
  };
  struct Outputs {
    uint32_t big[2], small[2];
  };
  // big is rounded to nearest, so small has at most 12 bits and either sign: dropping its last one
  // is no bias. Integer arithmetic is half of what cvt.rna takes. It may turn a NaN to a big of
  // zero, but small is a NaN then.
  static __device__ __forceinline__ void Split(uint32_t raw, uint32_t& big, uint32_t& small) {
    big = (raw + 0x1000) & 0xffffe000;
    small = __float_as_uint(__uint_as_float(raw) - __uint_as_float(big)) & 0xffffe000;
  }
  static __device__ __forceinline__ void Take(const uint32_t (&raw)[4], Rows& rows) {
#pragma unroll
    for (int r = 0; r < 4; ++r) Split(raw[r], rows.big[r], rows.small[r]);
  }
  static __device__ __forceinline__ void Take(uint32_t b0, uint32_t b1, Outputs& outputs) {
    Split(b0, outputs.big[0], outputs.small[0]);
    Split(b1, outputs.big[1], outputs.small[1]);
  }
  static __device__ __forceinline__ void Add(const Rows& x, const Outputs& w, float (&d)[4]) {
    float sum[4] = {};
    MmaTf32(sum, x.small, w.big[0], w.big[1]);
    MmaTf32(sum, x.big, w.small[0], w.small[1]);
    MmaTf32(sum, x.big, w.big[0], w.big[1]);
#pragma unroll
    for (int e = 0; e < 4; ++e) d[e] += sum[e];
  }
};

// --- Tiles.

template <int kRows_, int kCols_, int kWarpRows_, int kWarpCols_, int kStages_>
struct TileShape {
  static constexpr int kRows = kRows_, kCols = kCols_;                  // Of a block.
  static constexpr int kWarpRows = kWarpRows_, kWarpCols = kWarpCols_;  // Of a warp.
  static constexpr int kStages = kStages_;
  static constexpr int kWarpsAcross = kCols / kWarpCols;
  static constexpr int kWarps = kRows / kWarpRows * kWarpsAcross;
  static constexpr int kThreads = kWarps * 32;
  static constexpr int kStageBytes = (kRows + kCols) * kSlice;
  static constexpr int kShared = kStages * kStageBytes;
  // Floats between rows on the way out: 8 more than a multiple of 16, against bank conflicts.
  static constexpr int kOutPitch = kWarpCols + 8;
  static_assert(kWarps * 16 * kOutPitch * int{sizeof(float)} <= kShared);
  static_assert(kRows * kChunks % kThreads == 0 && kCols * kChunks % kThreads == 0);
};
// At most 96 KB, which every GPU from sm_80 has.
template <class P>
using Tile128x256 = TileShape<128, 256, 64, P::kWarpCols, 4>;
template <class P>
using Tile128x128 = TileShape<128, 128, 64, P::kWarpCols, 3>;
using Tile64x64 = TileShape<64, 64, 32, 32, 4>;
using Tile32x32 = TileShape<32, 32, 16, 16, 8>;

struct Operands {
  const std::byte* data;
  int64_t pitch;  // Bytes between rows.
  int64_t used;   // Bytes of a row that are read; zeros follow.
  int rows;
  bool aligned;  // Rows begin at multiples of 16 bytes.
};

struct Product {
  Operands x, w;
  int slices;
  int row_tiles, col_tiles;
  const float* row_scales;  // int8 only.
  const float* col_scales;
  const float* bias;
  Act act;
  float* out;
  int64_t stride;
  bool out_aligned;  // Rows of out begin at multiples of 16 bytes.
};

// The place of a chunk in a slice.
__device__ __forceinline__ std::byte* ChunkAt(std::byte* slice, int row, int chunk) {
  return slice + row * kSlice + ((chunk ^ (row >> 1 & 3)) << 4);
}

// Copies slice `slice` of rows [first, first + kRows) to shared memory.
template <int kRows, int kThreads, bool kWhole>
__device__ __forceinline__ void CopySlice(const Operands& from, int first, int slice,
                                          std::byte* to) {
#pragma unroll
  for (int i = 0; i < kRows * kChunks / kThreads; ++i) {
    const int at = static_cast<int>(threadIdx.x) + i * kThreads;
    const int row = at / kChunks, chunk = at % kChunks;
    const bool inside = first + row < from.rows;
    const int64_t column = int64_t{slice} * kSlice + chunk * 16;
    const std::byte* source = from.data + (inside ? first + row : 0) * from.pitch;
    std::byte* const target = ChunkAt(to, row, chunk);
    if constexpr (kWhole) {
      CopyAsync16(target, source + column, inside);
      continue;
    }
    const int64_t left = from.used - column;
    const int bytes = !inside || left <= 0 ? 0 : left < 16 ? static_cast<int>(left) : 16;
    if (bytes > 0) source += column;
    if (from.aligned) {
      CopyAsync16Part(target, source, bytes);
    } else {
#pragma unroll
      for (int b = 0; b < 16; b += 4)
        CopyAsync4(target + b, source + (b < bytes ? b : 0), b < bytes);
    }
  }
}

// The sums of a warp.
template <class P, class T>
struct Sums {
  typename P::Sum d[T::kWarpRows / 16][T::kWarpCols / 8][4] = {};
};

// Adds the products of one slice.
template <class P, class T>
__device__ __forceinline__ void AddSlice(std::byte* x, std::byte* w, int lane, Sums<P, T>& sums) {
#pragma unroll
  for (int k = 0; k < kSlice / kStep; ++k) {
    typename P::Rows rows[T::kWarpRows / 16];
    uint32_t raw[4];
#pragma unroll
    for (int i = 0; i < T::kWarpRows / 16; ++i) {
      LoadMatrix(raw, ChunkAt(x, i * 16 + (lane & 15), k * 2 + (lane >> 4)));
      P::Take(raw, rows[i]);
    }
#pragma unroll
    for (int j = 0; j < T::kWarpCols / 16; ++j) {
      LoadMatrix(raw, ChunkAt(w, j * 16 + (lane & 7) + (lane >> 4) * 8, k * 2 + (lane >> 3 & 1)));
      typename P::Outputs outputs[2];
      P::Take(raw[0], raw[1], outputs[0]);
      P::Take(raw[2], raw[3], outputs[1]);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
#pragma unroll
        for (int i = 0; i < T::kWarpRows / 16; ++i)
          P::Add(rows[i], outputs[h], sums.d[i][j * 2 + h]);
      }
    }
  }
}

// Four neighbouring outputs of a row, from column `col`.
struct Quad {
  int64_t col;
  float bias[4], scale[4];
  bool present[4];
};
__device__ __forceinline__ Quad QuadAt(const Product& p, int64_t col) {
  Quad quad;
  quad.col = col;
#pragma unroll
  for (int c = 0; c < 4; ++c) {
    quad.present[c] = col + c < p.w.rows;
    quad.bias[c] = quad.present[c] && p.bias != nullptr ? p.bias[col + c] : 0;
    quad.scale[c] = quad.present[c] && p.col_scales != nullptr ? p.col_scales[col + c] : 1;
  }
  return quad;
}

__device__ __forceinline__ void Finish(const Product& p, const Quad& quad, int64_t row,
                                       const float4& sums) {
  float v[4] = {sums.x, sums.y, sums.z, sums.w};
  if (p.row_scales != nullptr) {
    const float scale = p.row_scales[row];
#pragma unroll
    for (int c = 0; c < 4; ++c) v[c] *= quad.scale[c] * scale;
  }
#pragma unroll
  for (int c = 0; c < 4; ++c) v[c] += quad.bias[c];
  Activate(p.act, v);
  float* const to = p.out + row * p.stride + quad.col;
  if (p.out_aligned && quad.present[3]) {
    *reinterpret_cast<float4*>(to) = {v[0], v[1], v[2], v[3]};
    return;
  }
#pragma unroll
  for (int c = 0; c < 4; ++c)
    if (quad.present[c]) to[c] = v[c];
}

// Writes the outputs of a warp, from (row, col), through its own part of shared memory.
template <class P, class T>
__device__ __forceinline__ void Write(const Product& p, const Sums<P, T>& sums, int64_t row,
                                      int64_t col, int lane, float* shared) {
  constexpr int kQuads = T::kWarpCols / 4;
  const Quad quad = QuadAt(p, col + lane % kQuads * 4);
#pragma unroll
  for (int i = 0; i < T::kWarpRows / 16; ++i) {
#pragma unroll
    for (int j = 0; j < T::kWarpCols / 8; ++j) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float* const to = shared + (lane / 4 + h * 8) * T::kOutPitch + j * 8 + lane % 4 * 2;
        *reinterpret_cast<float2*>(to) = {static_cast<float>(sums.d[i][j][h * 2]),
                                          static_cast<float>(sums.d[i][j][h * 2 + 1])};
      }
    }
    __syncwarp();
#pragma unroll 1
    for (int r = lane / kQuads; r < 16; r += 32 / kQuads) {
      const int64_t at = row + i * 16 + r;
      if (at < p.x.rows && quad.present[0]) {
        Finish(p, quad, at,
               *reinterpret_cast<const float4*>(shared + r * T::kOutPitch + lane % kQuads * 4));
      }
    }
    __syncwarp();
  }
}

// The tile of this block. Blocks go down groups of kGroup tiles of rows, so that those that run at
// the same time share rows of W, and of x, in L2.
struct TilePlace {
  int row, col;
};
__device__ __forceinline__ TilePlace PlaceOfBlock(int row_tiles, int col_tiles) {
  constexpr int kGroup = 8;
  const int block = static_cast<int>(blockIdx.x);
  const int first = block / (kGroup * col_tiles) * kGroup;
  const int height = row_tiles - first < kGroup ? row_tiles - first : kGroup;
  const int inside = block % (kGroup * col_tiles);
  return {first + inside % height, inside / height};
}

template <class P, class T>
__global__ void __launch_bounds__(T::kThreads) MultiplyTiles(Product p) {
  std::byte* const shared = DynamicShared<std::byte>();
  const int lane = static_cast<int>(threadIdx.x) & 31, warp = static_cast<int>(threadIdx.x) >> 5;
  const TilePlace place = PlaceOfBlock(p.row_tiles, p.col_tiles);
  const int first_row = place.row * T::kRows, first_col = place.col * T::kCols;
  const int warp_row = warp / T::kWarpsAcross * T::kWarpRows;
  const int warp_col = warp % T::kWarpsAcross * T::kWarpCols;

  const auto copy = [&](int slice) {
    if (slice < p.slices) {
      std::byte* const to = shared + slice % T::kStages * T::kStageBytes;
      CopySlice<T::kRows, T::kThreads, P::kRounded>(p.x, first_row, slice, to);
      CopySlice<T::kCols, T::kThreads, true>(p.w, first_col, slice, to + T::kRows * kSlice);
    }
    CopyAsyncCommit();  // An empty group keeps the count of groups equal to that of slices.
  };

  Sums<P, T> sums;
  for (int slice = 0; slice < T::kStages - 1; ++slice) copy(slice);
  for (int slice = 0; slice < p.slices; ++slice) {
    CopyAsyncWait<T::kStages - 2>();
    __syncthreads();
    copy(slice + T::kStages - 1);
    std::byte* const x = shared + slice % T::kStages * T::kStageBytes;
    AddSlice<P, T>(x + warp_row * kSlice, x + (T::kRows + warp_col) * kSlice, lane, sums);
  }
  CopyAsyncWait<0>();
  __syncthreads();  // All have read the last slice: shared memory is free for the way out.
  Write<P, T>(p, sums, first_row + warp_row, first_col + warp_col, lane,
              reinterpret_cast<float*>(shared) + warp * 16 * T::kOutPitch);
}

// --- Rounding of inputs: a block a row, a thread 16 bytes of operands at a time.

constexpr int kRoundThreads = 128;

// kCount numbers of a row from column `at`, with zeros from column `cols`.
template <int kCount>
__device__ __forceinline__ void LoadNumbers(const float* row, int64_t at, int64_t cols,
                                            bool aligned, float (&v)[kCount]) {
  if (aligned && at + kCount <= cols) {
#pragma unroll
    for (int i = 0; i < kCount; i += 4) {
      const float4 four = *reinterpret_cast<const float4*>(row + at + i);
      v[i] = four.x;
      v[i + 1] = four.y;
      v[i + 2] = four.z;
      v[i + 3] = four.w;
    }
    return;
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) v[i] = at + i < cols ? row[at + i] : 0;
}

template <bool kBf16>
__global__ void __launch_bounds__(kRoundThreads)
    RoundTo16Bits(MatView x, bool aligned, int64_t row_bytes, std::byte* to) {
  const int64_t row = blockIdx.x;
  for (int64_t at = threadIdx.x * 16; at < row_bytes; at += kRoundThreads * 16) {
    float v[8];
    LoadNumbers(x.data + row * x.stride, at / 2, x.cols, aligned, v);
    uint32_t pairs[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      pairs[i] = kBf16 ? PackBf16(v[2 * i], v[2 * i + 1]) : PackF16(v[2 * i], v[2 * i + 1]);
    *reinterpret_cast<uint4*>(to + row * row_bytes + at) = {pairs[0], pairs[1], pairs[2], pairs[3]};
  }
}

// The largest of the bits of |x| over the block: magnitudes compare as their bits do, and a number
// that is not finite is the largest.
__device__ __forceinline__ uint32_t LargestOfBlock(uint32_t bits) {
  __shared__ uint32_t largest[kRoundThreads / 32];
#pragma unroll
  for (int step = 16; step > 0; step /= 2) bits = max(bits, __shfl_xor_sync(~0u, bits, step));
  if (threadIdx.x % 32 == 0) largest[threadIdx.x / 32] = bits;
  __syncthreads();
#pragma unroll
  for (int warp = 0; warp < kRoundThreads / 32; ++warp) bits = max(bits, largest[warp]);
  return bits;
}

// q = x * 127 / largest to nearest even, scale = largest / 127, as kernels for the CPU round. A row
// with an infinity or a NaN has a scale of NaN, so that its products are NaN too.
__global__ void __launch_bounds__(kRoundThreads)
    RoundToInt8Rows(MatView x, bool aligned, int64_t row_bytes, std::byte* to, float* scales) {
  const int64_t row = blockIdx.x;
  const float* const from = x.data + row * x.stride;
  uint32_t bits = 0;
  for (int64_t at = threadIdx.x * 4; at < x.cols; at += kRoundThreads * 4) {
    float v[4];
    LoadNumbers(from, at, x.cols, aligned, v);
#pragma unroll
    for (const float f : v) bits = max(bits, __float_as_uint(f) & 0x7fffffff);
  }
  bits = LargestOfBlock(bits);
  const float largest = __uint_as_float(bits);
  const bool finite = bits < 0x7f800000;
  float inverse = finite && largest > 0 ? 127.0f / largest : 0;
  if (inverse > 3.402823466e38f) inverse = 0;  // Subnormal: as good as zero.
  if (threadIdx.x == 0) scales[row] = finite ? largest / 127.0f : __uint_as_float(0x7fc00000);
  for (int64_t at = threadIdx.x * 16; at < row_bytes; at += kRoundThreads * 16) {
    float v[16];
    LoadNumbers(from, at, x.cols, aligned, v);
    uint32_t words[4] = {};
#pragma unroll
    for (int i = 0; i < 16; ++i) {
      const float q = rintf(fminf(fmaxf(v[i] * inverse, -127.0f), 127.0f));
      words[i / 4] |= (static_cast<uint32_t>(static_cast<int32_t>(q)) & 0xff) << i % 4 * 8;
    }
    *reinterpret_cast<uint4*>(to + row * row_bytes + at) = {words[0], words[1], words[2], words[3]};
  }
}

bool Aligned(MatView x) {
  return reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.stride % 4 == 0;
}

cudaError_t RoundInputs(MatView x, WeightType type, std::byte* to, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(x.rows)), block(kRoundThreads);
  const int64_t row_bytes = LinearRowBytes(type, x.cols);
  if (type == WeightType::kInt8) {
    auto* const scales = reinterpret_cast<float*>(to + x.rows * row_bytes);
    return Launch(&RoundToInt8Rows, "RoundToInt8Rows", grid, block, 0, stream, x, Aligned(x),
                  row_bytes, to, scales);
  }
  return Launch(type == WeightType::kBf16 ? &RoundTo16Bits<true> : &RoundTo16Bits<false>,
                "RoundTo16Bits", grid, block, 0, stream, x, Aligned(x), row_bytes, to);
}

// --- Host side of the products.

constexpr LinearTile kAllTiles[] = {LinearTile::k128x256, LinearTile::k128x128, LinearTile::k64x64,
                                    LinearTile::k32x32};

// f(shape) with the shape of `tile` for products P; f32 never comes with the first.
template <class P, class F>
auto WithTile(LinearTile tile, const F& f) {
  switch (tile) {
    case LinearTile::k128x256:
      if constexpr (!std::is_same_v<P, F32Product>) return f(Tile128x256<P>());
      [[fallthrough]];
    case LinearTile::k128x128:
      return f(Tile128x128<P>());
    case LinearTile::k64x64:
      return f(Tile64x64());
    case LinearTile::k32x32:
      break;
  }
  return f(Tile32x32());
}

// f(product) with the product for `type`.
template <class F>
auto WithProduct(WeightType type, const F& f) {
  switch (type) {
    case WeightType::kF32:
      return f(F32Product());
    case WeightType::kTf32:
      return f(Tf32Product());
    case WeightType::kBf16:
      return f(Bf16Product());
    case WeightType::kF16:
      return f(F16Product());
    case WeightType::kInt8:
      break;
  }
  return f(Int8Product());
}

// Both.
template <class F>
auto WithKernel(WeightType type, LinearTile tile, const F& f) {
  return WithProduct(type, [&](auto product) {
    using P = decltype(product);
    return WithTile<P>(tile, [&](auto shape) { return f(product, shape); });
  });
}

int64_t Tiles(int64_t n, int64_t size) { return (n + size - 1) / size; }

template <class P, class T>
cudaError_t LaunchProduct(Product& p, cudaStream_t stream) {
  p.row_tiles = static_cast<int>(Tiles(p.x.rows, T::kRows));
  p.col_tiles = static_cast<int>(Tiles(p.w.rows, T::kCols));
  const dim3 grid(static_cast<unsigned>(p.row_tiles) * static_cast<unsigned>(p.col_tiles));
  return Launch(&MultiplyTiles<P, T>, "MultiplyTiles", grid, dim3(T::kThreads), T::kShared, stream,
                p);
}

Product ProductOf(MatView x, const Weight& w, Act act, std::byte* scratch, MatView out) {
  const int64_t row_bytes = LinearRowBytes(w.type, w.in);
  Product p = {};
  p.w = {w.packed, row_bytes, row_bytes, static_cast<int>(w.out), true};
  if (LinearScratchBytes(x.rows, w) > 0) {
    p.x = {scratch, row_bytes, row_bytes, static_cast<int>(x.rows), true};
  } else {
    p.x = {reinterpret_cast<const std::byte*>(x.data), x.stride * int64_t{sizeof(float)},
           w.in * int64_t{sizeof(float)}, static_cast<int>(x.rows), Aligned(x)};
  }
  p.slices = static_cast<int>(row_bytes / kLinearSliceBytes);
  if (w.type == WeightType::kInt8) {
    p.row_scales = reinterpret_cast<const float*>(scratch + x.rows * row_bytes);
    p.col_scales = reinterpret_cast<const float*>(w.packed + w.out * row_bytes);
  }
  p.bias = w.bias;
  p.act = act;
  p.out = out.data;
  p.stride = out.stride;
  p.out_aligned = Aligned(out);
  return p;
}

}  // namespace

std::span<const LinearTile> LinearTiles(WeightType type) {
  return std::span(kAllTiles).subspan(type == WeightType::kF32 ? 1 : 0);
}

// Tiles on one multiprocessor share its tensor cores, so the time is that of the one with the most.
// A tile's time is its area by its share of the tensor cores' rate; the shares are derived from the
// reads of shared memory a product needs.
LinearTile LinearTileFor(WeightType type, int64_t rows, int64_t out, int multiprocessors) {
  constexpr double kShares[] = {1, 0.9, 0.6, 0.3};
  LinearTile best = LinearTile::k32x32;
  double least = std::numeric_limits<double>::infinity();
  for (const LinearTile tile : LinearTiles(type)) {
    const int64_t area = WithKernel(type, tile, [&](auto, auto shape) {
      using T = decltype(shape);
      const int64_t blocks = Tiles(rows, T::kRows) * Tiles(out, T::kCols);
      return Tiles(blocks, multiprocessors) * T::kRows * T::kCols;
    });
    const double time = static_cast<double>(area) / kShares[static_cast<int>(tile)];
    if (time < least) {
      least = time;
      best = tile;
    }
  }
  return best;
}

cudaError_t LinearInTiles(LinearTile tile, MatView x, const Weight& w, Act act,
                          std::span<std::byte> scratch, MatView out, cudaStream_t stream) {
  if (x.rows == 0 || w.out == 0) return cudaSuccess;
  if (LinearScratchBytes(x.rows, w) > 0) {
    if (const cudaError_t e = RoundInputs(x, w.type, scratch.data(), stream)) return e;
  }
  Product p = ProductOf(x, w, act, scratch.data(), out);
  return WithKernel(w.type, tile, [&](auto product, auto shape) {
    return LaunchProduct<decltype(product), decltype(shape)>(p, stream);
  });
}

cudaError_t Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch, MatView out,
                   cudaStream_t stream) {
  int device = 0, multiprocessors = 0;
  if (const cudaError_t e = cudaGetDevice(&device)) return e;
  if (const cudaError_t e =
          cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device)) {
    return e;
  }
  return LinearInTiles(LinearTileFor(w.type, x.rows, w.out, multiprocessors), x, w, act, scratch,
                       out, stream);
}

cudaError_t PrepareLinear() {
  const auto prepare = [](auto* kernel, int shared) {
    return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
  };
  for (const WeightType type : {WeightType::kF32, WeightType::kTf32, WeightType::kBf16,
                                WeightType::kF16, WeightType::kInt8}) {
    for (const LinearTile tile : LinearTiles(type)) {
      const cudaError_t e = WithKernel(type, tile, [&](auto product, auto shape) {
        using T = decltype(shape);
        return prepare(&MultiplyTiles<decltype(product), T>, T::kShared);
      });
      if (e != cudaSuccess) return e;
    }
  }
  if (const cudaError_t e = prepare(&RoundTo16Bits<true>, 0)) return e;
  if (const cudaError_t e = prepare(&RoundTo16Bits<false>, 0)) return e;
  return prepare(&RoundToInt8Rows, 0);
}

}  // namespace waterline::cuda
