// Scores of all spans: rows act(u_i + v_{i+k}) are built tile by tile and multiplied with the
// labels, which lie packed in the scratch. Nothing of size words x widths x features exists.
// Without an activation the score is a sum, u_i g + v_{i+k} g.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/scratch.h"

namespace waterline {

namespace {

constexpr int64_t kMostLanes = 16;
constexpr int64_t kTileSpans = 24;  // Spans of a tile, about.
constexpr int64_t kTerms = 512;     // Features of a tile.
constexpr int64_t kWords = 48;      // Words whose linear terms are taken at once.

int64_t WordsOfTile(int64_t widths) { return std::max<int64_t>(1, kTileSpans / widths); }

struct Buffers {
  float* labels;     // Narrow panels of depth F.
  float* constants;  // [C]
  float* tile;       // [words * K, kTerms]
  float* starts;     // [kWords, C]: u g
  float* ends;       // [kWords + K - 1, C]: v g
  size_t bytes;

  Buffers(std::byte* at, int64_t features, int64_t widths, int64_t labels_most) {
    Scratch scratch(at);
    labels = scratch.Take<float>(RoundUp16(labels_most) * features);
    constants = scratch.Take<float>(labels_most);
    // Only one of the two forms is used.
    const int64_t tile_floats = WordsOfTile(widths) * widths * std::min(features, kTerms);
    const int64_t linear_floats = RoundUp16(kWords * labels_most) + (kWords + widths) * labels_most;
    tile = scratch.Take<float>(std::max(tile_floats, linear_floats));
    starts = tile;
    ends = tile == nullptr ? nullptr : tile + RoundUp16(kWords * labels_most);
    bytes = scratch.bytes();
  }
};

// One sequence.
struct Sequence {
  const Isa& isa;
  const Buffers& buffers;
  MatView start, end;  // [W, F]
  int64_t labels;      // C
  int64_t widths;      // K
  int64_t only_width;
  bool pairs;
  Act act;
  float* scores;  // [W, K, C]

  int64_t words() const { return start.rows; }
  float* ScoresOf(int64_t word, int64_t width) const {
    return scores + (word * widths + width) * labels;
  }

  void PackLabels(MatView group) const {
    const float* rows[kMostLanes];
    const int64_t features = start.cols;
    for (int64_t c = 0; c < labels; c += isa.lanes) {
      for (int64_t r = 0; r < isa.lanes; ++r) rows[r] = group.row(std::min(c + r, labels - 1));
      isa.transpose(rows, features, buffers.labels + c * features, isa.lanes);
    }
    for (int64_t c = 0; c < labels; ++c) {
      buffers.constants[c] = group.cols > features ? group.row(c)[features] : 0.0f;
    }
  }

  Gemm Product(const float* a, int64_t stride, int64_t rows, float* to) const {
    Gemm g;
    g.a = a;
    g.a_stride = stride;
    g.rows = rows;
    g.b = BytesOf(buffers.labels);
    g.b_depth = start.cols;
    g.b_wide = false;
    g.depth = start.cols;
    g.cols = labels;
    g.c = to;
    g.c_stride = labels;
    return g;
  }

  // Spans of the words [begin, end) through a tile of their hidden rows.
  void Tile(int64_t first, int64_t last) const {
    for (int64_t term = 0; term < start.cols; term += kTerms) {
      const int64_t depth = std::min(kTerms, start.cols - term);
      float* row = buffers.tile;
      for (int64_t i = first; i < last; ++i) {
        for (int64_t k = 0; k < widths; ++k, row += depth) {
          // A span past the end computes with the last word, and is overwritten.
          const int64_t j = pairs ? k : std::min(i + k, words() - 1);
          isa.add_act(start.row(i) + term, end.row(j) + term, depth, act, row);
        }
      }
      Gemm g = Product(buffers.tile, depth, (last - first) * widths, ScoresOf(first, 0));
      g.first = term;
      g.depth = depth;
      g.accumulate = term > 0;
      g.bias = term + depth == start.cols ? buffers.constants : nullptr;
      isa.f32.gemm(g);
    }
  }

  // Spans of the words [first, last) as sums.
  void Sums(int64_t first, int64_t last) const {
    Gemm g = Product(start.row(first), start.stride, last - first, buffers.starts);
    g.bias = buffers.constants;
    if (only_width >= 0) {
      g.c = ScoresOf(first, only_width);
      g.c_stride = widths * labels;
      isa.f32.gemm(g);
      return;
    }
    isa.f32.gemm(g);
    const int64_t last_end = std::min(last + widths - 1, words());
    isa.f32.gemm(Product(end.row(first), end.stride, last_end - first, buffers.ends));
    for (int64_t i = first; i < last; ++i) {
      for (int64_t k = 0; k < widths && i + k < words(); ++k) {
        isa.add_act(buffers.starts + (i - first) * labels, buffers.ends + (i + k - first) * labels,
                    labels, Act::kNone, ScoresOf(i, k));
      }
    }
  }

  // Spans of the words [from, to).
  void Run(int64_t from, int64_t to) const {
    const bool sums = act == Act::kNone && !pairs;
    const int64_t step = sums ? kWords : WordsOfTile(widths);
    for (int64_t i = from; i < to; i += step) {
      const int64_t last = std::min(i + step, to);
      sums ? Sums(i, last) : Tile(i, last);
    }
    if (pairs) return;
    for (int64_t i = std::max(from, words() - widths + 1); i < to; ++i) {
      const int64_t valid = words() - i;
      const int64_t first = std::max(valid, only_width);
      const int64_t last = only_width >= 0 ? only_width + 1 : widths;
      if (first >= last) continue;
      std::fill_n(ScoresOf(i, first), (last - first) * labels,
                  -std::numeric_limits<float>::infinity());
    }
  }
};

}  // namespace

size_t CpuKernelSet::SpanScoreScratchBytes(int64_t features, int64_t widths,
                                           int64_t most_labels) const {
  return Buffers(nullptr, features, widths, most_labels).bytes;
}

void CpuKernelSet::SpanScores(const SpanScoreArgs& args, std::span<float> scores) const {
  int64_t most_labels = 0;
  for (const RowRange& group : args.label_groups) {
    most_labels = std::max<int64_t>(most_labels, group.end - group.begin);
  }
  const Buffers buffers(args.scratch.data(), args.start.cols, args.widths, most_labels);
  for (size_t s = 0; s + 1 < args.word_begins.size(); ++s) {
    const MatView group = args.labels.Rows(args.label_groups[s].begin, args.label_groups[s].end);
    const int64_t first = args.word_begins[s];
    const int64_t last = args.word_begins[s + 1];
    const int64_t from = std::max<int64_t>(first, args.words.begin);
    const int64_t to = std::min<int64_t>(last, args.words.end);
    if (group.rows == 0 || from >= to) continue;
    const Sequence sequence{isa_,
                            buffers,
                            args.start.Rows(first, last),
                            args.only_width >= 0 ? args.end : args.end.Rows(first, last),
                            group.rows,
                            args.widths,
                            args.only_width,
                            args.pairs,
                            args.act,
                            scores.data() + args.score_begins[s]};
    sequence.PackLabels(group);
    sequence.Run(from - first, to - first);
  }
}

}  // namespace waterline
