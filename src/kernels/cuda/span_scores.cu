// Scores of spans and labels: a product of the spans of a sequence, rows that are formed on the fly
// and exist nowhere, with its labels. A block has 64 spans and 8 to 32 labels; the features of each
// score are summed in one order whatever the block. A row of u is read for each of its K spans
// and so is one of v: from the first-level cache, since neighbouring spans share them.
//
//   f32   tiles of both through shared memory, 4 spans x 1 to 4 labels a thread in registers; the
//         loads of a slice are under way while the one before it is multiplied. 4.3 + 2.3 KB.
//   short mma m16n8k16, 16 spans a warp: each lane forms its part of them in registers, labels go
//         through shared memory in slices of 64 features. 9.2 KB.
//
// Only hardware can tell from how many labels on the second is the faster one.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/span_scores.h"

#include <gpu.h>

#include <iterator>

#include "kernels/cuda/elements.h"
#include "kernels/cuda/prepare.h"

namespace waterline::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kSpans = 64;  // Of a block.

struct Request {
  MatView start, end, labels;
  const int32_t* word_begins;
  const RowRange* label_groups;
  const int64_t* score_begins;
  int widths;
  int only_width;
  int spans;  // Of a word: widths, or one.
  bool pairs;
  bool relu;
  RowRange words;
  int tiles;  // Blocks in x for each sequence.
  float* scores;
};

// What a block computes: spans [first, first + kSpans) of a sequence and labels [label, label +
// labels) of the matrix.
struct Tile {
  int begin, end;  // Words of the sequence.
  int first;
  int label, labels;
  float* scores;      // Of the first span of the sequence and the first label of the tile.
  int64_t in_a_span;  // Scores.
};

__device__ Tile TileOf(const Request& r, int labels_of_block) {
  const int sequence = static_cast<int>(blockIdx.x) / r.tiles;
  const RowRange group = r.label_groups[sequence];
  const int first_label = static_cast<int>(blockIdx.y) * labels_of_block;
  return {r.word_begins[sequence],
          r.word_begins[sequence + 1],
          static_cast<int>(blockIdx.x) % r.tiles * kSpans,
          group.begin + first_label,
          min(labels_of_block, group.end - group.begin - first_label),
          r.scores + r.score_begins[sequence] + first_label,
          group.end - group.begin};
}

// False where no score of the tile is asked for.
__device__ bool HasScores(const Request& r, const Tile& tile) {
  const int first_word = tile.begin + tile.first / r.spans;
  const int last_word = min(tile.begin + (tile.first + kSpans - 1) / r.spans, tile.end - 1);
  return tile.labels > 0 && first_word < tile.end && last_word >= r.words.begin &&
         first_word < r.words.end;
}

enum class Kind { kNotAsked, kBeyond, kScored };  // kBeyond: past the end of the sequence.

struct Span {
  Kind kind;
  const float* u;
  const float* v;  // nullptr: u alone stands for the span.
};

// Span `index` of a sequence, counted by words, then by widths.
__device__ Span SpanOf(const Request& r, const Tile& tile, int index) {
  const bool one = r.only_width >= 0;
  const int i = tile.begin + index / r.spans;
  const int k = one ? r.only_width : index % r.spans;
  if (i >= tile.end || i < r.words.begin || i >= r.words.end) {
    return {Kind::kNotAsked, nullptr, nullptr};
  }
  if (!r.pairs && i + k >= tile.end) return {Kind::kBeyond, nullptr, nullptr};
  const float* const v = one ? nullptr : r.end.row(r.pairs ? tile.begin + k : i + k);
  return {Kind::kScored, r.start.row(i), v};
}

// `label` is that of the tile.
__device__ void WriteScore(const Request& r, const Tile& tile, int index, int label, float sum) {
  const Kind kind = SpanOf(r, tile, index).kind;
  if (kind == Kind::kNotAsked || label >= tile.labels) return;
  if (r.labels.cols > r.start.cols) sum += r.labels.row(tile.label + label)[r.start.cols];
  const int64_t place = r.only_width < 0 ? index : int64_t{index} * r.widths + r.only_width;
  tile.scores[place * tile.in_a_span + label] = kind == Kind::kScored ? sum : -INFINITY;
}

constexpr int kDepth = 16;               // Features of a slice.
constexpr int kSpanStride = kSpans + 4;  // Conflict-free: rows 4 apart are 16 banks apart.

// Features {0 ... 3, 8 ... 11} or {4 ... 7, 12 ... 15} of a slice of a row: half = 0 or 1.
struct HalfSlice {
  Four four[2];

  __device__ void Load(const float* row, int feature, int half, int64_t features) {
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      const int64_t at = feature + 8 * part + 4 * half;
      four[part] = row == nullptr || at >= features ? Four{} : Load4(row + at, features - at);
    }
  }
};

template <int kLabelsOfThread>
__global__ void __launch_bounds__(kThreads) ScoreF32(Request r) {
  constexpr int kLabels = 8 * kLabelsOfThread;
  __align__(16) __shared__ float hidden[kDepth][kSpanStride];
  __align__(16) __shared__ float labels[kDepth][kLabels + 4];
  const Tile tile = TileOf(r, kLabels);
  if (!HasScores(r, tile)) return;  // The whole block.
  const int thread = static_cast<int>(threadIdx.x), row = thread / 2, half = thread % 2;
  const Span span = SpanOf(r, tile, tile.first + row);
  const float* const label = row < tile.labels ? r.labels.row(tile.label + row) : nullptr;
  const int64_t features = r.start.cols;
  const int first_span = thread / 8 * 4, first_label = thread % 8 * kLabelsOfThread;
  float sum[4][kLabelsOfThread] = {};

  HalfSlice u, v, g;
  const auto load = [&](int feature) {
    u.Load(span.u, feature, half, features);
    v.Load(span.v, feature, half, features);
    g.Load(label, feature, half, features);
  };
  load(0);
  for (int feature = 0; feature < features; feature += kDepth) {
    __syncthreads();  // The last slice has been read.
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      const int at = e / 4 * 8 + 4 * half + e % 4;
      const float value = u.four[e / 4].v[e % 4] + v.four[e / 4].v[e % 4];
      hidden[at][row] = r.relu ? Relu(value) : value;
      if (row < kLabels) labels[at][row] = g.four[e / 4].v[e % 4];
    }
    __syncthreads();
    if (feature + kDepth < features) load(feature + kDepth);
    float part[4][kLabelsOfThread] = {};  // Sums of sums round less.
#pragma unroll
    for (int at = 0; at < kDepth; ++at) {
      const float4 h = *reinterpret_cast<const float4*>(&hidden[at][first_span]);
#pragma unroll
      for (int c = 0; c < kLabelsOfThread; ++c) {
        const float factor = labels[at][first_label + c];
        part[0][c] = fmaf(h.x, factor, part[0][c]);
        part[1][c] = fmaf(h.y, factor, part[1][c]);
        part[2][c] = fmaf(h.z, factor, part[2][c]);
        part[3][c] = fmaf(h.w, factor, part[3][c]);
      }
    }
#pragma unroll
    for (int s = 0; s < 4; ++s) {
#pragma unroll
      for (int c = 0; c < kLabelsOfThread; ++c) sum[s][c] += part[s][c];
    }
  }
#pragma unroll
  for (int s = 0; s < 4; ++s) {
#pragma unroll
    for (int c = 0; c < kLabelsOfThread; ++c) {
      WriteScore(r, tile, tile.first + first_span + s, first_label + c, sum[s][c]);
    }
  }
}

constexpr int kShortDepth = 64;
// Pairs of features; conflict-free: rows are 4 banks apart, of which lanes read 4 each.
constexpr int kPairStride = kShortDepth / 2 + 4;

template <ScoreOperand kOperand>
__device__ uint32_t PackPair(float2 pair) {
  return kOperand == ScoreOperand::kBf16 ? PackBf16(pair.x, pair.y) : PackF16(pair.x, pair.y);
}

// Features `feature` and the next of a span: one register of an mma's A.
template <ScoreOperand kOperand>
__device__ uint32_t HiddenPair(const Request& r, const Span& span, int64_t feature) {
  const int64_t count = r.start.cols - feature;
  float2 hidden = span.u == nullptr ? float2{0, 0} : Load2(span.u + feature, count);
  if (span.v != nullptr) {
    const float2 v = Load2(span.v + feature, count);
    hidden = {hidden.x + v.x, hidden.y + v.y};
  }
  if (r.relu) hidden = {Relu(hidden.x), Relu(hidden.y)};
  return PackPair<kOperand>(hidden);
}

template <ScoreOperand kOperand, int kLabels>
__global__ void __launch_bounds__(kThreads) ScoreShort(Request r) {
  __shared__ uint32_t labels[kLabels * kPairStride];
  const Tile tile = TileOf(r, kLabels);
  if (!HasScores(r, tile)) return;  // The whole block.
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  const int group = lane / 4, pair = lane % 4;  // As PTX calls what an mma's fragments are of.
  const int first = tile.first + thread / 32 * 16 + group;
  const Span spans[2] = {SpanOf(r, tile, first), SpanOf(r, tile, first + 8)};
  const int64_t features = r.start.cols;
  float sum[kLabels / 8][4] = {};

  for (int slice = 0; slice < features; slice += kShortDepth) {
    __syncthreads();  // The last slice has been read.
    for (int i = thread; i < kLabels * kShortDepth / 2; i += kThreads) {
      const int c = i / (kShortDepth / 2), at = i % (kShortDepth / 2);
      const int64_t feature = slice + 2 * at;
      const float2 g = c < tile.labels
                           ? Load2(r.labels.row(tile.label + c) + feature, features - feature)
                           : float2{0, 0};
      labels[c * kPairStride + at] = PackPair<kOperand>(g);
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kShortDepth; k += 16) {
      const int64_t feature = slice + k + 2 * pair;
      const uint32_t a[4] = {HiddenPair<kOperand>(r, spans[0], feature),
                             HiddenPair<kOperand>(r, spans[1], feature),
                             HiddenPair<kOperand>(r, spans[0], feature + 8),
                             HiddenPair<kOperand>(r, spans[1], feature + 8)};
#pragma unroll
      for (int c = 0; c < kLabels; c += 8) {
        const uint32_t* const b = labels + (c + group) * kPairStride + k / 2 + pair;
        if constexpr (kOperand == ScoreOperand::kBf16) {
          MmaBf16(sum[c / 8], a, b[0], b[4]);
        } else {
          MmaF16(sum[c / 8], a, b[0], b[4]);
        }
      }
    }
  }
#pragma unroll
  for (int c = 0; c < kLabels; c += 8) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      WriteScore(r, tile, first + e / 2 * 8, c + 2 * pair + e % 2, sum[c / 8][e]);
    }
  }
}

using Kernel = void (*)(Request);
struct Size {
  int64_t labels;  // Of a block.
  Kernel f32, bf16, f16;
};
constexpr Size kSizes[] = {
    {8, ScoreF32<1>, ScoreShort<ScoreOperand::kBf16, 8>, ScoreShort<ScoreOperand::kF16, 8>},
    {16, ScoreF32<2>, ScoreShort<ScoreOperand::kBf16, 16>, ScoreShort<ScoreOperand::kF16, 16>},
    {32, ScoreF32<4>, ScoreShort<ScoreOperand::kBf16, 32>, ScoreShort<ScoreOperand::kF16, 32>},
};

const Size& SizeFor(int64_t most_labels) {
  const Size* size = kSizes;
  while (size->labels < most_labels && size + 1 < std::end(kSizes)) ++size;
  return *size;
}

}  // namespace

cudaError_t PrepareSpanScores() {
  for (const Size& size : kSizes) {
    if (const cudaError_t error = PrepareKernels(0, size.f32, size.bf16, size.f16)) return error;
  }
  return cudaSuccess;
}

size_t SpanScoreScratchBytes(int64_t, int64_t, int64_t) { return 0; }

cudaError_t SpanScores(const SpanScoreArgs& args, int64_t most_words, int64_t most_labels,
                       std::span<float> scores, cudaStream_t stream, ScoreOperand operand) {
  const auto sequences = static_cast<int64_t>(args.word_begins.size()) - 1;
  if (sequences <= 0 || most_words == 0 || most_labels == 0 || args.widths == 0) {
    return cudaSuccess;
  }
  const int64_t spans = args.only_width < 0 ? args.widths : 1;
  const int64_t tiles = (most_words * spans + kSpans - 1) / kSpans;
  const Request request{.start = args.start,
                        .end = args.end,
                        .labels = args.labels,
                        .word_begins = args.word_begins.data(),
                        .label_groups = args.label_groups.data(),
                        .score_begins = args.score_begins.data(),
                        .widths = static_cast<int>(args.widths),
                        .only_width = static_cast<int>(args.only_width),
                        .spans = static_cast<int>(spans),
                        .pairs = args.pairs,
                        .relu = args.act == Act::kRelu,
                        .words = args.words,
                        .tiles = static_cast<int>(tiles),
                        .scores = scores.data()};
  const Size& size = SizeFor(most_labels);
  const Kernel kernel = operand == ScoreOperand::kF32    ? size.f32
                        : operand == ScoreOperand::kBf16 ? size.bf16
                                                         : size.f16;
  return Launch(kernel, "SpanScores",
                dim3(static_cast<unsigned>(sequences * tiles),
                     static_cast<unsigned>((most_labels + size.labels - 1) / size.labels)),
                dim3(kThreads), 0, stream, request);
}

}  // namespace waterline::cuda
