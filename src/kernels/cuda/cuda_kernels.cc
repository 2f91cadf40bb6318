// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/cuda_kernels.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/candidates.h"
#include "kernels/cuda/convolution.h"
#include "kernels/cuda/layers.h"
#include "kernels/cuda/linear.h"
#include "kernels/cuda/lstm.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/span_scores.h"

namespace waterline {
namespace {

// Kinds of arrays that are made of others; 0 are copies.
constexpr int kAttentionTiles = 1;

int64_t Longest(SequenceBegins begins) {
  int32_t longest = 0;
  for (size_t s = 1; s < begins.size(); ++s) longest = std::max(longest, begins[s] - begins[s - 1]);
  return longest;
}

cuda::AttentionOperand AttentionOperandOf(WeightType type) {
  switch (type) {
    case WeightType::kF16:
      return cuda::AttentionOperand::kF16;
    case WeightType::kBf16:
    case WeightType::kInt8:
      return cuda::AttentionOperand::kBf16;
    case WeightType::kF32:
    case WeightType::kTf32:
      break;
  }
  return cuda::AttentionOperand::kF32;
}

cuda::ScoreOperand ScoreOperandOf(WeightType type) {
  switch (type) {
    case WeightType::kF16:
      return cuda::ScoreOperand::kF16;
    case WeightType::kBf16:
    case WeightType::kInt8:
      return cuda::ScoreOperand::kBf16;
    case WeightType::kF32:
    case WeightType::kTf32:
      break;
  }
  return cuda::ScoreOperand::kF32;
}

}  // namespace

cuda::Queue& CudaKernels::queue() const {
  WATERLINE_CHECK(queue_ != nullptr);
  return *queue_;
}

size_t CudaKernels::PackedBytes(WeightType type, int64_t out, int64_t in) const {
  return cuda::PackedLinearBytes(type, out, in);
}

void CudaKernels::Pack(const float* from, int64_t row, int64_t rows, const Weight& w,
                       std::byte* packed) const {
  cuda::PackLinear(from, row, rows, w, packed);
}

void CudaKernels::PackInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows,
                           const Weight& w, std::byte* packed) const {
  cuda::PackLinearInt8(from, scales, row, rows, w, packed);
}

Rounding CudaKernels::InputRounding(WeightType type) const {
  return cuda::LinearInputRounding(type);
}

Rounding CudaKernels::ProductRounding() const {
  const cuda::ScoreOperand operand = ScoreOperandOf(type_);
  return {.bf16 = operand == cuda::ScoreOperand::kBf16, .f16 = operand == cuda::ScoreOperand::kF16};
}

size_t CudaKernels::PackedLstmFloats(int64_t hidden) const {
  return cuda::PackedLstmFloats(hidden);
}

void CudaKernels::PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden,
                           float* packed) const {
  cuda::PackLstm(from, row, rows, hidden, packed);
}

void CudaKernels::Embed(const EmbedArgs& args, MatView out) const {
  EmbedArgs there = args;
  there.ids = queue().notes().Add(args.ids);
  there.positions = queue().notes().Add(args.positions);
  queue().Enqueue("embedding", [&](cudaStream_t s) { return cuda::Embed(there, out, s); });
}

void CudaKernels::Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch,
                         MatView out) const {
  queue().Enqueue("linear map", [&](cudaStream_t s) {
    for (int64_t row = 0; row < x.rows; row += kChunkRows) {
      const int64_t end = std::min(x.rows, row + kChunkRows);
      const cudaError_t error =
          cuda::Linear(x.Rows(row, end), w, act, scratch, out.Rows(row, end), s);
      if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
  });
}

size_t CudaKernels::LinearScratchBytes(int64_t rows, const Weight& w) const {
  return cuda::LinearScratchBytes(std::min(rows, kChunkRows), w);
}

LinearParts CudaKernels::PartsOfLinear(int64_t rows, const Weight& w) const {
  const size_t bytes = (LinearScratchBytes(rows, w) + 63) / 64 * 64;
  return {.outputs = std::max<int64_t>(w.out, 1), .rounded = bytes, .scratch = 0};
}

void CudaKernels::RoundInputs(MatView, int64_t, int64_t, const Weight&,
                              std::span<std::byte>) const {
  WATERLINE_CHECK(false);
}

void CudaKernels::LinearPart(MatView, const Weight&, Act, int64_t, int64_t, std::span<std::byte>,
                             std::span<std::byte>, MatView) const {
  WATERLINE_CHECK(false);
}

void CudaKernels::AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out) const {
  queue().Enqueue("layer norm",
                  [&](cudaStream_t s) { return cuda::AddLayerNorm(x, residual, norm, out, s); });
}

void CudaKernels::AddAct(MatView a, MatView b, Act act, MatView out) const {
  queue().Enqueue("sum", [&](cudaStream_t s) { return cuda::AddAct(a, b, act, out, s); });
}

void CudaKernels::Scale(MatView x, const float* by, MatView out) const {
  queue().Enqueue("scaling", [&](cudaStream_t s) { return cuda::Scale(x, by, out, s); });
}

void CudaKernels::AddNorm(MatView x, MatView delta, const Norm& norm, MatView out) const {
  queue().Enqueue("norm", [&](cudaStream_t s) { return cuda::AddNorm(x, delta, norm, out, s); });
}

void CudaKernels::Gate(MatView x, Act act) const {
  queue().Enqueue("gate", [&](cudaStream_t s) { return cuda::Gate(x, act, s); });
}

void CudaKernels::Rotate(MatView angles, std::span<const int32_t> positions, int heads,
                         MatView x) const {
  const auto there = queue().notes().Add(positions);
  queue().Enqueue("rotation",
                  [&](cudaStream_t s) { return cuda::Rotate(angles, there, heads, x, s); });
}

void CudaKernels::Attention(const AttentionArgs& args, MatView out) const {
  cuda::Notes& notes = queue().notes();
  AttentionArgs there = args;
  const auto tiles = notes.Make<cuda::AttentionTile>(
      kAttentionTiles, args.begins, static_cast<size_t>(cuda::CountAttentionTiles(args.begins)),
      [&](std::span<cuda::AttentionTile> to) { cuda::FillAttentionTiles(args.begins, to); });
  there.begins = notes.Add(args.begins);
  there.key_begins = notes.Add(args.key_begins);
  RelativeTerms relative;
  if (args.relative != nullptr) {
    // Distances that these sequences have.
    relative = *args.relative;
    const int64_t reach = std::min(std::max<int64_t>(args.longest - 1, 0), relative.reach);
    relative.bucket = notes.Add(args.relative->bucket.subspan(
        static_cast<size_t>(relative.reach - reach), static_cast<size_t>(2 * reach + 1)));
    relative.reach = reach;
    there.relative = &relative;
  }
  queue().Enqueue("attention", [&](cudaStream_t s) {
    return cuda::Attention(there, tiles, AttentionOperandOf(type_), out, s);
  });
}

void CudaKernels::Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling,
                       MatView out) const {
  const auto there = queue().notes().Add(ranges);
  queue().Enqueue("pooling", [&](cudaStream_t s) { return cuda::Pool(x, there, pooling, out, s); });
}

void CudaKernels::Lstm(const LstmArgs& args, MatView out) const {
  LstmArgs there = args;
  there.begins = queue().notes().Add(args.begins);
  const int64_t longest = Longest(args.begins);
  queue().Enqueue("LSTM", [&](cudaStream_t s) { return cuda::Lstm(there, longest, out, s); });
}

size_t CudaKernels::LstmScratchBytes(int64_t hidden, int64_t sequences) const {
  return cuda::LstmScratchBytes(hidden, sequences);
}

void CudaKernels::SpanScores(const SpanScoreArgs& args, std::span<float> scores) const {
  cuda::Notes& notes = queue().notes();
  SpanScoreArgs there = args;
  there.word_begins = notes.Add(args.word_begins);
  there.label_groups = notes.Add(args.label_groups);
  there.score_begins = notes.Add(args.score_begins);
  int64_t most_labels = 0;
  for (const RowRange& group : args.label_groups) {
    most_labels = std::max<int64_t>(most_labels, group.end - group.begin);
  }
  const int64_t most_words = Longest(args.word_begins);
  queue().Enqueue("span scores", [&](cudaStream_t s) {
    return cuda::SpanScores(there, most_words, most_labels, scores, s, ScoreOperandOf(type_));
  });
}

size_t CudaKernels::SpanScoreScratchBytes(int64_t features, int64_t widths,
                                          int64_t most_labels) const {
  return cuda::SpanScoreScratchBytes(features, widths, most_labels);
}

void CudaKernels::Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first,
                         MatView out) const {
  const auto there = queue().notes().Add(begins);
  queue().Enqueue("unfolding",
                  [&](cudaStream_t s) { return cuda::Unfold(x, there, kernel, first, out, s); });
}

void CudaKernels::GatedConv(const GatedConvArgs& args, MatView out) const {
  GatedConvArgs there = args;
  there.begins = queue().notes().Add(args.begins);
  queue().Enqueue("convolution", [&](cudaStream_t s) { return cuda::GatedConv(there, out, s); });
}

void CudaKernels::MixLayers(const MixArgs& args, MatView out) const {
  MixArgs there = args;
  there.rows = queue().notes().Add(args.rows);
  there.begins = queue().notes().Add(args.begins);
  queue().Enqueue("layer fusion", [&](cudaStream_t s) { return cuda::MixLayers(there, out, s); });
}

size_t CudaKernels::MixScratchBytes(int64_t layers, int64_t middle) const {
  return cuda::MixScratchBytes(layers, middle);
}

void CudaKernels::ClearEmpty(std::span<const RowRange> ranges, MatView x) const {
  const auto there = queue().notes().Add(ranges);
  queue().Enqueue("clearing", [&](cudaStream_t s) { return cuda::ClearEmpty(there, x, s); });
}

void CudaKernels::FeedForward(MatView x, const Weight& up, Act act, const Weight& down,
                              std::span<std::byte> scratch, MatView out) const {
  queue().Enqueue("feed-forward layer", [&](cudaStream_t s) {
    for (int64_t row = 0; row < x.rows; row += kChunkRows) {
      const int64_t end = std::min(x.rows, row + kChunkRows);
      const cudaError_t error =
          cuda::FeedForward(x.Rows(row, end), up, act, down, scratch, out.Rows(row, end), s);
      if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
  });
}

size_t CudaKernels::FeedForwardScratchBytes(int64_t rows, const Weight& up,
                                            const Weight& down) const {
  return cuda::FeedForwardScratchBytes(std::min(rows, kChunkRows), up, down);
}

void CudaKernels::FindCandidates(const CandidateArgs& args, MatView out) const {
  cuda::Notes& notes = queue().notes();
  const auto score_begins = notes.Add(args.score_begins);
  const auto label_groups = notes.Add(args.label_groups);
  const auto limits = notes.Add(args.limits);
  const auto limit_begins = notes.Add(args.limit_begins);
  queue().Enqueue("candidates", [&](cudaStream_t s) {
    auto* const set = reinterpret_cast<CandidateSet*>(out.data);
    return cuda::FindCandidates(args.logits, score_begins, label_groups, limits, limit_begins,
                                static_cast<int32_t>(out.cols / 2 - 1), set,
                                reinterpret_cast<Candidate*>(set + 1), s);
  });
}

void CudaKernels::GatherRows(MatView x, std::span<const int64_t> rows, MatView out) const {
  const auto there = queue().notes().Add(rows);
  queue().Enqueue("gathering", [&](cudaStream_t s) { return cuda::GatherRows(x, there, out, s); });
}

void CudaKernels::CopyRows(MatView from, MatView to) const {
  queue().Enqueue("copying", [&](cudaStream_t s) { return cuda::CopyRows(from, to, s); });
}

void CudaKernels::CopyIn(MatView from, MatView to) const { queue().CopyIn(from, to); }
void CudaKernels::CopyOut(MatView from, MatView to) const { queue().CopyOut(from, to); }

cudaError_t PrepareCudaKernels() {
  for (cudaError_t (*prepare)() :
       {&cuda::PrepareAttention, &cuda::PrepareCandidates, &cuda::PrepareConvolution,
        &cuda::PrepareLayers, &cuda::PrepareLinear, &cuda::PrepareLstm, &cuda::PrepareRows,
        &cuda::PrepareSpanScores}) {
    if (const cudaError_t error = prepare(); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace waterline
