// Packing, the linear map and the operations on rows. Attention, LSTM and span scores have files of
// their own.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/cpu_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/cpu/scratch.h"

namespace waterline {

namespace {

// Rows of x and terms a product takes at once: x [rows, terms] stays in L2 (288 KB) while the
// panels of W go by. Where a sum is cut depends on its own length alone.
constexpr int64_t kRows = 96;
constexpr int64_t kTerms = 768;

int64_t RoundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

int64_t ElementBytes(WeightType type) {
  return type == WeightType::kF32 ? 4 : type == WeightType::kBf16 ? 2 : 1;
}

uint16_t Bf16Of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);  // Weights are finite.
}

// Where the parts of a packed W lie.
struct Layout {
  int64_t columns;  // Whole vectors.
  int64_t groups;   // Of a column.
  int64_t panel;
  int64_t group;
  size_t numbers;                 // Bytes of the panels.
  size_t scales, offsets, whole;  // Where they begin, and the end. int8 only.

  Layout(const Product& product, int64_t lanes, WeightType type, int64_t out, int64_t in) {
    columns = RoundUp(out, lanes);
    group = product.group;
    groups = (in + group - 1) / group;
    panel = product.panel;
    numbers = static_cast<size_t>(columns * groups * group * ElementBytes(type));
    scales = (numbers + 63) / 64 * 64;
    offsets = scales + static_cast<size_t>(columns) * sizeof(float);
    whole = type != WeightType::kInt8 ? numbers
            : product.bias != 0       ? offsets + static_cast<size_t>(columns) * sizeof(int32_t)
                                      : offsets;
  }

  // Calls f(element, term) for the terms of column n, padding to whole groups included.
  template <typename F>
  void ForTerms(int64_t n, const F& f) const {
    const int64_t first = n / panel * panel;
    const int64_t width = std::min(panel, columns - first);
    int64_t at = (first * groups + n - first) * group;
    for (int64_t k = 0; k < groups * group; k += group, at += width * group) {
      for (int64_t i = 0; i < group; ++i) f(at + i, k + i);
    }
  }
};

// What Linear takes from its scratch.
struct LinearBuffers {
  float* rows;     // [kRows, stride] converted rows of x.
  float* steps;    // [kRows]
  float* widened;  // [kTerms / group, panel]
  int64_t stride;
  size_t bytes;

  LinearBuffers(std::byte* at, const Product& product, int64_t row_count, int64_t in) {
    Scratch scratch(at);
    // An odd number of lines, so that rows do not share their place in the cache.
    stride = (RoundUp16(in) / product.group + 15) / 16 * 16;
    if (stride / 16 % 2 == 0) stride += 16;
    const bool converts = product.convert != nullptr;
    row_count = std::min(row_count, kRows);
    rows = converts ? scratch.Take<float>(row_count * stride) : nullptr;
    steps = converts ? scratch.Take<float>(row_count) : nullptr;
    const int64_t depth = (std::min(in, kTerms) + product.group - 1) / product.group;
    widened = product.widens ? scratch.Take<float>(depth * product.panel) : nullptr;
    bytes = scratch.bytes();
  }
};

}  // namespace

size_t CpuKernelSet::PackedBytes(WeightType type, int64_t out, int64_t in) const {
  return Layout(ProductOf(type), isa_.lanes, type, out, in).whole;
}

void CpuKernelSet::Pack(const float* from, int64_t row, int64_t rows, const Weight& w,
                        std::byte* packed) const {
  const Product& product = ProductOf(w.type);
  const Layout layout(product, isa_.lanes, w.type, w.out, w.in);
  // The last call also writes the zeros past the last row.
  const int64_t end = row + rows == w.out ? layout.columns : row + rows;
  for (int64_t n = row; n < end; ++n) {
    const float* source = n < w.out ? from + (n - row) * w.in : nullptr;
    const auto term = [&](int64_t k) { return source != nullptr && k < w.in ? source[k] : 0.0f; };
    if (w.type == WeightType::kF32) {
      auto* to = reinterpret_cast<float*>(packed);
      layout.ForTerms(n, [&](int64_t at, int64_t k) { to[at] = term(k); });
    } else if (w.type == WeightType::kBf16) {
      auto* to = reinterpret_cast<uint16_t*>(packed);
      layout.ForTerms(n, [&](int64_t at, int64_t k) { to[at] = Bf16Of(term(k)); });
    } else {
      float largest = 0;
      for (int64_t k = 0; k < w.in; ++k) largest = std::max(largest, std::abs(term(k)));
      const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
      int32_t sum = 0;
      auto* to = reinterpret_cast<int8_t*>(packed);
      layout.ForTerms(n, [&](int64_t at, int64_t k) {
        const auto q = static_cast<int8_t>(std::lrintf(term(k) * inverse));
        sum += q;
        to[at] = q;
      });
      reinterpret_cast<float*>(packed + layout.scales)[n] = largest / 127.0f;
      if (product.bias != 0) {
        reinterpret_cast<int32_t*>(packed + layout.offsets)[n] = product.bias * sum;
      }
    }
  }
}

Rounding CpuKernelSet::InputRounding(WeightType type) const {
  const Product& product = ProductOf(type);
  return {.bf16 = type == WeightType::kBf16 && product.convert != nullptr,
          .levels = product.levels};
}

size_t CpuKernelSet::PackedLstmFloats(int64_t hidden) const {
  return PackedBytes(WeightType::kF32, 4 * hidden, hidden) / sizeof(float);
}

void CpuKernelSet::PackLstm(const float* from, int64_t hidden, float* packed) const {
  Pack(from, 0, 4 * hidden, {.out = 4 * hidden, .in = hidden},
       reinterpret_cast<std::byte*>(packed));
}

void CpuKernelSet::Embed(const EmbedArgs& args, MatView out) const {
  const auto row_of = [](const Table& table, int32_t row) {
    return table.data + static_cast<size_t>(row * table.cols) * DtypeBytes(table.type);
  };
  for (int64_t t = 0; t < out.rows; ++t) {
    const auto at = static_cast<size_t>(t);
    float* to = out.row(t);
    isa_.widen(args.words.type, row_of(args.words, args.ids[at]), out.cols, false, to);
    if (args.places.data != nullptr) {
      isa_.widen(args.places.type, row_of(args.places, args.positions[at]), out.cols, true, to);
    }
    if (args.every != nullptr) isa_.add_act(to, args.every, out.cols, Act::kNone, to);
  }
}

size_t CpuKernelSet::LinearScratchBytes(int64_t rows, const Weight& w) const {
  return LinearBuffers(nullptr, ProductOf(w.type), rows, w.in).bytes;
}

void CpuKernelSet::Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch,
                          MatView out) const {
  const Product& product = ProductOf(w.type);
  const Layout layout(product, isa_.lanes, w.type, w.out, w.in);
  const LinearBuffers buffers(scratch.data(), product, x.rows, w.in);
  for (int64_t row = 0; row < x.rows; row += kRows) {
    Gemm g;
    g.rows = std::min(kRows, x.rows - row);
    const float* a = x.row(row);
    g.a_stride = x.stride;
    if (product.convert != nullptr) {
      for (int64_t r = 0; r < g.rows; ++r) {
        product.convert(x.row(row + r), w.in, buffers.rows + r * buffers.stride, buffers.steps + r);
      }
      a = buffers.rows;
      g.a_stride = buffers.stride;
    }
    g.b = w.packed;
    g.b_depth = layout.groups;
    g.cols = w.out;
    g.c = out.row(row);
    g.c_stride = out.stride;
    g.widened = buffers.widened;
    if (w.type == WeightType::kInt8) {
      g.row_scale = buffers.steps;
      g.column_scale = reinterpret_cast<const float*>(w.packed + layout.scales);
      g.offset = reinterpret_cast<const int32_t*>(w.packed + layout.offsets);
    }
    for (int64_t term = 0; term < w.in || term == 0; term += kTerms) {
      g.first = term / product.group;
      g.a = a + g.first;
      g.depth = (std::min(kTerms, w.in - term) + product.group - 1) / product.group;
      g.last = term + kTerms >= w.in;
      g.bias = g.last ? w.bias : nullptr;
      g.act = g.last ? act : Act::kNone;
      g.accumulate = term > 0;
      product.gemm(g);
    }
  }
}

void CpuKernelSet::AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out) const {
  for (int64_t t = 0; t < x.rows; ++t) {
    NormRow row;
    row.x = x.row(t);
    row.residual = residual.data == nullptr ? nullptr : residual.row(t);
    row.gamma = norm.gamma;
    row.beta = norm.beta;
    row.eps = norm.eps;
    row.width = norm.width;
    row.out = out.row(t);
    isa_.layer_norm(row);
  }
}

void CpuKernelSet::Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling,
                        MatView out) const {
  for (int64_t n = 0; n < out.rows; ++n) {
    const RowRange range = ranges[static_cast<size_t>(n)];
    if (range.begin == range.end) {
      std::fill_n(out.row(n), out.cols, 0.0f);
    } else {
      isa_.pool(x.row(range.begin), x.stride, range.end - range.begin, out.cols, pooling,
                out.row(n));
    }
  }
}

void CpuKernelSet::Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first,
                          MatView out) const {
  size_t sequence = 0;
  for (int64_t n = 0; n < out.rows; ++n) {
    const int64_t t = first + n;
    while (begins[sequence + 1] <= t) ++sequence;
    float* to = out.row(n);
    for (int64_t j = 0; j < kernel; ++j) {
      const int64_t source = t + j - (kernel - 1) / 2;
      const bool inside = begins[sequence] <= source && source < begins[sequence + 1];
      for (int64_t c = 0; c < x.cols; ++c) {
        to[c * kernel + j] = inside ? x.row(source)[c] : 0.0f;
      }
    }
  }
}

void CpuKernelSet::ClearEmpty(std::span<const RowRange> ranges, MatView x) const {
  for (size_t n = 0; n < ranges.size(); ++n) {
    if (ranges[n].begin == ranges[n].end) std::fill_n(x.row(static_cast<int64_t>(n)), x.cols, 0.f);
  }
}

}  // namespace waterline
