// Packing, the linear map and the operations on rows. Attention, LSTM and span scores have files of
// their own.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/cpu_kernels.h"

#include <algorithm>
#include <cstring>

namespace waterline {

namespace {

// Rows of x and terms a product takes at once: x [rows, terms] stays in L2 (288 KB) while the
// panels of W go by. Where a sum is cut depends on its own length alone.
constexpr int64_t kRows = 96;
constexpr int64_t kTerms = 768;

int64_t RoundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

size_t CpuKernelSet::PackedBytes(int64_t out, int64_t in) const {
  return static_cast<size_t>(RoundUp(out, isa_.lanes) * in) * sizeof(float);
}

void CpuKernelSet::Pack(const float* from, int64_t row, int64_t rows, int64_t out, int64_t in,
                        std::byte* packed) const {
  float* to = reinterpret_cast<float*>(packed);
  const int64_t columns = RoundUp(out, isa_.lanes);
  // The last call also writes the zeros past the last row.
  const int64_t end = row + rows == out ? columns : row + rows;
  for (int64_t n = row; n < end; ++n) {
    const int64_t first = n / isa_.panel * isa_.panel;
    const int64_t width = std::min(isa_.panel, columns - first);
    float* panel = to + first * in + (n - first);
    const float* source = from + (n - row) * in;
    for (int64_t k = 0; k < in; ++k) panel[k * width] = n < out ? source[k] : 0.0f;
  }
}

size_t CpuKernelSet::PackedLstmFloats(int64_t hidden) const {
  return PackedBytes(4 * hidden, hidden) / sizeof(float);
}

void CpuKernelSet::PackLstm(const float* from, int64_t hidden, float* packed) const {
  Pack(from, 0, 4 * hidden, 4 * hidden, hidden, reinterpret_cast<std::byte*>(packed));
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

void CpuKernelSet::Linear(MatView x, const Weight& w, Act act, MatView out) const {
  for (int64_t row = 0; row < x.rows; row += kRows) {
    for (int64_t term = 0; term < w.in || term == 0; term += kTerms) {
      const bool last = term + kTerms >= w.in;
      Gemm g;
      g.a = x.row(row) + term;
      g.a_stride = x.stride;
      g.rows = std::min(kRows, x.rows - row);
      g.b = reinterpret_cast<const float*>(w.packed);
      g.b_depth = w.in;
      g.first = term;
      g.depth = std::min(kTerms, w.in - term);
      g.cols = w.out;
      g.c = out.row(row);
      g.c_stride = out.stride;
      g.bias = last ? w.bias : nullptr;
      g.act = last ? act : Act::kNone;
      g.accumulate = term > 0;
      isa_.gemm(g);
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
