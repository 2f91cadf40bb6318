// Attention without gathers: the position terms of a block of queries are products with a slice of
// a table in the order of distances, read along a diagonal.
//
// Head by head, the rows of the position tables are laid out once for the distances of the longest
// sequence: `far` holds the keys at u = j - i + zero, `near` the queries at u = i - j + zero. For
// 16 queries i0 + r, c2p is C[r][15 - r + j] of the band C = Q far[zero - i0 - 15 ...]. For 16 keys
// j0 + c, p2c is D[c][15 - c + i - i0] of the band D = K near[zero + i0 - j0 - 15 ...]. Both are
// matrices whose rows are one float closer together. A bias by distance is one such row for all
// queries: that of query i begins at zero - i.
//
// A block of queries multiplies with the keys that one of its queries sees, from a whole block of
// keys on; a query that does not see all of those has weights of zero for the others.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/scratch.h"

namespace waterline {

namespace {

constexpr int64_t kBlock = 16;  // Queries of one softmax, keys of one band.
constexpr int64_t kSuper = 64;  // Queries of one transposed p2c.
constexpr int64_t kMostLanes = 16;
constexpr int64_t kPad = 16;  // Keeps strides off powers of two.

struct Buffers {
  float* keys;    // K of a sequence and head, narrow panels [L / lanes][d][lanes].
  float* values;  // V, narrow panels [d / lanes][L][lanes].
  float* scores;  // [kBlock, row]
  float* c2p;     // [kBlock, row]: C
  float* band;    // [kBlock, kSuper + kBlock + kPad]: D
  float* p2c;     // [kSuper, row]: the transposed diagonals of D.
  float* bias;    // [2 longest] by j - i + zero.
  float* far;     // Narrow panels [2 longest / lanes][d][lanes].
  float* near;
  int64_t row;  // Stride of a row of scores.
  size_t bytes;

  Buffers(std::byte* at, int64_t longest, int64_t width, const RelativeTerms* relative) {
    const bool has_c2p = relative != nullptr && !relative->keys.empty();
    const bool has_p2c = relative != nullptr && !relative->queries.empty();
    const bool has_bias = relative != nullptr && relative->bias.rows > 0;
    Scratch scratch(at);
    const int64_t length = RoundUp16(longest);
    row = length + kBlock + kPad;
    keys = scratch.Take<float>(length * width);
    values = scratch.Take<float>(length * RoundUp16(width));
    scores = scratch.Take<float>(kBlock * row);
    c2p = has_c2p ? scratch.Take<float>(kBlock * row) : nullptr;
    far = has_c2p ? scratch.Take<float>(2 * length * width) : nullptr;
    band = has_p2c ? scratch.Take<float>(kBlock * (kSuper + kBlock + kPad)) : nullptr;
    p2c = has_p2c ? scratch.Take<float>(kSuper * row) : nullptr;
    near = has_p2c ? scratch.Take<float>(2 * length * width) : nullptr;
    bias = has_bias ? scratch.Take<float>(2 * length) : nullptr;
    bytes = scratch.bytes();
  }
};

// One head of one sequence.
struct Head {
  const Isa& isa;
  const Buffers& buffers;
  MatView q, k, v, out;  // [L, d]; q and out may have other rows where there are no position terms.
  float scale;
  int64_t zero;    // Index of distance 0 in far, near and bias.
  int64_t window;  // At most the length.
  bool causal;

  int64_t length() const { return k.rows; }
  int64_t padded() const { return RoundUp16(k.rows); }
  // Query i sees the keys [FirstKey(i), EndKey(i)).
  int64_t FirstKey(int64_t i) const { return std::max<int64_t>(0, i - window); }
  int64_t EndKey(int64_t i) const { return std::min(length(), causal ? i + 1 : i + window + 1); }

  void PackKeysAndValues() const {
    const float* rows[kMostLanes];
    for (int64_t j = 0; j < padded(); j += isa.lanes) {
      // Columns past the end repeat the last key; no result reads them.
      for (int64_t r = 0; r < isa.lanes; ++r) rows[r] = k.row(std::min(j + r, length() - 1));
      isa.transpose(rows, k.cols, buffers.keys + j * k.cols, isa.lanes);
    }
    isa.pack_narrow(v.data, v.stride, v.rows, v.cols, buffers.values);
  }

  // to [a.rows, cols] = a times the columns of narrow panels from `first` on.
  void Product(MatView a, const float* panels, int64_t first, int64_t cols, float* to,
               int64_t stride) const {
    Gemm g;
    g.a = a.data;
    g.a_stride = a.stride;
    g.rows = a.rows;
    g.b = BytesOf(panels + first * a.cols);
    g.b_depth = a.cols;
    g.b_wide = false;
    g.depth = a.cols;
    g.cols = cols;
    g.c = to;
    g.c_stride = stride;
    isa.f32.gemm(g);
  }

  // buffers.p2c [queries, L] for the queries from i0 on.
  void FillP2c(int64_t i0, int64_t queries) const {
    constexpr int64_t kStride = kSuper + kBlock + kPad;
    const int64_t columns = RoundUp16(queries);
    const float* rows[kMostLanes];
    const int64_t end = EndKey(i0 + queries - 1);
    for (int64_t j0 = FirstKey(i0) / kBlock * kBlock; j0 < end; j0 += kBlock) {
      const MatView keys = k.Rows(j0, std::min(j0 + kBlock, length()));
      Product(keys, buffers.near, zero + i0 - j0 - (kBlock - 1), columns + kBlock, buffers.band,
              kStride);
      for (int64_t c = 0; c < keys.rows; c += isa.lanes) {
        for (int64_t r = 0; r < isa.lanes; ++r) {
          const int64_t key = std::min(c + r, keys.rows - 1);
          rows[r] = buffers.band + key * kStride + (kBlock - 1 - key);
        }
        isa.transpose(rows, queries, buffers.p2c + j0 + c, buffers.row);
      }
    }
  }

  // The output of at most kBlock queries from i0 on, which is query `in_super` of buffers.p2c.
  void Queries(int64_t i0, int64_t in_super) const {
    const MatView block = q.Rows(i0, std::min(i0 + kBlock, q.rows));
    const int64_t begin = FirstKey(i0) / kBlock * kBlock;
    const int64_t end = EndKey(i0 + block.rows - 1);
    const int64_t columns = RoundUp16(end - begin);
    Product(block, buffers.keys, begin, columns, buffers.scores, buffers.row);
    if (buffers.c2p != nullptr) {
      Product(block, buffers.far, zero - i0 - (kBlock - 1) + begin, columns + kBlock, buffers.c2p,
              buffers.row);
    }
    float inverse[kBlock];
    for (int64_t r = 0; r < block.rows; ++r) {
      const int64_t first = FirstKey(i0 + r), seen = EndKey(i0 + r) - first;
      float* const scores = buffers.scores + r * buffers.row;
      const float* by_distance = buffers.c2p != nullptr ? buffers.c2p + r * buffers.row +
                                                              (kBlock - 1 - r) + (first - begin)
                                 : buffers.bias != nullptr ? buffers.bias + (zero - i0 - r) + first
                                                           : nullptr;
      const float* p2c =
          buffers.p2c == nullptr ? nullptr : buffers.p2c + (in_super + r) * buffers.row + first;
      inverse[r] = isa.softmax(scores + (first - begin), by_distance, p2c, seen, scale);
      std::fill(scores, scores + (first - begin), 0.f);
      std::fill(scores + (first - begin) + seen, scores + (end - begin), 0.f);
    }
    Gemm g;
    g.a = buffers.scores;
    g.a_stride = buffers.row;
    g.rows = block.rows;
    g.b = BytesOf(buffers.values);
    g.b_depth = length();
    g.b_wide = false;
    g.first = begin;
    g.depth = end - begin;
    g.cols = v.cols;
    g.c = out.row(i0);
    g.c_stride = out.stride;
    g.row_scale = inverse;
    isa.f32.gemm(g);
  }

  void Run() const {
    PackKeysAndValues();
    for (int64_t super = 0; super < q.rows; super += kSuper) {
      const int64_t queries = std::min(kSuper, q.rows - super);
      if (buffers.p2c != nullptr) FillP2c(super, queries);
      for (int64_t i = 0; i < queries; i += kBlock) Queries(super + i, i);
    }
  }
};

// The rows of `table` (one head of it) for the distances sign * (u - zero), u < 2 * padded, as
// narrow panels. Distances no sequence has repeat the outermost; no result reads them.
void LayOut(const Isa& isa, MatView table, const AttentionArgs& args, int64_t sign, float* to) {
  const RelativeTerms& relative = *args.relative;
  const int64_t padded = RoundUp16(args.longest);
  const float* rows[kMostLanes];
  for (int64_t u = 0; u < 2 * padded; u += isa.lanes) {
    for (int64_t r = 0; r < isa.lanes; ++r) {
      const int64_t distance =
          std::clamp(sign * (u + r - (padded - 1)), 1 - args.longest, args.longest - 1);
      rows[r] = table.row(relative.bucket[static_cast<size_t>(distance + relative.reach)]);
    }
    isa.transpose(rows, table.cols, to + u * table.cols, isa.lanes);
  }
}

// The bias of one head, by j - i + zero, for the distances that a sequence has.
void LayOutBias(const AttentionArgs& args, int head, int64_t zero, float* to) {
  const RelativeTerms& relative = *args.relative;
  const auto* const bias = reinterpret_cast<const float*>(relative.bias.data);
  for (int64_t distance = 1 - args.longest; distance < args.longest; ++distance) {
    const int64_t row = relative.bucket[static_cast<size_t>(distance + relative.reach)];
    to[zero - distance] = bias[row * relative.bias.cols + head];
  }
}

}  // namespace

// keys, values: 2 L d; far, near: 2 L d each; scores and C: 16 L each; p2c: 64 L, and small change:
// at d = 64 about 480 floats for each row of the longest sequence.
size_t CpuKernelSet::AttentionScratchBytes(int64_t longest, int64_t head_width,
                                           const RelativeTerms* relative) const {
  return Buffers(nullptr, longest, head_width, relative).bytes;
}

void CpuKernelSet::Attention(const AttentionArgs& args, MatView out) const {
  const int64_t width = args.q.cols / args.heads;
  const Buffers buffers(args.scratch.data(), args.longest, width, args.relative);
  const int64_t zero = RoundUp16(args.longest) - 1;
  const int end_head = std::min(args.heads, args.end_head);
  for (int head = args.first_head; head < end_head; ++head) {
    const int64_t begin = head * width;
    const int64_t end = begin + width;
    const int64_t key_begin = head / (args.heads / args.key_heads) * width;
    if (buffers.far != nullptr) {
      LayOut(isa_, args.relative->keys.Cols(begin, end), args, -1, buffers.far);
    }
    if (buffers.near != nullptr) {
      LayOut(isa_, args.relative->queries.Cols(begin, end), args, 1, buffers.near);
    }
    if (buffers.bias != nullptr) LayOutBias(args, head, zero, buffers.bias);
    for (size_t s = 0; s + 1 < args.begins.size(); ++s) {
      const int64_t first = args.begins[s];
      const int64_t last = args.begins[s + 1];
      const SequenceBegins keys = args.key_begins.empty() ? args.begins : args.key_begins;
      const int64_t first_key = keys[s];
      const int64_t last_key = keys[s + 1];
      if (first == last) continue;
      const auto part = [](const MatView& m, int64_t from_row, int64_t to_row, int64_t from,
                           int64_t columns) {
        return m.Rows(from_row, to_row).Cols(from, from + columns);
      };
      if (first_key == last_key) {
        for (int64_t r = first; r < last; ++r) std::fill_n(out.row(r) + begin, width, 0.f);
        continue;
      }
      Head{.isa = isa_,
           .buffers = buffers,
           .q = part(args.q, first, last, begin, width),
           .k = part(args.k, first_key, last_key, key_begin, width),
           .v = part(args.v, first_key, last_key, key_begin, width),
           .out = part(out, first, last, begin, width),
           .scale = args.scale,
           .zero = zero,
           .window = std::min(args.window, std::max(last - first, last_key - first_key)),
           .causal = args.causal}
          .Run();
    }
  }
}

}  // namespace waterline
