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

// c = act(row_scale * column_scale * (a b - offset) + bias) over `depth` groups, summed in their
// order; b from its group `first` on.
//
// A group is what one 32-bit lane holds of a row of a or a column of b: one term, or two or four
// shorter ones (Product). Columns of b lie in panels. Columns [n, n + w) begin at group n *
// b_depth:
//   wide    w = panel (less in the last one, in whole vectors)
//   narrow  w = lanes
// and group k of column n + x is at k w + x behind it.
// Columns past `cols` in the last vector must exist in b; they are computed and dropped.
struct Gemm {
  const float* a = nullptr;  // [rows, depth]
  int64_t a_stride = 0;      // Groups.
  int64_t rows = 0;
  const std::byte* b = nullptr;
  int64_t b_depth = 0;  // Groups a column of b has.
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

  // Of quantised terms, whose sums are int32 and lie in c as such until the last group is in.
  bool last = true;
  const float* column_scale = nullptr;  // [cols]
  const int32_t* offset = nullptr;      // [cols], or nullptr.
  float* widened = nullptr;             // [depth, panel] scratch, where Product::widens.
};

// How an instruction set multiplies with weights of one type.
struct Product {
  int64_t panel = 0;  // Columns of a wide panel; whole vectors.
  int64_t group = 1;  // Terms of a group.
  // True when groups of b are stored shorter than a lane, and widened panel by panel.
  bool widens = false;
  // Quantised rows of a hold the integers -levels ... levels, plus `bias` where they are unsigned.
  // levels = 0: not quantised.
  int32_t levels = 0;
  int32_t bias = 0;
  // Writes one row of a, whole vectors with zeros past `terms`, and for quantised rows the size of
  // one step. nullptr: rows of f32 are used as they are.
  void (*convert)(const float* x, int64_t terms, float* to, float* step) = nullptr;
  void (*gemm)(const Gemm& g) = nullptr;
};

// The norm of x + residual of one row; residual and beta may be nullptr. sum takes x + residual
// where there is a residual; it and out may be x or residual.
struct NormRow {
  const float* x = nullptr;
  const float* residual = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float eps = 0;
  int64_t width = 0;
  float* sum = nullptr;
  float* out = nullptr;
};

struct Isa {
  const char* name;
  int64_t lanes;  // Floats of a vector; divides 16.
  Product f32, bf16, int8;

  // to[c * to_stride + r] = rows[r][c] for r < lanes, c < cols. Writes whole vectors of `lanes`.
  void (*transpose)(const float* const* rows, int64_t cols, float* to, int64_t to_stride);
  // Row-major `from` [rows, cols] as narrow panels of depth `rows`, zeros past cols.
  void (*pack_narrow)(const float* from, int64_t stride, int64_t rows, int64_t cols, float* to);
  // s = exp(scale * (s + c2p + p2c - their largest)); returns 1 / sum. c2p, p2c may be nullptr.
  float (*softmax)(float* s, const float* c2p, const float* p2c, int64_t n, float scale);
  void (*layer_norm)(const NormRow& row);
  void (*rms_norm)(const NormRow& row);
  // z + gates -> c and h of one word; z, gates [4 hidden] in the order i f g o.
  void (*lstm_cell)(const float* z, const float* gates, int64_t hidden, float* c, float* h);
  // to = from, or to += from, widened to f32.
  void (*widen)(Dtype type, const std::byte* from, int64_t n, bool add, float* to);
  // out = act(x + y), or act(x) when y is nullptr; out may be x or y.
  void (*add_act)(const float* x, const float* y, int64_t n, Act act, float* out);
  // out = x y, element by element; out may be x or y.
  void (*multiply)(const float* x, const float* y, int64_t n, float* out);
  // u = act(u) * g.
  void (*gate)(float* u, const float* g, int64_t n, Act act);
  // Turns each head [2 half] of x: (x[m], x[half + m]) by the angle with the cosine angles[m] and
  // the sine angles[half + m].
  void (*rotate)(const float* angles, int64_t half, int64_t heads, float* x);
  // One row out of `rows` >= 1 rows of x.
  void (*pool)(const float* x, int64_t stride, int64_t rows, int64_t n, Pooling pooling,
               float* out);
};

extern const Isa kPortableIsa;
#if defined(__x86_64__)
extern const Isa kAvx2Isa;        // AVX2, FMA, F16C.
extern const Isa kAvxVnniIsa;     // And AVX-VNNI.
extern const Isa kAvx512Isa;      // AVX-512 F, BW, DQ, VL, and all of AVX2's.
extern const Isa kAvx512VnniIsa;  // And AVX512_VNNI.
extern const Isa kAvx512Bf16Isa;  // And AVX512_BF16.
extern const Isa kAmxIsa;         // And AMX_TILE, AMX_BF16, AMX_INT8.
#endif

}  // namespace waterline
