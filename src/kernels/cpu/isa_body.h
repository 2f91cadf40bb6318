// The inner loops of every instruction set, over the vector type `Vec` and its functions, which the
// including file has defined (vec_*.h). One include per instruction set; see isa.h for why all of
// it is in an unnamed namespace and why nothing of the standard library is called.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/isa.h"

namespace waterline {
namespace {

constexpr int64_t kLanes = Vec::kLanes;
constexpr int kTileRows = Vec::kTileRows;
constexpr int kTileVecs = Vec::kTileVecs;

// --- Functions of one vector. NaN stays NaN.

Vec Clamp(Vec x, float low, float high) { return Min(Vec::Set(high), Max(Vec::Set(low), x)); }

// Cephes expf: x = n ln 2 + r, |r| <= ln 2 / 2, polynomial in r; relative error about 1e-7. Inputs
// below -87.3 give about 1e-38 instead of 0, inputs above 88.3 about 2e38.
Vec Exp(Vec x) {
  x = Clamp(x, -87.336544f, 88.376259f);
  const Vec n = Round(x * Vec::Set(1.44269504f));
  Vec r = Fma(n, Vec::Set(-0.693359375f), x);
  r = Fma(n, Vec::Set(2.12194440e-4f), r);
  Vec p = Vec::Set(1.9875691500e-4f);
  p = Fma(p, r, Vec::Set(1.3981999507e-3f));
  p = Fma(p, r, Vec::Set(8.3334519073e-3f));
  p = Fma(p, r, Vec::Set(4.1665795894e-2f));
  p = Fma(p, r, Vec::Set(1.6666665459e-1f));
  p = Fma(p, r, Vec::Set(5.0000001201e-1f));
  return (Fma(p, r * r, r) + Vec::Set(1)) * Pow2(n);
}

Vec Sigmoid(Vec x) {
  const Vec one = Vec::Set(1);
  return one / (one + Exp(Vec::Set(0) - x));
}

// Rational minimax functions of Eigen (ptanh, perf), error a few units in the last place.
Vec Tanh(Vec x) {
  x = Clamp(x, -7.90531110763549805f, 7.90531110763549805f);
  const Vec x2 = x * x;
  Vec p = Vec::Set(-2.76076847742355e-16f);
  p = Fma(p, x2, Vec::Set(2.00018790482477e-13f));
  p = Fma(p, x2, Vec::Set(-8.60467152213735e-11f));
  p = Fma(p, x2, Vec::Set(5.12229709037114e-08f));
  p = Fma(p, x2, Vec::Set(1.48572235717979e-05f));
  p = Fma(p, x2, Vec::Set(6.37261928875436e-04f));
  p = Fma(p, x2, Vec::Set(4.89352455891786e-03f));
  Vec q = Vec::Set(1.19825839466702e-06f);
  q = Fma(q, x2, Vec::Set(1.18534705686654e-04f));
  q = Fma(q, x2, Vec::Set(2.26843463243900e-03f));
  q = Fma(q, x2, Vec::Set(4.89352518554385e-03f));
  return x * p / q;
}

Vec Erf(Vec x) {
  x = Clamp(x, -4, 4);
  const Vec x2 = x * x;
  Vec p = Vec::Set(-2.72614225801306e-10f);
  p = Fma(p, x2, Vec::Set(2.77068142495902e-08f));
  p = Fma(p, x2, Vec::Set(-2.10102402082508e-06f));
  p = Fma(p, x2, Vec::Set(-5.69250639462346e-05f));
  p = Fma(p, x2, Vec::Set(-7.34990630326855e-04f));
  p = Fma(p, x2, Vec::Set(-2.95459980854025e-03f));
  p = Fma(p, x2, Vec::Set(-1.60960333262415e-02f));
  Vec q = Vec::Set(-1.45660718464996e-05f);
  q = Fma(q, x2, Vec::Set(-2.13374055278905e-04f));
  q = Fma(q, x2, Vec::Set(-1.68282697438203e-03f));
  q = Fma(q, x2, Vec::Set(-7.37332916720468e-03f));
  q = Fma(q, x2, Vec::Set(-1.42647390514189e-02f));
  // Exactly 1 from where it rounds to 1, so that Gelu of a large negative number is 0.
  return WhereAtLeast(x2, Vec::Set(14.6881f), Clamp(x, -1, 1), x * p / q);
}

Vec Gelu(Vec x) {
  const Vec half = Vec::Set(0.5f) * x;
  return Fma(half, Erf(x * Vec::Set(0.707106781f)), half);
}

// (1 + tanh y) / 2 is the logistic function of 2 y, which keeps its relative accuracy near 0.
Vec GeluTanh(Vec x) {
  const Vec cubic = Fma(x * x * x, Vec::Set(0.044715f), x);
  return x * Sigmoid(cubic * Vec::Set(2 * 0.797884561f));
}

// Calls f with the function of `act`, so that the switch is outside of the loop in f.
template <typename F>
void WithAct(Act act, const F& f) {
  switch (act) {
    case Act::kNone:
      return f([](Vec x) { return x; });
    case Act::kRelu:
      return f([](Vec x) { return Max(Vec::Set(0), x); });
    case Act::kGelu:
      return f([](Vec x) { return Gelu(x); });
    case Act::kGeluTanh:
      return f([](Vec x) { return GeluTanh(x); });
    case Act::kTanh:
      return f([](Vec x) { return Tanh(x); });
    case Act::kSilu:
      return f([](Vec x) { return x * Sigmoid(x); });
  }
}

// Calls f(offset, lanes) for whole vectors of n floats, then for what is left.
template <typename F>
void ForVectors(int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, n - i);
}

Vec LoadN(const float* p, int64_t n) { return n == kLanes ? Vec::Load(p) : Vec::LoadPart(p, n); }
void StoreN(Vec x, float* p, int64_t n) { n == kLanes ? x.Store(p) : x.StorePart(p, n); }

// --- Matrix product.
//
// A Dot is a way to multiply and add the groups of a and b (isa.h):
//   kGroup     terms of a group
//   kStored    bytes of a group of b in memory; less than 4 where Widen makes a vector of them
//   kIntegers  sums are int32 in the bits of the floats
//   kBias      what Store adds to quantised terms of a
//   Add        sum += a · b, lane by lane
// kIntegers: AddProduct's rounding does not apply, sums are exact.

struct F32Dot {
  static constexpr int64_t kGroup = 1, kStored = 4;
  static constexpr bool kIntegers = false;
  static constexpr int32_t kBias = 0;
  static void Add(Vec& sum, Vec a, Vec b) { AddProduct(sum, a, b); }
};

// bf16 in memory, f32 in arithmetic.
struct WidenedBf16Dot : F32Dot {
  static constexpr int64_t kStored = 2;
  static Vec Widen(const std::byte* from) { return LoadBf16(from); }
};

// What becomes of the sums of columns col ... col + n - 1.
template <bool kIntegers, bool kHasOffset>
struct Finish {
  __attribute__((always_inline)) Finish(const Gemm& gemm, int64_t col, int64_t n)
      : g(gemm),
        has_bias(gemm.bias != nullptr),
        bias(has_bias ? LoadN(gemm.bias + col, n) : Vec::Set(0)),
        scale(Vec::Set(1)),
        offset(Vec::Set(0)) {
    if constexpr (kIntegers) {
      if (!g.last) return;
      scale = LoadN(g.column_scale + col, n);
      if (kHasOffset) offset = LoadN(reinterpret_cast<const float*>(g.offset) + col, n);
    }
  }

  __attribute__((always_inline)) Vec operator()(Vec x, int64_t row) const {
    if constexpr (kIntegers) {
      if (!g.last) return x;
      if (kHasOffset) x = SubtractInts(x, offset);
      return FloatsOfInts(x) * (scale * Vec::Set(g.row_scale[row])) + bias;
    } else {
      if (g.row_scale != nullptr) x = x * Vec::Set(g.row_scale[row]);
      if (has_bias) x = x + bias;
      return x;
    }
  }

  const Gemm& g;
  const bool has_bias;
  Vec bias, scale, offset;
};

template <typename Dot>
using FinishOf = Finish<Dot::kIntegers, Dot::kBias != 0>;

// Where the tiles of one panel read and write.
struct PanelArgs {
  const float* b;
  int64_t b_step;  // From one group to the next.
  int64_t b_next;  // From one vector of columns to the next.
  int64_t first_col;
  int64_t width;  // Columns to write.
};

// Bytes of the next panel that a tile fetches for each of its groups: a line every four.
constexpr int64_t kFetchBytes = 16;

// One tile: every accumulator lives in a register for the whole depth. `fetch` walks over the panel
// that comes next. Not inlined, so that the loop has all registers to itself.
template <typename Dot, int kRows, int kVecs>
__attribute__((noinline)) void Tile(const Gemm& g, const PanelArgs& panel, int64_t row,
                                    const std::byte* fetch) {
  float* const c = g.c + row * g.c_stride + panel.first_col;
  const int64_t c_stride = g.c_stride;
  const int64_t whole = panel.width / kLanes;  // Vectors of columns without a tail.
  const int64_t tail = panel.width % kLanes;
  Vec sum[kRows][kVecs];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int z = 0; z < kVecs; ++z) {
      sum[r][z] = Vec::Set(0);
      if (g.accumulate) sum[r][z] = LoadN(c + r * c_stride + z * kLanes, z < whole ? kLanes : tail);
    }
  }
  const float* const a = g.a + row * g.a_stride;
  const int64_t a_stride = g.a_stride;
  const float* b = panel.b;
  const int64_t b_step = panel.b_step;
  const int64_t b_next = panel.b_next;
  const int64_t depth = g.depth;
  const auto step = [&](int64_t k) __attribute__((always_inline)) {
    Vec column[kVecs];
#pragma GCC unroll 4
    for (int z = 0; z < kVecs; ++z) column[z] = Vec::Load(b + z * b_next);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec x = Vec::Set(a[r * a_stride + k]);
#pragma GCC unroll 4
      for (int z = 0; z < kVecs; ++z) Dot::Add(sum[r][z], x, column[z]);
    }
    b += b_step;
  };
  int64_t k = 0;
  for (; k + 4 <= depth; k += 4) {
    Prefetch(fetch + kFetchBytes * k);
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u) step(k + u);
  }
  for (; k < depth; ++k) step(k);
#pragma GCC unroll 4
  for (int z = 0; z < kVecs; ++z) {
    const int64_t n = z < whole ? kLanes : tail;
    const FinishOf<Dot> finish(g, panel.first_col + z * kLanes, n);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      StoreN(finish(sum[r][z], row + r), c + r * c_stride + z * kLanes, n);
    }
  }
}

// The tile of `rows` <= kRows rows.
template <typename Dot, int kRows, int kVecs>
void TileOf(int64_t rows, const Gemm& g, const PanelArgs& panel, int64_t row,
            const std::byte* fetch) {
  if (rows == kRows) return Tile<Dot, kRows, kVecs>(g, panel, row, fetch);
  if constexpr (kRows > 1) TileOf<Dot, kRows - 1, kVecs>(rows, g, panel, row, fetch);
}

void Activate(Act act, float* c, int64_t stride, int64_t rows, int64_t cols) {
  if (act == Act::kNone) return;
  WithAct(act, [&](auto f) {
    for (int64_t r = 0; r < rows; ++r) {
      float* x = c + r * stride;
      ForVectors(cols, [&](int64_t i, int64_t n) { StoreN(f(LoadN(x + i, n)), x + i, n); });
    }
  });
}

// `next` is the panel to fetch meanwhile, nullptr for none.
template <typename Dot, int kVecs>
void Panel(const Gemm& g, const PanelArgs& panel, const std::byte* next) {
  // Tiles fetch a share each; past the end, or without a next panel, what is in cache anyway.
  const std::byte* const here = reinterpret_cast<const std::byte*>(panel.b);
  const std::byte* const end =
      next == nullptr ? nullptr : next + g.depth * kVecs * kLanes * Dot::kStored;
  for (int64_t row = 0; row < g.rows; row += kTileRows) {
    const int64_t rows = g.rows - row < kTileRows ? g.rows - row : kTileRows;
    TileOf<Dot, kTileRows, kVecs>(rows, g, panel, row, next < end ? next : here);
    if (next != nullptr) next += kFetchBytes * g.depth;
    Activate(g.act, g.c + row * g.c_stride + panel.first_col, g.c_stride, rows, panel.width);
  }
}

template <typename Dot, int kVecs>
void PanelOf(int64_t vecs, const Gemm& g, const PanelArgs& panel, const std::byte* next) {
  if (vecs == kVecs) return Panel<Dot, kVecs>(g, panel, next);
  if constexpr (kVecs > 1) PanelOf<Dot, kVecs - 1>(vecs, g, panel, next);
}

template <typename Dot>
void RunGemm(const Gemm& g) {
  constexpr int64_t kPanel = kLanes * kTileVecs;
  for (int64_t n = 0; n < g.cols; n += kPanel) {
    const int64_t width = g.cols - n < kPanel ? g.cols - n : kPanel;
    const int64_t vecs = (width + kLanes - 1) / kLanes;
    PanelArgs panel;
    panel.b_step = g.b_wide ? vecs * kLanes : kLanes;
    panel.b_next = g.b_wide ? kLanes : g.b_depth * kLanes;
    panel.first_col = n;
    panel.width = width;
    const std::byte* const stored = g.b + (n * g.b_depth + g.first * panel.b_step) * Dot::kStored;
    if constexpr (Dot::kStored < 4) {  // Wide panels only.
      const int64_t count = g.depth * vecs;
      for (int64_t i = 0; i < count; ++i) {
        Dot::Widen(stored + i * kLanes * Dot::kStored).Store(g.widened + i * kLanes);
      }
      panel.b = g.widened;
    } else {
      panel.b = reinterpret_cast<const float*>(stored);
    }
    const bool fetch = g.b_wide && n + 2 * kPanel <= g.cols;
    PanelOf<Dot, kTileVecs>(vecs, g, panel,
                            fetch ? stored + kPanel * g.b_depth * Dot::kStored : nullptr);
  }
}

// Quantises a row: x ≈ step * q, q an integer of at most Dot::kLevels. A row with an infinity or a
// NaN has a step of NaN, so that its products are NaN too.
template <typename Dot>
void Quantise(const float* x, int64_t terms, float* to, float* step) {
  Vec most = Vec::Set(0);
  Vec bad = Vec::Set(0);
  ForVectors(terms, [&](int64_t i, int64_t n) {
    const Vec v = LoadN(x + i, n);
    most = Max(most, Max(v, Vec::Set(0) - v));
    bad = Fma(v, Vec::Set(0), bad);
  });
  const float largest = Largest(most);
  const float levels = static_cast<float>(Dot::kLevels);
  const float inverse = largest > 0 ? levels / largest : 0.0f;
  // Smaller than any number the inverse of which is finite: as good as zero.
  const bool tiny = !(inverse <= 3.402823466e38f);
  *step = largest / levels + Sum(bad);
  const Vec scale = Vec::Set(tiny ? 0.0f : inverse);
  ForVectors(terms, [&](int64_t i, int64_t n) {
    const Vec q = Clamp(LoadN(x + i, n) * scale, -levels, levels);
    Dot::Store(Round(q) + Vec::Set(static_cast<float>(Dot::kBias)), to, i);
  });
}

template <typename Dot>
constexpr Product ProductOf() {
  Product product;
  product.panel = kLanes * kTileVecs;
  product.group = Dot::kGroup;
  product.widens = Dot::kStored < 4;
  if constexpr (Dot::kIntegers) {
    product.levels = Dot::kLevels;
    product.bias = Dot::kBias;
    product.convert = Quantise<Dot>;
  }
  product.gemm = RunGemm<Dot>;
  return product;
}

// --- Packing.

void TransposeRows(const float* const* rows, int64_t cols, float* to, int64_t to_stride) {
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) {
    Vec block[kLanes];
    for (int64_t r = 0; r < kLanes; ++r) block[r] = Vec::Load(rows[r] + c);
    Transpose(block);
    for (int64_t r = 0; r < kLanes; ++r) block[r].Store(to + (c + r) * to_stride);
  }
  for (; c < cols; ++c) {
    for (int64_t r = 0; r < kLanes; ++r) to[c * to_stride + r] = rows[r][c];
  }
}

void PackNarrow(const float* from, int64_t stride, int64_t rows, int64_t cols, float* to) {
  for (int64_t c = 0; c < cols; c += kLanes) {
    const int64_t n = cols - c < kLanes ? cols - c : kLanes;
    for (int64_t r = 0; r < rows; ++r) {
      LoadN(from + r * stride + c, n).Store(to + c * rows + r * kLanes);
    }
  }
}

// --- Rows.

float Softmax(float* s, const float* c2p, const float* p2c, int64_t n, float scale) {
  constexpr float kLowest = -3.402823466e38f;
  Vec most = Vec::Set(kLowest);
  const auto add = [&](int64_t i, int64_t lanes) {
    Vec x = LoadN(s + i, lanes);
    if (c2p != nullptr) x = x + LoadN(c2p + i, lanes);
    if (p2c != nullptr) x = x + LoadN(p2c + i, lanes);
    x = x * Vec::Set(scale);
    StoreN(x, s + i, lanes);
    most = Max(most, lanes == kLanes ? x : Vec::LoadPart(s + i, lanes, kLowest));
  };
  ForVectors(n, add);
  const Vec largest = Vec::Set(Largest(most));
  Vec sum = Vec::Set(0);
  ForVectors(n, [&](int64_t i, int64_t lanes) {
    const Vec e = Exp(LoadN(s + i, lanes) - largest);
    StoreN(e, s + i, lanes);
    sum = sum + (lanes == kLanes ? e : Keep(e, lanes));
  });
  return 1.0f / Sum(sum);
}

// Calls f(v, lanes) with the vectors of x + residual, zeros after the last; returns where they lie
// then.
template <typename F>
const float* ForSums(const NormRow& row, const F& f) {
  ForVectors(row.width, [&](int64_t i, int64_t n) {
    Vec v = LoadN(row.x + i, n);
    if (row.residual != nullptr) {
      v = v + LoadN(row.residual + i, n);
      StoreN(v, row.sum + i, n);
    }
    f(v);
  });
  return row.residual != nullptr ? row.sum : row.x;
}

// The mean of the deviations from the rounded mean corrects it, so that a mean much larger than the
// deviations does no harm.
void LayerNorm(const NormRow& row) {
  const float inverse = 1.0f / static_cast<float>(row.width);
  Vec sum = Vec::Set(0);
  const float* const x = ForSums(row, [&](Vec v) { sum = sum + v; });
  const Vec mean = Vec::Set(Sum(sum) * inverse);
  Vec deviation = Vec::Set(0);
  Vec square = Vec::Set(0);
  ForVectors(row.width, [&](int64_t i, int64_t n) {
    const Vec d = Keep(LoadN(x + i, n) - mean, n);
    deviation = deviation + d;
    square = Fma(d, d, square);
  });
  const float shift = Sum(deviation) * inverse;
  const float variance = Sum(square) * inverse - shift * shift;
  const Vec offset = Vec::Set(shift);
  const Vec scale = Vec::Set(1.0f / __builtin_sqrtf((variance > 0 ? variance : 0) + row.eps));
  ForVectors(row.width, [&](int64_t i, int64_t n) {
    Vec v = ((LoadN(x + i, n) - mean) - offset) * scale * LoadN(row.gamma + i, n);
    if (row.beta != nullptr) v = v + LoadN(row.beta + i, n);
    StoreN(v, row.out + i, n);
  });
}

void RmsNorm(const NormRow& row) {
  Vec square = Vec::Set(0);
  const float* const x = ForSums(row, [&](Vec v) { square = Fma(v, v, square); });
  const float mean = Sum(square) / static_cast<float>(row.width);
  const Vec scale = Vec::Set(1.0f / __builtin_sqrtf(mean + row.eps));
  ForVectors(row.width, [&](int64_t i, int64_t n) {
    StoreN(LoadN(x + i, n) * scale * LoadN(row.gamma + i, n), row.out + i, n);
  });
}

void LstmCell(const float* z, const float* gates, int64_t hidden, float* c, float* h) {
  ForVectors(hidden, [&](int64_t i, int64_t n) {
    const auto gate = [&](int64_t which) {
      return LoadN(z + which * hidden + i, n) + LoadN(gates + which * hidden + i, n);
    };
    const Vec kept = Sigmoid(gate(1)) * LoadN(c + i, n);
    const Vec cell = Fma(Sigmoid(gate(0)), Tanh(gate(2)), kept);
    StoreN(cell, c + i, n);
    StoreN(Sigmoid(gate(3)) * Tanh(cell), h + i, n);
  });
}

// Loads n <= kLanes stored elements of kBytes each through `load`, which reads whole vectors.
template <size_t kBytes, typename F>
Vec LoadStored(const std::byte* from, int64_t n, const F& load) {
  if (n == kLanes) return load(from);
  std::byte whole[kBytes * kLanes] = {};
  __builtin_memcpy(whole, from, kBytes * static_cast<size_t>(n));
  return load(whole);
}

Vec LoadF32(const std::byte* from) {
  float x[kLanes];
  __builtin_memcpy(x, from, sizeof x);
  return Vec::Load(x);
}

void Widen(Dtype type, const std::byte* from, int64_t count, bool add, float* to) {
  const auto each = [&](auto load) {
    ForVectors(count, [&](int64_t i, int64_t n) {
      Vec x = load(i, n);
      if (add) x = LoadN(to + i, n) + x;
      StoreN(x, to + i, n);
    });
  };
  if (type == Dtype::kF16) {
    each([&](int64_t i, int64_t n) { return LoadStored<2>(from + 2 * i, n, LoadF16); });
  } else if (type == Dtype::kBF16) {
    each([&](int64_t i, int64_t n) { return LoadStored<2>(from + 2 * i, n, LoadBf16); });
  } else {
    each([&](int64_t i, int64_t n) { return LoadStored<4>(from + 4 * i, n, LoadF32); });
  }
}

void AddAct(const float* x, const float* y, int64_t count, Act act, float* out) {
  WithAct(act, [&](auto f) {
    ForVectors(count, [&](int64_t i, int64_t n) {
      const Vec v = LoadN(x + i, n);
      StoreN(f(y == nullptr ? v : v + LoadN(y + i, n)), out + i, n);
    });
  });
}

void Multiply(const float* x, const float* y, int64_t count, float* out) {
  ForVectors(count,
             [&](int64_t i, int64_t n) { StoreN(LoadN(x + i, n) * LoadN(y + i, n), out + i, n); });
}

void GateRow(float* u, const float* g, int64_t count, Act act) {
  WithAct(act, [&](auto f) {
    ForVectors(count, [&](int64_t i, int64_t n) {
      StoreN(f(LoadN(u + i, n)) * LoadN(g + i, n), u + i, n);
    });
  });
}

void RotateHeads(const float* angles, int64_t half, int64_t heads, float* x) {
  for (int64_t h = 0; h < heads; ++h, x += 2 * half) {
    ForVectors(half, [&](int64_t i, int64_t n) {
      const Vec cosine = LoadN(angles + i, n);
      const Vec sine = LoadN(angles + half + i, n);
      const Vec a = LoadN(x + i, n);
      const Vec b = LoadN(x + half + i, n);
      StoreN(a * cosine - b * sine, x + i, n);
      StoreN(Fma(a, sine, b * cosine), x + half + i, n);
    });
  }
}

void PoolRows(const float* x, int64_t stride, int64_t rows, int64_t count, Pooling pooling,
              float* out) {
  if (pooling == Pooling::kFirst) rows = 1;
  if (pooling == Pooling::kLast) {
    x += (rows - 1) * stride;
    rows = 1;
  }
  const Vec share = Vec::Set(static_cast<float>(rows));
  ForVectors(count, [&](int64_t i, int64_t n) {
    Vec v = LoadN(x + i, n);
    for (int64_t r = 1; r < rows; ++r) {
      const Vec other = LoadN(x + r * stride + i, n);
      v = pooling == Pooling::kMax ? Max(v, other) : v + other;
    }
    if (pooling == Pooling::kMean) v = v / share;
    StoreN(v, out + i, n);
  });
}

constexpr Isa MakeIsa(const char* name, const Product& bf16, const Product& int8) {
  Isa isa{};
  isa.name = name;
  isa.lanes = kLanes;
  isa.f32 = ProductOf<F32Dot>();
  isa.bf16 = bf16;
  isa.int8 = int8;
  isa.transpose = TransposeRows;
  isa.pack_narrow = PackNarrow;
  isa.softmax = Softmax;
  isa.layer_norm = LayerNorm;
  isa.rms_norm = RmsNorm;
  isa.lstm_cell = LstmCell;
  isa.widen = Widen;
  isa.add_act = AddAct;
  isa.multiply = Multiply;
  isa.gate = GateRow;
  isa.rotate = RotateHeads;
  isa.pool = PoolRows;
  return isa;
}

}  // namespace
}  // namespace waterline
