// Operations on rows. All are bound by memory: each number is read and written once, in vectors of
// 16 bytes where rows are aligned. A row is a warp's, so that narrow batches make few blocks: what
// that costs only hardware can tell. SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/rows.h"

#include <gpu.h>

#include "kernels/cuda/activation.h"
#include "kernels/cuda/elements.h"
#include "kernels/cuda/prepare.h"
#include "kernels/cuda/warp.h"

namespace waterline::cuda {
namespace {

constexpr bool IsTableType(Dtype type) {
  return type == Dtype::kF32 || type == Dtype::kF16 || type == Dtype::kBF16;
}

// Element `index` of a table at any address.
__device__ float ReadElement(const Table& table, int64_t index) {
  if (table.type == Dtype::kF32) {
    const std::byte* at = table.data + 4 * index;
    if ((reinterpret_cast<uintptr_t>(at) & 3) == 0) return *reinterpret_cast<const float*>(at);
    float value;
    memcpy(&value, at, sizeof value);
    return value;
  }
  const std::byte* at = table.data + 2 * index;
  uint16_t bits;
  if ((reinterpret_cast<uintptr_t>(at) & 1) == 0) {
    bits = *reinterpret_cast<const uint16_t*>(at);
  } else {
    memcpy(&bits, at, sizeof bits);
  }
  return table.type == Dtype::kF16 ? F16ToFloat(bits) : Bf16ToFloat(bits);
}

// A column a lane: neighbours in a table are neighbours in a warp, whatever their width.
__global__ void EmbedRows(const int32_t* ids, Table words, const int32_t* positions, Table places,
                          const float* every, MatView out) {
  const int64_t row = int64_t{blockIdx.x} * kRowsOfBlock + threadIdx.y;
  if (row >= out.rows) return;
  const int64_t word = ids[row] * out.cols;
  const int64_t place = places.data == nullptr ? 0 : positions[row] * out.cols;
  const int64_t begin = int64_t{blockIdx.y} * kColumnsOfBlock;
  const int64_t end = min(out.cols, begin + kColumnsOfBlock);
  for (int64_t c = begin + threadIdx.x; c < end; c += 32) {
    float sum = ReadElement(words, word + c);
    if (places.data != nullptr) sum += ReadElement(places, place + c);
    if (every != nullptr) sum += every[c];
    out.row(row)[c] = sum;
  }
}

constexpr int kNarrowRows = 4;  // Rows of a block, a warp each.
constexpr int kWideWarps = 8;   // Warps of a wider row, which has a block to itself.

// Over the threads that share a row, which all get it.
template <int kWarps>
__device__ float RowSum(float v) {
  v = WarpSum(v);
  if constexpr (kWarps > 1) {
    __shared__ float sums[kWarps];
    __syncthreads();  // The sums of the last call have been read.
    if (threadIdx.x == 0) sums[threadIdx.y] = v;
    __syncthreads();
    v = 0;
    for (int warp = 0; warp < kWarps; ++warp) v += sums[warp];
  }
  return v;
}

// out = the norm of x + residual, which is kept in `sum` unless that is nullptr. The row is in the
// registers of its kWarps warps, kFours vectors a lane, so that it is read once and out may be any
// of the inputs. The mean of the deviations from the rounded mean corrects it: a mean much larger
// than the deviations does no harm.
template <int kWarps, int kFours>
__global__ void NormRows(MatView x, MatView residual, Norm norm, float* sum, MatView out) {
  const int64_t row =
      kWarps > 1 ? int64_t{blockIdx.x} : int64_t{blockIdx.x} * kNarrowRows + threadIdx.y;
  if (row >= x.rows) return;  // Whole warps; with several a row, none.
  const int lane = static_cast<int>(threadIdx.x + (kWarps > 1 ? 32 * threadIdx.y : 0));
  Four v[kFours];
  float total = 0;
#pragma unroll
  for (int i = 0; i < kFours; ++i) {
    const int64_t column = 4 * (lane + i * 32 * kWarps), count = norm.width - column;
    v[i] = {0, 0, 0, 0};
    if (count <= 0) continue;
    v[i] = Load4(x.row(row) + column, count);
    if (residual.data != nullptr) {
      const Four second = Load4(residual.row(row) + column, count);
#pragma unroll
      for (int e = 0; e < 4; ++e) v[i].v[e] += second.v[e];
    }
    if (sum != nullptr) Store4(v[i], sum + row * x.stride + column, count);
    total += (v[i].v[0] + v[i].v[1]) + (v[i].v[2] + v[i].v[3]);
  }
  const auto width = static_cast<float>(norm.width);
  const float mean = norm.centred ? RowSum<kWarps>(total) / width : 0.0f;
  float deviations = 0, squares = 0;
#pragma unroll
  for (int i = 0; i < kFours; ++i) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      v[i].v[e] -= mean;
      if (4 * (lane + i * 32 * kWarps) + e >= norm.width) continue;
      deviations += v[i].v[e];
      squares += v[i].v[e] * v[i].v[e];
    }
  }
  const float shift = norm.centred ? RowSum<kWarps>(deviations) / width : 0.0f;
  const float variance = RowSum<kWarps>(squares) / width - shift * shift;
  const float scale = 1.0f / sqrtf(max(variance, 0.0f) + norm.eps);
#pragma unroll
  for (int i = 0; i < kFours; ++i) {
    const int64_t column = 4 * (lane + i * 32 * kWarps), count = norm.width - column;
    if (count <= 0) continue;
    const Four gamma = Load4(norm.gamma + column, count);
    const Four beta = norm.beta == nullptr ? Four{} : Load4(norm.beta + column, count);
#pragma unroll
    for (int e = 0; e < 4; ++e) v[i].v[e] = (v[i].v[e] - shift) * scale * gamma.v[e] + beta.v[e];
    Store4(v[i], out.row(row) + column, count);
  }
}

using NormKernel = void (*)(MatView, MatView, Norm, float*, MatView);

struct NormSize {
  int64_t widest;
  int warps;  // Of a row.
  NormKernel kernel;
};
constexpr NormSize kNormSizes[] = {
    {128, 1, NormRows<1, 1>},
    {256, 1, NormRows<1, 2>},
    {384, 1, NormRows<1, 3>},
    {512, 1, NormRows<1, 4>},
    {768, 1, NormRows<1, 6>},
    {1024, 1, NormRows<1, 8>},
    {2048, kWideWarps, NormRows<kWideWarps, 2>},
    {4096, kWideWarps, NormRows<kWideWarps, 4>},
    {kWidestNorm, kWideWarps, NormRows<kWideWarps, 8>},
};

cudaError_t LaunchNorm(const char* name, MatView x, MatView residual, const Norm& norm, float* sum,
                       MatView out, cudaStream_t stream) {
  if (x.empty()) return cudaSuccess;
  for (const NormSize& size : kNormSizes) {
    if (norm.width > size.widest) continue;
    const int64_t rows = size.warps > 1 ? 1 : kNarrowRows;
    return Launch(size.kernel, name, dim3(static_cast<unsigned>((x.rows + rows - 1) / rows)),
                  dim3(32, static_cast<unsigned>(size.warps * rows)), 0, stream, x, residual, norm,
                  sum, out);
  }
  return cudaErrorInvalidValue;
}

__global__ void AddActRows(MatView a, MatView b, Act act, MatView out) {
  ForFours(a.rows, a.cols, [&](int64_t row, int64_t column, int64_t count) {
    Four sum = Load4(a.row(row) + column, count);
    if (!b.empty()) {
      const Four second = Load4(b.row(b.rows == 1 ? 0 : row) + column, count);
#pragma unroll
      for (int e = 0; e < 4; ++e) sum.v[e] += second.v[e];
    }
    if (act == Act::kRelu) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sum.v[e] = Relu(sum.v[e]);
    }
    Store4(sum, out.row(row) + column, count);
  });
}

__global__ void ScaleRows(MatView x, const float* by, MatView out) {
  ForFours(x.rows, x.cols, [&](int64_t row, int64_t column, int64_t count) {
    Four product = Load4(x.row(row) + column, count);
    const Four factor = Load4(by + column, count);
#pragma unroll
    for (int e = 0; e < 4; ++e) product.v[e] *= factor.v[e];
    Store4(product, out.row(row) + column, count);
  });
}

__global__ void GateRows(MatView x, int64_t half, Act act) {
  ForFours(x.rows, half, [&](int64_t row, int64_t column, int64_t count) {
    float* at = x.row(row) + column;
    Four value = Load4(at, count);
    const Four gate = Load4(at + half, count);
#pragma unroll
    for (int e = 0; e < 4; ++e) value.v[e] = Activate(act, value.v[e]) * gate.v[e];
    Store4(value, at, count);
  });
}

// A pair of columns a lane.
__global__ void RotateRows(MatView angles, const int32_t* positions, int heads, MatView x) {
  const int64_t row = int64_t{blockIdx.x} * kRowsOfBlock + threadIdx.y;
  if (row >= x.rows) return;
  const int half = static_cast<int>(angles.cols / 2);
  const float* cosine = angles.row(positions[row]);
  const float* sine = cosine + half;
  const int begin = static_cast<int>(blockIdx.y) * kColumnsOfBlock;
  const int end = min(heads * half, begin + kColumnsOfBlock);
  for (int pair = begin + static_cast<int>(threadIdx.x); pair < end; pair += 32) {
    const int head = pair / half, m = pair % half;
    float* at = x.row(row) + int64_t{head} * 2 * half + m;
    const float a = at[0], b = at[half];
    at[0] = a * cosine[m] - b * sine[m];
    at[half] = b * cosine[m] + a * sine[m];
  }
}

template <class Combine>
__device__ Four Fold(MatView x, RowRange range, int64_t column, int64_t count,
                     const Combine& combine) {
  Four total = Load4(x.row(range.begin) + column, count);
#pragma unroll 4
  for (int64_t t = range.begin + 1; t < range.end; ++t) {
    const Four next = Load4(x.row(t) + column, count);
#pragma unroll
    for (int e = 0; e < 4; ++e) total.v[e] = combine(total.v[e], next.v[e]);
  }
  return total;
}

__device__ Four PoolFour(MatView x, RowRange range, Pooling pooling, int64_t column,
                         int64_t count) {
  if (range.begin >= range.end) return {0, 0, 0, 0};
  const auto add = [](float a, float b) { return a + b; };
  switch (pooling) {
    case Pooling::kFirst:
      return Load4(x.row(range.begin) + column, count);
    case Pooling::kLast:
      return Load4(x.row(range.end - 1) + column, count);
    case Pooling::kMax:  // NaN stays NaN.
      return Fold(x, range, column, count, [](float a, float b) {
        return a >= b ? a : a < b ? b : a + b;
      });
    case Pooling::kSum:
      return Fold(x, range, column, count, add);
    case Pooling::kMean: {
      Four mean = Fold(x, range, column, count, add);
#pragma unroll
      for (int e = 0; e < 4; ++e) mean.v[e] /= static_cast<float>(range.end - range.begin);
      return mean;
    }
  }
  return {0, 0, 0, 0};
}

__global__ void PoolRows(MatView x, const RowRange* ranges, Pooling pooling, MatView out) {
  ForFours(out.rows, out.cols, [&](int64_t row, int64_t column, int64_t count) {
    Store4(PoolFour(x, ranges[row], pooling, column, count), out.row(row) + column, count);
  });
}

__global__ void ClearEmptyRows(const RowRange* ranges, MatView x) {
  ForFours(x.rows, x.cols, [&](int64_t row, int64_t column, int64_t count) {
    const RowRange range = ranges[row];
    if (range.begin >= range.end) Store4({0, 0, 0, 0}, x.row(row) + column, count);
  });
}

// rows = nullptr: each row as it lies.
__global__ void CopyRowsFrom(MatView x, const int64_t* rows, MatView out) {
  ForFours(out.rows, out.cols, [&](int64_t row, int64_t column, int64_t count) {
    const int64_t from = rows == nullptr ? row : rows[row];
    Store4(Load4(x.row(from) + column, count), out.row(row) + column, count);
  });
}

}  // namespace

cudaError_t PrepareRows() {
  for (const NormSize& size : kNormSizes) {
    if (const cudaError_t error = PrepareKernels(0, size.kernel)) return error;
  }
  return PrepareKernels(0, &EmbedRows, &AddActRows, &ScaleRows, &GateRows, &RotateRows, &PoolRows,
                        &ClearEmptyRows, &CopyRowsFrom);
}

cudaError_t Embed(const EmbedArgs& args, MatView out, cudaStream_t stream) {
  if (out.empty()) return cudaSuccess;
  if (!IsTableType(args.words.type)) return cudaErrorInvalidValue;
  if (args.places.data != nullptr && !IsTableType(args.places.type)) return cudaErrorInvalidValue;
  return Launch(&EmbedRows, "Embed", ElementGrid(out.rows, out.cols), ElementBlock(), 0, stream,
                args.ids.data(), args.words, args.positions.data(), args.places, args.every, out);
}

cudaError_t AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out,
                         cudaStream_t stream) {
  return LaunchNorm("AddLayerNorm", x, residual, norm, nullptr, out, stream);
}

cudaError_t AddNorm(MatView x, MatView delta, const Norm& norm, MatView out, cudaStream_t stream) {
  float* const sum = delta.data == nullptr ? nullptr : x.data;
  return LaunchNorm("AddNorm", x, delta, norm, sum, out, stream);
}

cudaError_t AddAct(MatView a, MatView b, Act act, MatView out, cudaStream_t stream) {
  if (a.empty()) return cudaSuccess;
  return Launch(&AddActRows, "AddAct", ElementGrid(a.rows, a.cols), ElementBlock(), 0, stream, a, b,
                act, out);
}

cudaError_t Scale(MatView x, const float* by, MatView out, cudaStream_t stream) {
  if (x.empty()) return cudaSuccess;
  return Launch(&ScaleRows, "Scale", ElementGrid(x.rows, x.cols), ElementBlock(), 0, stream, x, by,
                out);
}

cudaError_t Gate(MatView x, Act act, cudaStream_t stream) {
  const int64_t half = x.cols / 2;
  if (x.rows == 0 || half == 0) return cudaSuccess;
  return Launch(&GateRows, "Gate", ElementGrid(x.rows, half), ElementBlock(), 0, stream, x, half,
                act);
}

cudaError_t Rotate(MatView angles, std::span<const int32_t> positions, int heads, MatView x,
                   cudaStream_t stream) {
  const int64_t pairs = heads * (angles.cols / 2);
  if (x.rows == 0 || pairs == 0) return cudaSuccess;
  return Launch(&RotateRows, "Rotate", ElementGrid(x.rows, pairs), ElementBlock(), 0, stream,
                angles, positions.data(), heads, x);
}

cudaError_t Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling, MatView out,
                 cudaStream_t stream) {
  if (out.empty()) return cudaSuccess;
  return Launch(&PoolRows, "Pool", ElementGrid(out.rows, out.cols), ElementBlock(), 0, stream, x,
                ranges.data(), pooling, out);
}

cudaError_t ClearEmpty(std::span<const RowRange> ranges, MatView x, cudaStream_t stream) {
  if (ranges.empty() || x.empty()) return cudaSuccess;
  x.rows = static_cast<int64_t>(ranges.size());
  return Launch(&ClearEmptyRows, "ClearEmpty", ElementGrid(x.rows, x.cols), ElementBlock(), 0,
                stream, ranges.data(), x);
}

cudaError_t GatherRows(MatView x, std::span<const int64_t> rows, MatView out, cudaStream_t stream) {
  if (out.empty()) return cudaSuccess;
  return Launch(&CopyRowsFrom, "GatherRows", ElementGrid(out.rows, out.cols), ElementBlock(), 0,
                stream, x, rows.data(), out);
}

cudaError_t CopyRows(MatView from, MatView to, cudaStream_t stream) {
  if (to.empty()) return cudaSuccess;
  return Launch(&CopyRowsFrom, "CopyRows", ElementGrid(to.rows, to.cols), ElementBlock(), 0, stream,
                from, nullptr, to);
}

}  // namespace waterline::cuda
