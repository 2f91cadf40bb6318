// The machine instructions kernels are written in, emulated. src/kernels/cuda/ptx/gpu.h has the
// same names in PTX; the include path chooses. Register layouts follow the PTX ISA, "Warp Level
// Matrix Multiply-Accumulate Instructions", m16n8k16 and ldmatrix. SPDX-License-Identifier:
// Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include "fake_cuda.h"

template <class Sum>
struct MmaArgs {
  Sum* d;
  const uint32_t* a;
  uint32_t b[2];
};
EMU_PLAIN inline float Bf16ToFloat(uint16_t v) {
  const uint32_t w = uint32_t{v} << 16;
  float f;
  std::memcpy(&f, &w, 4);
  return f;
}
EMU_PLAIN inline float F16ToFloat(uint16_t v) {
  const uint32_t sign = uint32_t{v} >> 15 << 31, exponent = v >> 10 & 31, digits = v & 1023;
  float f = std::ldexp(static_cast<float>(digits), -24);  // Subnormal.
  uint32_t w;
  std::memcpy(&w, &f, 4);
  if (exponent == 31) w = 0x7f800000 | digits << 13;
  if (exponent > 0 && exponent < 31) w = (exponent + 112) << 23 | digits << 13;
  w |= sign;
  std::memcpy(&f, &w, 4);
  return f;
}
EMU_PLAIN inline uint16_t FloatToF16(float f) {  // Round to nearest even.
  const uint16_t sign = std::signbit(f) ? 0x8000 : 0;
  const float magnitude = std::fabs(f);
  if (std::isnan(f)) return 0x7fff;
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude == 0) return sign;
  const int exponent = max(std::ilogb(magnitude), -14);
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  // 1024 steps or more carry into the exponent by themselves.
  return static_cast<uint16_t>(sign | (((exponent + 14) << 10) + steps));
}
EMU_PLAIN inline uint32_t PackF16(float lo, float hi) {
  return FloatToF16(lo) | uint32_t{FloatToF16(hi)} << 16;
}
EMU_PLAIN inline float Relu(float x) { return x <= 0 ? 0.0f : x; }  // NaN stays NaN.
EMU_PLAIN inline uint16_t FloatToBf16(float f) {  // Round to nearest even; NaN stays NaN.
  uint32_t w;
  std::memcpy(&w, &f, 4);
  if ((w & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>(w >> 16 | 0x40);
  return static_cast<uint16_t>((w + 0x7fff + (w >> 16 & 1)) >> 16);
}
// Two values in a register, the first in the low half.
EMU_PLAIN inline uint32_t PackBf16(float lo, float hi) {
  return FloatToBf16(lo) | uint32_t{FloatToBf16(hi)} << 16;
}

// The bits of f rounded to tf32, ties away from zero.
EMU_PLAIN inline uint32_t FloatToTf32(float f) {
  uint32_t w;
  std::memcpy(&w, &f, 4);
  if ((w & 0x7fffffff) >= 0x7f800000) return w;
  return (w + 0x1000) & 0xffffe000;
}

// d += a b of 16 rows, 8 columns and 32 bytes of terms. The fragments of all types have one layout
// in bytes: PTX ISA 9, figures 72 (tf32), 79 (bf16, f16), 88 (s8) and the text below them.
template <class Sum, class Element, auto kValue>
EMU_PLAIN inline void ApplyMma(void* const* lane, uint32_t) {
  constexpr int kTerms = 32 / sizeof(Element);
  Element a[16][kTerms], b[8][kTerms];
  Sum wide_a[16][kTerms], wide_b[kTerms][8], d[16][8];
  for (int l = 0; l < 32; ++l) {
    const auto& x = *static_cast<MmaArgs<Sum>*>(lane[l]);
    const int g = l / 4, t = l % 4;
    for (int r = 0; r < 4; ++r)
      std::memcpy(reinterpret_cast<char*>(a[g + r % 2 * 8]) + t * 4 + r / 2 * 16, &x.a[r], 4);
    for (int r = 0; r < 2; ++r)
      std::memcpy(reinterpret_cast<char*>(b[g]) + t * 4 + r * 16, &x.b[r], 4);
    for (int e = 0; e < 2; ++e) {
      d[g][t * 2 + e] = x.d[e];
      d[g + 8][t * 2 + e] = x.d[2 + e];
    }
  }
  for (int k = 0; k < kTerms; ++k) {
    for (int i = 0; i < 16; ++i) wide_a[i][k] = kValue(a[i][k]);
    for (int j = 0; j < 8; ++j) wide_b[k][j] = kValue(b[j][k]);
  }
  for (int i = 0; i < 16; ++i)
    for (int k = 0; k < kTerms; ++k)
      for (int j = 0; j < 8; ++j) d[i][j] += wide_a[i][k] * wide_b[k][j];
  for (int l = 0; l < 32; ++l) {
    const auto& x = *static_cast<MmaArgs<Sum>*>(lane[l]);
    const int g = l / 4, t = l % 4;
    for (int e = 0; e < 2; ++e) {
      x.d[e] = d[g][t * 2 + e];
      x.d[2 + e] = d[g + 8][t * 2 + e];
    }
  }
  ++emu::counters.mma;
}
EMU_PLAIN inline float Tf32ToFloat(uint32_t w) {
  if (w & 0x1fff && (w & 0x7fffffff) <= 0x7f800000)
    emu::Fail("an operand of a tf32 mma is not rounded to tf32");
  float f;
  std::memcpy(&f, &w, 4);
  return f;
}
EMU_PLAIN inline int32_t S8ToInt(int8_t v) { return v; }
EMU_PLAIN inline void MmaBf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  MmaArgs<float> x{d, a, {b0, b1}};
  emu::WarpOp(~0u, 0, "mma.bf16", &x, ApplyMma<float, uint16_t, Bf16ToFloat>);
}
EMU_PLAIN inline void MmaF16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  MmaArgs<float> x{d, a, {b0, b1}};
  emu::WarpOp(~0u, 0, "mma.f16", &x, ApplyMma<float, uint16_t, F16ToFloat>);
}
EMU_PLAIN inline void MmaTf32(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  MmaArgs<float> x{d, a, {b0, b1}};
  emu::WarpOp(~0u, 0, "mma.tf32", &x, ApplyMma<float, uint32_t, Tf32ToFloat>);
}
EMU_PLAIN inline void MmaS8(int32_t (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  MmaArgs<int32_t> x{d, a, {b0, b1}};
  emu::WarpOp(~0u, 0, "mma.s8", &x, ApplyMma<int32_t, int8_t, S8ToInt>);
}

struct LdArgs {
  uint32_t* r;
  const unsigned char* row;
  bool transposed;
};
EMU_PLAIN inline void ApplyLd(void* const* lane, uint32_t) {
  uint16_t m[4][8][8];
  for (int i = 0; i < 4; ++i) {
    uint64_t banks = 0;  // Of 16-byte columns: eight rows are read in one phase.
    for (int r = 0; r < 8; ++r) {
      const auto* row = static_cast<LdArgs*>(lane[i * 8 + r])->row;
      const auto address = reinterpret_cast<uintptr_t>(row);
      if (address & 15) emu::Fail("ldmatrix row is not aligned to 16 bytes");
      const unsigned char* base = emu::now.dynamic_shared;
      if (row < base || row + 16 > base + emu::now.dynamic_bytes)
        emu::Fail("ldmatrix reads outside the block's dynamic shared memory");
      const int column = static_cast<int>((row - base) >> 4 & 7);
      if (banks >> column & 1) ++emu::counters.ldmatrix_conflicts;
      banks |= uint64_t{1} << column;
      if (emu::on_read) emu::on_read(row, 16, (emu::now.index & ~31) + i * 8 + r);
      std::memcpy(m[i][r], row, 16);
    }
  }
  for (int l = 0; l < 32; ++l) {
    auto& x = *static_cast<LdArgs*>(lane[l]);
    for (int i = 0; i < 4; ++i) {
      const int r = l >> 2, c = (l & 3) * 2;
      const uint16_t lo = x.transposed ? m[i][c][r] : m[i][r][c];
      const uint16_t hi = x.transposed ? m[i][c + 1][r] : m[i][r][c + 1];
      x.r[i] = lo | uint32_t{hi} << 16;
    }
  }
  ++emu::counters.ldmatrix;
}
// Four 8x8 matrices; lane l names the row l % 8 of matrix l / 8.
EMU_PLAIN inline void LoadMatrix(uint32_t (&r)[4], const void* row) {
  LdArgs x{r, static_cast<const unsigned char*>(row), false};
  emu::WarpOp(~0u, 0, "ldmatrix", &x, ApplyLd);
}
EMU_PLAIN inline void LoadMatrixTransposed(uint32_t (&r)[4], const void* row) {
  LdArgs x{r, static_cast<const unsigned char*>(row), true};
  emu::WarpOp(~0u, 0, "ldmatrix.trans", &x, ApplyLd);
}

// 16 bytes from global to shared memory; zeros when !valid (then `from` is not read).
EMU_PLAIN inline void CopyAsync16(void* to, const void* from, bool valid) {
  emu::CopyAsync(to, from, 16, valid ? 16 : 0);
}
// `bytes` <= 16 of the 16, and zeros for the others.
EMU_PLAIN inline void CopyAsync16Part(void* to, const void* from, int bytes) {
  if (bytes < 0 || bytes > 16) emu::Fail("cp.async of %d bytes", bytes);
  emu::CopyAsync(to, from, 16, static_cast<size_t>(bytes));
}
EMU_PLAIN inline void CopyAsync4(void* to, const void* from, bool valid) {
  emu::CopyAsync(to, from, 4, valid ? 4 : 0);
}
EMU_PLAIN inline void CopyAsyncCommit() { emu::CopyCommit(); }
template <int kPending>
EMU_PLAIN inline void CopyAsyncWait() {
  emu::CopyWait(kPending);
}

template <class T>
EMU_PLAIN inline T* DynamicShared() {
  return reinterpret_cast<T*>(emu::now.dynamic_shared);
}
EMU_PLAIN inline float Exp2(float v) { return exp2f(v); }

// kernel<<<grid, block, shared, stream>>>(args...), as a function both compilers accept.
template <class... P, class... A>
cudaError_t Launch(void (*kernel)(P...), const char* name, dim3 grid, dim3 block, size_t shared,
                   cudaStream_t stream, A&&... args) {
  std::tuple<P...> copy(std::forward<A>(args)...);
  return fake_cuda::Enqueue(
      reinterpret_cast<const void*>(kernel), name, grid, block, shared, stream, [=] {
        auto local = copy;  // On the host's stack, where racecheck expects arguments.
        emu::RunGrid(name, grid, block, shared, [&] { std::apply(kernel, local); });
      });
}
