// Packing, the linear map and the operations on rows. Attention, LSTM and span scores have files of
// their own.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/cpu_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "kernels/cpu/scratch.h"
#include "kernels/rounding.h"

namespace waterline {

namespace {

// Terms a product takes at once: x [kLinearRows, terms] stays in L2 (288 KB) while the panels of W
// go by. Where a sum is cut depends on its own length alone.
constexpr int64_t kTerms = 768;

int64_t RoundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

int64_t ElementBytes(WeightType type) {
  WATERLINE_CHECK(type <= WeightType::kInt8);
  return type == WeightType::kF32 ? 4 : type == WeightType::kBf16 ? 2 : 1;
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
};

// Terms of a panel that are rounded before they are moved: they stay in the nearest cache.
constexpr int64_t kTileTerms = 64;
constexpr int64_t kMostPanel = 48;

// Moves `groups` groups of `count` columns, which lie kTileTerms numbers apart, to their places in
// a panel of `width` columns.
template <typename Group, typename Number>
void MoveGroups(const Number* tile, int64_t count, int64_t groups, int64_t width,
                std::byte* panel) {
  for (int64_t x = 0; x < count; ++x) {
    const Number* from = tile + x * kTileTerms;
    std::byte* to = panel + x * static_cast<int64_t>(sizeof(Group));
    for (int64_t k = 0; k < groups; ++k) {
      std::memcpy(to + k * width * static_cast<int64_t>(sizeof(Group)),
                  from + k * static_cast<int64_t>(sizeof(Group) / sizeof(Number)), sizeof(Group));
    }
  }
}

// Writes columns [n, n + count) of the panel that they lie in, those past `w.out` as zeros.
// `fill(column, term, count, to)` gives `count` terms of a column as Numbers.
template <typename Number, typename Fill>
void FillPanel(const Layout& layout, const Weight& w, int64_t n, int64_t count, std::byte* packed,
               const Fill& fill) {
  const int64_t first = n / layout.panel * layout.panel;
  const int64_t width = std::min(layout.panel, layout.columns - first);
  const auto bytes = static_cast<int64_t>(sizeof(Number)) * layout.group;
  alignas(64) Number tile[kMostPanel * kTileTerms];
  for (int64_t k = 0; k < layout.groups * layout.group; k += kTileTerms) {
    const int64_t terms = std::min(kTileTerms, layout.groups * layout.group - k);
    for (int64_t x = 0; x < count; ++x) {
      Number* to = tile + x * kTileTerms;
      const int64_t stored = n + x < w.out ? std::min(terms, w.in - k) : 0;
      if (stored > 0) fill(n + x, k, stored, to);
      std::fill(to + stored, to + terms, Number{});
    }
    std::byte* to = packed + (first * layout.groups + k / layout.group * width + n - first) * bytes;
    const int64_t groups = terms / layout.group;
    if (bytes == 4) {
      MoveGroups<uint32_t>(tile, count, groups, width, to);
    } else {
      MoveGroups<uint16_t>(tile, count, groups, width, to);
    }
  }
}

// The inputs of a product where it converts them.
struct RoundedRows {
  float* rows = nullptr;   // [rows, stride]
  float* steps = nullptr;  // [rows]
  int64_t stride;
  size_t bytes;

  RoundedRows(std::byte* at, const Product& product, int64_t row_count, int64_t in) {
    Scratch scratch(at);
    // An odd number of lines, so that rows do not share their place in the cache.
    stride = (RoundUp16(in) / product.group + 15) / 16 * 16;
    if (stride / 16 % 2 == 0) stride += 16;
    if (product.convert != nullptr) {
      rows = scratch.Take<float>(row_count * stride);
      steps = scratch.Take<float>(row_count);
    }
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
  const auto terms_of = [&](int64_t n, int64_t k, int64_t count) {
    return std::span(from + (n - row) * w.in + k, static_cast<size_t>(count));
  };
  // The last call also writes the zeros past the last row.
  const int64_t end = row + rows == w.out ? layout.columns : row + rows;
  for (int64_t n = row, next; n < end; n = next) {
    next = std::min(end, (n / layout.panel + 1) * layout.panel);
    if (w.type == WeightType::kF32) {
      FillPanel<float>(layout, w, n, next - n, packed,
                       [&](int64_t column, int64_t k, int64_t count, float* to) {
                         std::memcpy(to, terms_of(column, k, count).data(),
                                     static_cast<size_t>(count) * sizeof(float));
                       });
    } else if (w.type == WeightType::kBf16) {
      FillPanel<uint16_t>(
          layout, w, n, next - n, packed,
          [&](int64_t column, int64_t k, int64_t count, uint16_t* to) {
            RoundToBf16(terms_of(column, k, count), {to, static_cast<size_t>(count)});
          });
    } else {
      Int8Steps steps[kMostPanel];
      int32_t sums[kMostPanel] = {};
      for (int64_t x = n; x < std::min(next, w.out); ++x) {
        steps[x - n] = Int8StepsOf(terms_of(x, 0, w.in));
      }
      FillPanel<int8_t>(layout, w, n, next - n, packed,
                        [&](int64_t column, int64_t k, int64_t count, int8_t* to) {
                          sums[column - n] +=
                              RoundToInt8(terms_of(column, k, count), steps[column - n].inverse,
                                          {to, static_cast<size_t>(count)});
                        });
      for (int64_t x = n; x < next; ++x) {
        reinterpret_cast<float*>(packed + layout.scales)[x] = steps[x - n].scale;
        if (product.bias != 0) {
          reinterpret_cast<int32_t*>(packed + layout.offsets)[x] = product.bias * sums[x - n];
        }
      }
    }
  }
}

void CpuKernelSet::PackInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows,
                            const Weight& w, std::byte* packed) const {
  const Product& product = ProductOf(w.type);
  const Layout layout(product, isa_.lanes, w.type, w.out, w.in);
  const int64_t end = row + rows == w.out ? layout.columns : row + rows;
  for (int64_t n = row, next; n < end; n = next) {
    next = std::min(end, (n / layout.panel + 1) * layout.panel);
    int32_t sums[kMostPanel] = {};
    FillPanel<int8_t>(layout, w, n, next - n, packed,
                      [&](int64_t column, int64_t k, int64_t count, int8_t* to) {
                        std::copy_n(from + (column - row) * w.in + k, count, to);
                        sums[column - n] += std::accumulate(to, to + count, 0);
                      });
    for (int64_t x = n; x < next; ++x) {
      reinterpret_cast<float*>(packed + layout.scales)[x] = x < w.out ? scales[x - row] : 0.0f;
      if (product.bias != 0) {
        reinterpret_cast<int32_t*>(packed + layout.offsets)[x] = product.bias * sums[x - n];
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

void CpuKernelSet::PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden,
                            float* packed) const {
  Pack(from, row, rows, {.out = 4 * hidden, .in = hidden}, reinterpret_cast<std::byte*>(packed));
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
  const LinearParts parts = PartsOfLinear(std::min(rows, kLinearRows), w);
  return parts.rounded + parts.scratch;
}

LinearParts CpuKernelSet::PartsOfLinear(int64_t rows, const Weight& w) const {
  const Product& product = ProductOf(w.type);
  const int64_t depth = (std::min(w.in, kTerms) + product.group - 1) / product.group;
  Scratch widened(nullptr);  // [depth, panel]
  if (product.widens) widened.Take<float>(depth * product.panel);
  return {.outputs = product.panel,
          .rounded = RoundedRows(nullptr, product, rows, w.in).bytes,
          .scratch = widened.bytes()};
}

void CpuKernelSet::Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch,
                          MatView out) const {
  const LinearParts parts = PartsOfLinear(std::min(x.rows, kLinearRows), w);
  const std::span<std::byte> rounded = scratch.first(parts.rounded);
  for (int64_t row = 0; row < x.rows; row += kLinearRows) {
    const int64_t end = std::min(x.rows, row + kLinearRows);
    const MatView rows = x.Rows(row, end);
    RoundInputs(rows, 0, rows.rows, w, rounded);
    LinearPart(rows, w, act, 0, w.out, rounded, scratch.subspan(parts.rounded), out.Rows(row, end));
  }
}

void CpuKernelSet::RoundInputs(MatView x, int64_t begin, int64_t end, const Weight& w,
                               std::span<std::byte> rounded) const {
  const Product& product = ProductOf(w.type);
  if (product.convert == nullptr) return;
  const RoundedRows to(rounded.data(), product, x.rows, w.in);
  for (int64_t r = begin; r < end; ++r) {
    product.convert(x.row(r), w.in, to.rows + r * to.stride, to.steps + r);
  }
}

void CpuKernelSet::LinearPart(MatView x, const Weight& w, Act act, int64_t begin, int64_t end,
                              std::span<std::byte> rounded, std::span<std::byte> scratch,
                              MatView out) const {
  const Product& product = ProductOf(w.type);
  const Layout layout(product, isa_.lanes, w.type, w.out, w.in);
  const RoundedRows inputs(rounded.data(), product, x.rows, w.in);
  Gemm g;
  g.rows = x.rows;
  const float* const a = product.convert == nullptr ? x.data : inputs.rows;
  g.a_stride = product.convert == nullptr ? x.stride : inputs.stride;
  g.b = w.packed + begin * layout.groups * layout.group * ElementBytes(w.type);
  g.b_depth = layout.groups;
  g.cols = end - begin;
  g.c = out.data + begin;
  g.c_stride = out.stride;
  g.widened = reinterpret_cast<float*>(scratch.data());
  if (w.type == WeightType::kInt8) {
    g.row_scale = inputs.steps;
    g.column_scale = reinterpret_cast<const float*>(w.packed + layout.scales) + begin;
    g.offset = reinterpret_cast<const int32_t*>(w.packed + layout.offsets) + begin;
  }
  for (int64_t term = 0; term < w.in || term == 0; term += kTerms) {
    g.first = term / product.group;
    g.a = a + g.first;
    g.depth = (std::min(kTerms, w.in - term) + product.group - 1) / product.group;
    g.last = term + kTerms >= w.in;
    g.bias = g.last && w.bias != nullptr ? w.bias + begin : nullptr;
    g.act = g.last ? act : Act::kNone;
    g.accumulate = term > 0;
    product.gemm(g);
  }
}

void CpuKernelSet::Normalise(MatView x, MatView residual, const Norm& norm, MatView sum,
                             MatView out) const {
  NormRow row;
  row.gamma = norm.gamma;
  row.beta = norm.beta;
  row.eps = norm.eps;
  row.width = norm.width;
  for (int64_t t = 0; t < x.rows; ++t) {
    row.x = x.row(t);
    row.residual = residual.data == nullptr ? nullptr : residual.row(t);
    row.sum = sum.row(t);
    row.out = out.row(t);
    norm.centred ? isa_.layer_norm(row) : isa_.rms_norm(row);
  }
}

void CpuKernelSet::AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out) const {
  Normalise(x, residual, norm, out, out);
}

void CpuKernelSet::AddNorm(MatView x, MatView delta, const Norm& norm, MatView out) const {
  Normalise(x, delta, norm, x, out);
}

void CpuKernelSet::Gate(MatView x, Act act) const {
  const int64_t half = x.cols / 2;
  for (int64_t t = 0; t < x.rows; ++t) isa_.gate(x.row(t), x.row(t) + half, half, act);
}

void CpuKernelSet::Rotate(MatView angles, std::span<const int32_t> positions, int heads,
                          MatView x) const {
  for (int64_t t = 0; t < x.rows; ++t) {
    isa_.rotate(angles.row(positions[static_cast<size_t>(t)]), angles.cols / 2, heads, x.row(t));
  }
}

void CpuKernelSet::AddAct(MatView a, MatView b, Act act, MatView out) const {
  for (int64_t t = 0; t < a.rows; ++t) {
    const float* other = b.empty() ? nullptr : b.row(b.rows == 1 ? 0 : t);
    isa_.add_act(a.row(t), other, a.cols, act, out.row(t));
  }
}

void CpuKernelSet::Scale(MatView x, const float* by, MatView out) const {
  for (int64_t t = 0; t < x.rows; ++t) isa_.multiply(x.row(t), by, x.cols, out.row(t));
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

void CpuKernelSet::GatedConv(const GatedConvArgs& args, MatView out) const {
  const int64_t width = out.cols;
  size_t sequence = 0;
  for (int64_t t = 0; t < out.rows; ++t) {
    while (args.begins[sequence + 1] <= t) ++sequence;
    float* const to = out.row(t);
    args.bias == nullptr ? std::fill_n(to, width, 0.f) : std::copy_n(args.bias, width, to);
    for (int64_t j = 0; j < args.kernel; ++j) {
      const int64_t source = t - args.kernel + 1 + j;
      if (source < args.begins[sequence]) continue;
      const float* const a = args.x.row(source);
      const float* const b = a + 2 * width;
      const float* const tap = args.taps + j * width;
      for (int64_t c = 0; c < width; ++c) to[c] += tap[c] * (a[c] * b[c]);
    }
    const float* const gate = args.x.row(t) + width;
    for (int64_t c = 0; c < width; ++c) to[c] *= gate[c];
  }
}

size_t CpuKernelSet::MixScratchBytes(int64_t layers, int64_t middle) const {
  return static_cast<size_t>(2 * layers + middle) * sizeof(float);
}

void CpuKernelSet::MixLayers(const MixArgs& args, MatView out) const {
  const auto sequences = static_cast<int64_t>(args.begins.size()) - 1;
  const int64_t layers = sequences == 0 ? 0 : args.means.rows / sequences;
  Scratch scratch(args.scratch.data());
  auto* const share = scratch.Take<float>(2 * layers + args.middle);
  float* const squeezed = share + layers;
  float* const middle = squeezed + layers;
  const auto dot = [](const float* a, const float* b, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
  };
  int64_t row = 0;
  for (int64_t b = 0; b < sequences; ++b) {
    for (int64_t k = 0; k < layers; ++k) {
      squeezed[k] = dot(args.means.row(k * sequences + b), args.squeeze, out.cols);
      squeezed[k] += *args.squeeze_bias;
    }
    for (int64_t m = 0; m < args.middle; ++m) {
      middle[m] = std::max(0.f, dot(args.w1 + m * layers, squeezed, layers) + args.b1[m]);
    }
    for (int64_t k = 0; k < layers; ++k) {
      const float sum = dot(args.w2 + k * args.middle, middle, args.middle) + args.b2[k];
      share[k] = 1 / (1 + std::exp(-sum));
    }
    const int32_t end = args.begins[static_cast<size_t>(b) + 1];
    for (; row < out.rows && args.rows[static_cast<size_t>(row)].begin < end; ++row) {
      float* const to = out.row(row);
      std::fill_n(to, out.cols, 0.f);
      for (int64_t k = 0; k < layers; ++k) {
        const float* const from = args.layers.row(k * out.rows + row);
        for (int64_t c = 0; c < out.cols; ++c) to[c] += share[k] * from[c];
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
