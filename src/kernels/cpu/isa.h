// What one instruction set computes: the inner loops that cpu_kernels.cc builds its operations
// from.
//
// The objects that define an Isa are compiled with flags the machine may not support, so they must
// not define anything the linker could pick for the rest of the program
// (tools/check_isa_objects.sh). That is why this header has plain structs and pointers only: no
// span, no inline function, no class with virtual functions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/act.h"
#include "weights/dtype.h"

namespace waterline {

// c = act(row_scale * (a b) + bias) over `depth` terms, summed in their order; b from its term
// `first` on.
//
// b lies in panels. Columns [n, n + w) begin at b + n * b_depth:
//   wide    w = panel (less in the last one, in whole vectors)
//   narrow  w = lanes
// and term k of column n + x is at k w + x behind it.
// Columns past `cols` in the last vector must exist in b; they are computed and dropped.
struct Gemm {
  const float* a = nullptr;  // [rows, depth]
  int64_t a_stride = 0;
  int64_t rows = 0;
  const float* b = nullptr;
  int64_t b_depth = 0;  // Terms a column of b has.
  bool b_wide = true;
  int64_t first = 0;
  int64_t depth = 0;
  int64_t cols = 0;
  float* c = nullptr;
  int64_t c_stride = 0;
  const float* bias = nullptr;       // [cols]
  const float* row_scale = nullptr;  // [rows]
  Act act = Act::kNone;
  bool accumulate = false;  // Sums on top of c.
};

// LayerNorm(x + residual) of one row; residual and beta may be nullptr, out may be x or residual.
struct NormRow {
  const float* x = nullptr;
  const float* residual = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float eps = 0;
  int64_t width = 0;
  float* out = nullptr;
};

struct Isa {
  const char* name;
  int64_t lanes;  // Floats of a vector; divides 16.
  int64_t panel;  // Columns of a wide panel; whole vectors.

  void (*gemm)(const Gemm& g);
  // to[c * to_stride + r] = rows[r][c] for r < lanes, c < cols. Writes whole vectors of `lanes`.
  void (*transpose)(const float* const* rows, int64_t cols, float* to, int64_t to_stride);
  // Row-major `from` [rows, cols] as narrow panels of depth `rows`, zeros past cols.
  void (*pack_narrow)(const float* from, int64_t stride, int64_t rows, int64_t cols, float* to);
  // s = exp(scale * (s + c2p + p2c - their largest)); returns 1 / sum. c2p, p2c may be nullptr.
  float (*softmax)(float* s, const float* c2p, const float* p2c, int64_t n, float scale);
  void (*layer_norm)(const NormRow& row);
  // z + gates -> c and h of one word; z, gates [4 hidden] in the order i f g o.
  void (*lstm_cell)(const float* z, const float* gates, int64_t hidden, float* c, float* h);
  // to = from, or to += from, widened to f32.
  void (*widen)(Dtype type, const std::byte* from, int64_t n, bool add, float* to);
  // out = act(x + y); out may be x or y.
  void (*add_act)(const float* x, const float* y, int64_t n, Act act, float* out);
  // One row out of `rows` >= 1 rows of x.
  void (*pool)(const float* x, int64_t stride, int64_t rows, int64_t n, Pooling pooling,
               float* out);
};

extern const Isa kPortableIsa;
#if defined(__x86_64__)
extern const Isa kAvx2Isa;    // AVX2, FMA, F16C.
extern const Isa kAvx512Isa;  // AVX-512 F, BW, DQ, VL.
#endif

}  // namespace waterline
