// A probe is one warp.
// SPDX-License-Identifier: Apache-2.0
#include <gpu.h>

#include <cmath>
#include <cstdint>

#include "kernels/cuda/probes.h"

namespace waterline::cuda {
namespace {

__device__ __forceinline__ int Lane() { return static_cast<int>(threadIdx.x); }

// --- Products of fragments (PTX ISA 9, 9.7.14.5): d[i][j] = c[i][j] + sum of a[i][k] b[k][j], of
// small integers that are exact in every type. Where an element lies is written here as the
// document does, element by element.

__host__ __device__ constexpr int A(int i, int k) {
  return (i * 37 + k * 101 + i * k * 13) % 15 - 7;
}
__host__ __device__ constexpr int B(int k, int j) { return (k * 53 + j * 29 + k * j * 7) % 13 - 6; }
__host__ __device__ constexpr int C(int i, int j) { return i * 64 + j; }

// Calls f(element, row, column) for the elements of A that this lane holds; kWord of them are in a
// register.
template <int kWord, class F>
__device__ __forceinline__ void ForA(const F& f) {
  const int group = Lane() / 4, in_group = Lane() % 4;
#pragma unroll
  for (int e = 0; e < 4 * kWord; ++e) {
    const int reg = e / kWord;
    f(e, reg % 2 == 0 ? group : group + 8,
      in_group * kWord + e % kWord + (reg < 2 ? 0 : 4 * kWord));
  }
}
// The same for B: f(element, row, column).
template <int kWord, class F>
__device__ __forceinline__ void ForB(const F& f) {
  const int group = Lane() / 4, in_group = Lane() % 4;
#pragma unroll
  for (int e = 0; e < 2 * kWord; ++e)
    f(e, in_group * kWord + e % kWord + (e < kWord ? 0 : 4 * kWord), group);
}
// The same for C and D.
template <class F>
__device__ __forceinline__ void ForD(const F& f) {
  const int group = Lane() / 4, in_group = Lane() % 4;
#pragma unroll
  for (int e = 0; e < 4; ++e) f(e, e < 2 ? group : group + 8, in_group * 2 + e % 2);
}

struct Bf16Probe {
  static constexpr int kWord = 2;
  using Sum = float;
  static __device__ uint32_t Bits(int v) { return FloatToBf16(static_cast<float>(v)); }
  static __device__ void Mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    MmaBf16(d, a, b[0], b[1]);
  }
};
struct F16Probe {
  static constexpr int kWord = 2;
  using Sum = float;
  static __device__ uint32_t Bits(int v) { return FloatToF16(static_cast<float>(v)); }
  static __device__ void Mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    MmaF16(d, a, b[0], b[1]);
  }
};
struct Tf32Probe {
  static constexpr int kWord = 1;
  using Sum = float;
  static __device__ uint32_t Bits(int v) { return FloatToTf32(static_cast<float>(v)); }
  static __device__ void Mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    MmaTf32(d, a, b[0], b[1]);
  }
};
struct S8Probe {
  static constexpr int kWord = 4;
  using Sum = int32_t;
  static __device__ uint32_t Bits(int v) { return static_cast<uint32_t>(v) & 0xff; }
  static __device__ void Mma(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    MmaS8(d, a, b[0], b[1]);
  }
};

template <class P>
__global__ void ProbeMma(float* out) {
  constexpr int kWord = P::kWord, kBits = 32 / kWord;
  uint32_t a[4] = {}, b[2] = {};
  typename P::Sum d[4];
  ForA<kWord>([&](int e, int i, int k) { a[e / kWord] |= P::Bits(A(i, k)) << e % kWord * kBits; });
  ForB<kWord>([&](int e, int k, int j) { b[e / kWord] |= P::Bits(B(k, j)) << e % kWord * kBits; });
  ForD([&](int e, int i, int j) { d[e] = static_cast<typename P::Sum>(C(i, j)); });
  P::Mma(d, a, b);
  ForD([&](int e, int i, int j) { out[i * 8 + j] = static_cast<float>(d[e]); });
}

template <class P>
void ExpectMma(float* out) {
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 8; ++j) {
      int sum = C(i, j);
      for (int k = 0; k < 8 * P::kWord; ++k) sum += A(i, k) * B(k, j);
      out[i * 8 + j] = static_cast<float>(sum);
    }
  }
}

// --- ldmatrix: lane l names row l % 8 of matrix l / 8. Rows lie in another order in
// shared memory.

__host__ __device__ constexpr int PlaceOfRow(int row) { return row * 5 % 32; }

template <bool kTransposed>
__global__ void ProbeLoadMatrix(float* out) {
  auto* const shared = DynamicShared<uint16_t>();
  for (int c = 0; c < 8; ++c)
    shared[PlaceOfRow(Lane()) * 8 + c] = static_cast<uint16_t>(Lane() * 8 + c);
  __syncwarp();
  uint32_t r[4];
  if constexpr (kTransposed) {
    LoadMatrixTransposed(r, shared + PlaceOfRow(Lane()) * 8);
  } else {
    LoadMatrix(r, shared + PlaceOfRow(Lane()) * 8);
  }
#pragma unroll
  for (int m = 0; m < 4; ++m) {
    out[(Lane() * 4 + m) * 2] = static_cast<float>(r[m] & 0xffff);
    out[(Lane() * 4 + m) * 2 + 1] = static_cast<float>(r[m] >> 16);
  }
}

template <bool kTransposed>
void ExpectLoadMatrix(float* out) {
  for (int lane = 0; lane < 32; ++lane) {
    for (int m = 0; m < 4; ++m) {
      for (int e = 0; e < 2; ++e) {
        const int row = kTransposed ? lane % 4 * 2 + e : lane / 4;
        const int column = kTransposed ? lane / 4 : lane % 4 * 2 + e;
        *out++ = static_cast<float>((m * 8 + row) * 8 + column);
      }
    }
  }
}

// --- cp.async: what is not copied of the bytes is zero. `out` serves as the source.

constexpr int kCopied = 16;  // Floats in each of the three parts.

__global__ void ProbeCopyAsync(float* out) {
  auto* const shared = DynamicShared<float>();
  float* const source = out + 3 * kCopied;
  if (Lane() < kCopied) source[Lane()] = static_cast<float>(Lane() + 1);
  for (int i = Lane(); i < 3 * kCopied; i += 32) shared[i] = -1;
  __syncthreads();
  if (Lane() < 4) {
    CopyAsync16(shared + Lane() * 4, source + Lane() * 4, Lane() % 2 == 0);
    CopyAsync16Part(shared + kCopied + Lane() * 4, source + Lane() * 4, Lane() * 4 + 4);
  }
  CopyAsyncCommit();
  if (Lane() < kCopied) CopyAsync4(shared + 2 * kCopied + Lane(), source + Lane(), Lane() % 3 != 0);
  CopyAsyncCommit();
  CopyAsyncWait<1>();
  CopyAsyncWait<0>();
  __syncthreads();
  for (int i = Lane(); i < 3 * kCopied; i += 32) out[i] = shared[i];
}

void ExpectCopyAsync(float* out) {
  for (int i = 0; i < kCopied; ++i) {
    const auto value = static_cast<float>(i + 1);
    out[i] = i / 4 % 2 == 0 ? value : 0;
    out[kCopied + i] = i % 4 <= i / 4 ? value : 0;
    out[2 * kCopied + i] = i % 3 != 0 ? value : 0;
    out[3 * kCopied + i] = value;
  }
}

// --- Conversions (cvt). 32 numbers from one of the short type to the next, of either parity
// and sign, the 16th of them halfway, then numbers at the ends of f16.

constexpr int kSweeps = 4;
constexpr int kConverted = (kSweeps * 32 + 8) * 4;

__host__ __device__ constexpr uint32_t SweepBits(int sweep, int lane, int dropped) {
  return 0x3f800000u + (static_cast<uint32_t>(sweep) % 2 << dropped) +
         (static_cast<uint32_t>(sweep) / 2 << 31) + (static_cast<uint32_t>(lane) << (dropped - 5));
}
__device__ __forceinline__ uint32_t EndBits(int lane) {
  switch (lane) {
    case 0:
      return 0x477fefff;  // Below 65520.
    case 1:
      return 0x477ff000;  // 65520
    case 2:
      return 0x7f800000;  // Infinity
    case 3:
      return 0x33000000;  // 2^-25, half the least number.
    case 4:
      return 0x33000001;  // Above it.
    case 5:
      return 0x33c00000;  // 3 2^-25
    case 6:
      return 0x387fe000;  // Half the way from the largest subnormal number to 2^-14.
    default:
      return 0x80000000;  // -0
  }
}

__global__ void ProbeConversions(float* out) {
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    float* const to = out + (sweep * 32 + Lane()) * 4;
    const float x = __uint_as_float(SweepBits(sweep, Lane(), 16));
    const float y = __uint_as_float(SweepBits(sweep, Lane(), 13));
    to[0] = Bf16ToFloat(FloatToBf16(x));
    to[1] = F16ToFloat(FloatToF16(y));
    to[2] = __uint_as_float(FloatToTf32(y));
    to[3] = rintf(static_cast<float>(Lane() - 16) / 4);
  }
  if (Lane() < 8) {
    float* const to = out + (kSweeps * 32 + Lane()) * 4;
    const float x = __uint_as_float(EndBits(Lane()));
    to[0] = F16ToFloat(FloatToF16(x));
    to[1] = F16ToFloat(static_cast<uint16_t>(PackF16(1, x) >> 16));
    to[2] = F16ToFloat(static_cast<uint16_t>(PackF16(x, 1)));
    to[3] = static_cast<float>(PackBf16(1, 2));
  }
}

// The sweep's numbers: the lower of the two short ones, half the way at lane 16.
float SweepExpected(int sweep, int lane, int dropped, bool ties_to_even) {
  const auto step = std::ldexp(1.0f, dropped - 23);
  const bool odd = sweep % 2 == 1;
  const bool up = lane > 16 || (lane == 16 && (!ties_to_even || odd));
  const float magnitude = 1 + (odd ? step : 0) + (up ? step : 0);
  return sweep / 2 == 0 ? magnitude : -magnitude;
}

void ExpectConversions(float* out) {
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (int lane = 0; lane < 32; ++lane, out += 4) {
      out[0] = SweepExpected(sweep, lane, 16, true);
      out[1] = SweepExpected(sweep, lane, 13, true);
      out[2] = SweepExpected(sweep, lane, 13, false);
      out[3] = std::nearbyint(static_cast<float>(lane - 16) / 4);
    }
  }
  const float step = std::ldexp(1.0f, -24);
  const float ends[] = {65504, INFINITY, INFINITY, 0, step, 2 * step, std::ldexp(1.0f, -14), -0.0f};
  for (const float end : ends) {
    *out++ = end;
    *out++ = end;
    *out++ = end;
    *out++ = 0x40003f80;
  }
}

// --- Exchange between the lanes of a warp (shfl.sync, vote.sync).

constexpr int kExchanged = 7;

__global__ void ProbeExchange(float* out) {
  const int lane = Lane();
  float* const to = out + lane * kExchanged;
  to[0] = static_cast<float>(__shfl_sync(~0u, lane, 5));
  to[1] = static_cast<float>(__shfl_xor_sync(~0u, lane, 9));
  to[2] = static_cast<float>(__shfl_down_sync(~0u, lane, 3));
  to[3] = static_cast<float>(__shfl_up_sync(~0u, lane, 3));
  to[4] = static_cast<float>(__ballot_sync(~0u, lane % 7 == 3));
  to[5] = __any_sync(~0u, lane == 30) ? 1 : 0;
  to[6] = __any_sync(~0u, lane == 32) ? 1 : 0;
}

void ExpectExchange(float* out) {
  for (int lane = 0; lane < 32; ++lane, out += kExchanged) {
    out[0] = 5;
    out[1] = static_cast<float>(lane ^ 9);
    out[2] = static_cast<float>(lane + 3 < 32 ? lane + 3 : lane);
    out[3] = static_cast<float>(lane < 3 ? lane : lane - 3);
    out[4] = static_cast<float>(1u << 3 | 1u << 10 | 1u << 17 | 1u << 24 | 1u << 31);
    out[5] = 1;
    out[6] = 0;
  }
}

// --- Atomics, in global and in shared memory.

__global__ void ProbeAtomics(float* out) {
  int* const shared = DynamicShared<int>();
  if (Lane() < 2) shared[Lane()] = -5;
  __syncthreads();
  atomicAdd(shared, Lane());
  atomicMax(shared + 1, Lane() * 7 % 32);
  atomicAdd(out, static_cast<float>(Lane()));
  __syncthreads();
  if (Lane() < 2) out[1 + Lane()] = static_cast<float>(shared[Lane()]);
}

void ExpectAtomics(float* out) {
  out[0] = 496;
  out[1] = 491;
  out[2] = 31;
}

// --- Functions, of the accuracy that kernels count on.

constexpr int kFunctions = 6;

__host__ __device__ constexpr float Argument(int lane) {
  return static_cast<float>(lane - 16) * 0.375f;
}

__global__ void ProbeFunctions(float* out) {
  float* const to = out + Lane() * kFunctions;
  const float x = Argument(Lane());
  to[0] = Exp2(x);
  to[1] = expf(x);
  to[2] = erff(x);
  to[3] = tanhf(x);
  to[4] = rsqrtf(x + 7);
  to[5] = x / 127.0f;
}

void ExpectFunctions(float* out) {
  for (int lane = 0; lane < 32; ++lane) {
    const double x = Argument(lane);
    *out++ = static_cast<float>(std::exp2(x));
    *out++ = static_cast<float>(std::exp(x));
    *out++ = static_cast<float>(std::erf(x));
    *out++ = static_cast<float>(std::tanh(x));
    *out++ = static_cast<float>(1 / std::sqrt(x + 7));
    *out++ = static_cast<float>(x / 127);
  }
}

// Floats of shared memory; every probe gets as many.
constexpr size_t kShared = 1024;

template <auto kKernel>
cudaError_t Run(float* out, cudaStream_t stream) {
  return Launch(kKernel, "Probe", dim3(1), dim3(32), kShared, stream, out);
}

constexpr Probe kProbes[] = {
    {"mma bf16", &Run<&ProbeMma<Bf16Probe>>, 128, &ExpectMma<Bf16Probe>, 0},
    {"mma f16", &Run<&ProbeMma<F16Probe>>, 128, &ExpectMma<F16Probe>, 0},
    {"mma tf32", &Run<&ProbeMma<Tf32Probe>>, 128, &ExpectMma<Tf32Probe>, 0},
    {"mma s8", &Run<&ProbeMma<S8Probe>>, 128, &ExpectMma<S8Probe>, 0},
    {"ldmatrix", &Run<&ProbeLoadMatrix<false>>, 256, &ExpectLoadMatrix<false>, 0},
    {"ldmatrix.trans", &Run<&ProbeLoadMatrix<true>>, 256, &ExpectLoadMatrix<true>, 0},
    {"cp.async", &Run<&ProbeCopyAsync>, 4 * kCopied, &ExpectCopyAsync, 0},
    {"conversions", &Run<&ProbeConversions>, kConverted, &ExpectConversions, 0},
    {"shuffles and votes", &Run<&ProbeExchange>, 32 * kExchanged, &ExpectExchange, 0},
    {"atomics", &Run<&ProbeAtomics>, 3, &ExpectAtomics, 0},
    // The widest documented errors are 2 ulp: ex2.approx, and 4 with the rounding of both sides.
    {"functions", &Run<&ProbeFunctions>, 32 * kFunctions, &ExpectFunctions, 5e-7f},
};

template <auto kKernel>
cudaError_t Load() {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kKernel),
                              cudaFuncAttributeMaxDynamicSharedMemorySize, kShared);
}

}  // namespace

std::span<const Probe> Probes() { return kProbes; }

cudaError_t PrepareProbes() {
  for (cudaError_t (*load)() :
       {&Load<&ProbeMma<Bf16Probe>>, &Load<&ProbeMma<F16Probe>>, &Load<&ProbeMma<Tf32Probe>>,
        &Load<&ProbeMma<S8Probe>>, &Load<&ProbeLoadMatrix<false>>, &Load<&ProbeLoadMatrix<true>>,
        &Load<&ProbeCopyAsync>, &Load<&ProbeConversions>, &Load<&ProbeExchange>,
        &Load<&ProbeAtomics>, &Load<&ProbeFunctions>}) {
    if (const cudaError_t e = load()) return e;
  }
  return cudaSuccess;
}

}  // namespace waterline::cuda
