// The kernels of a GPU, as one more set of Kernels. Matrices and weights are in its memory; spans
// are in the host's, as for every set, and travel as notes (kernels/cuda/notes.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/cuda/queue.h"
#include "kernels/kernels.h"
#include "weights/weight.h"

namespace waterline {

class CudaKernels final : public Kernels {
 public:
  // For sizes, and for packing in host memory.
  CudaKernels() = default;
  // That queue their operations, or note what they will read. Linear maps say themselves what they
  // multiply; attention and span scores multiply in 16 bits where those of the model, of `type`,
  // do.
  CudaKernels(cuda::Queue& queue, WeightType type) : queue_(&queue), type_(type) {}

  const char* name() const override { return "cuda"; }
  bool on_host() const override { return false; }
  int64_t chunk_rows() const override { return kChunkRows; }

  const Kernels& at_load() const override { return *CpuKernels(); }
  size_t PackedBytes(WeightType type, int64_t out, int64_t in) const override;
  void Pack(const float* from, int64_t row, int64_t rows, const Weight& w,
            std::byte* packed) const override;
  void PackInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows, const Weight& w,
                std::byte* packed) const override;
  Rounding InputRounding(WeightType type) const override;
  Rounding ProductRounding() const override;
  size_t PackedLstmFloats(int64_t hidden) const override;
  void PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden,
                float* packed) const override;

  void Embed(const EmbedArgs& args, MatView out) const override;
  void Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch,
              MatView out) const override;
  size_t LinearScratchBytes(int64_t rows, const Weight& w) const override;
  LinearParts PartsOfLinear(int64_t rows, const Weight& w) const override;
  // One worker queues a pass: nothing is computed in parts.
  void RoundInputs(MatView, int64_t, int64_t, const Weight&, std::span<std::byte>) const override;
  void LinearPart(MatView, const Weight&, Act, int64_t, int64_t, std::span<std::byte>,
                  std::span<std::byte>, MatView) const override;
  void AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out) const override;
  void AddAct(MatView a, MatView b, Act act, MatView out) const override;
  void Scale(MatView x, const float* by, MatView out) const override;
  void AddNorm(MatView x, MatView delta, const Norm& norm, MatView out) const override;
  void Gate(MatView x, Act act) const override;
  void Rotate(MatView angles, std::span<const int32_t> positions, int heads,
              MatView x) const override;
  void Attention(const AttentionArgs& args, MatView out) const override;
  size_t AttentionScratchBytes(int64_t, int64_t, const RelativeTerms*) const override { return 0; }
  void Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling,
            MatView out) const override;
  void Lstm(const LstmArgs& args, MatView out) const override;
  size_t LstmScratchBytes(int64_t hidden, int64_t sequences) const override;
  void SpanScores(const SpanScoreArgs& args, std::span<float> scores) const override;
  size_t SpanScoreScratchBytes(int64_t features, int64_t widths,
                               int64_t most_labels) const override;
  void Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first,
              MatView out) const override;
  void GatedConv(const GatedConvArgs& args, MatView out) const override;
  void MixLayers(const MixArgs& args, MatView out) const override;
  size_t MixScratchBytes(int64_t layers, int64_t middle) const override;
  void ClearEmpty(std::span<const RowRange> ranges, MatView x) const override;
  void FeedForward(MatView x, const Weight& up, Act act, const Weight& down,
                   std::span<std::byte> scratch, MatView out) const override;
  size_t FeedForwardScratchBytes(int64_t rows, const Weight& up, const Weight& down) const override;
  void FindCandidates(const CandidateArgs& args, MatView out) const override;
  void GatherRows(MatView x, std::span<const int64_t> rows, MatView out) const override;
  void CopyRows(MatView from, MatView to) const override;
  void CopyIn(MatView from, MatView to) const override;
  void CopyOut(MatView from, MatView to) const override;

 private:
  // Enough rows to keep every multiprocessor busy, and a middle of feed-forward layers that is not
  // larger than the hidden states of a large batch.
  static constexpr int64_t kChunkRows = 4096;

  cuda::Queue& queue() const;

  cuda::Queue* const queue_ = nullptr;
  const WeightType type_ = WeightType::kF32;
};

// Loads every kernel, so that none takes memory of the device later, and sets their attributes.
cudaError_t PrepareCudaKernels();

}  // namespace waterline
