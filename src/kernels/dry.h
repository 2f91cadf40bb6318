// Kernels that compute nothing: a pass over them plans its memory for the kernels they stand for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

namespace waterline {

// Reports the sizes of `like`, which must outlive it. Operations ignore their arguments, which may
// point nowhere.
class DryKernels final : public Kernels {
 public:
  explicit DryKernels(const Kernels& like) : like_(like) {}

  const char* name() const override { return "dry"; }
  bool on_host() const override { return like_.on_host(); }
  int64_t chunk_rows() const override { return like_.chunk_rows(); }
  const Kernels& at_load() const override { return like_.at_load(); }

  size_t PackedBytes(WeightType type, int64_t out, int64_t in) const override;
  void Pack(const float*, int64_t, int64_t, const Weight&, std::byte*) const override {}
  void PackInt8(const int8_t*, const float*, int64_t, int64_t, const Weight&,
                std::byte*) const override {}
  Rounding InputRounding(WeightType type) const override;
  size_t PackedLstmFloats(int64_t hidden) const override;
  void PackLstm(const float*, int64_t, int64_t, int64_t, float*) const override {}

  void Embed(const EmbedArgs&, MatView) const override {}
  void Linear(MatView, const Weight&, Act, std::span<std::byte>, MatView) const override {}
  size_t LinearScratchBytes(int64_t rows, const Weight& w) const override;
  LinearParts PartsOfLinear(int64_t rows, const Weight& w) const override;
  void RoundInputs(MatView, int64_t, int64_t, const Weight&, std::span<std::byte>) const override {}
  void LinearPart(MatView, const Weight&, Act, int64_t, int64_t, std::span<std::byte>,
                  std::span<std::byte>, MatView) const override {}
  void AddLayerNorm(MatView, MatView, const Norm&, MatView) const override {}
  void AddAct(MatView, MatView, Act, MatView) const override {}
  void Scale(MatView, const float*, MatView) const override {}
  void AddNorm(MatView, MatView, const Norm&, MatView) const override {}
  void Gate(MatView, Act) const override {}
  void Rotate(MatView, std::span<const int32_t>, int, MatView) const override {}
  void Attention(const AttentionArgs&, MatView) const override {}
  size_t AttentionScratchBytes(int64_t longest, int64_t head_width,
                               const RelativeTerms* relative) const override;
  void Pool(MatView, std::span<const RowRange>, Pooling, MatView) const override {}
  void Lstm(const LstmArgs&, MatView) const override {}
  size_t LstmScratchBytes(int64_t hidden, int64_t sequences) const override;
  void SpanScores(const SpanScoreArgs&, std::span<float>) const override {}
  size_t SpanScoreScratchBytes(int64_t features, int64_t widths,
                               int64_t most_labels) const override;
  void Unfold(MatView, SequenceBegins, int64_t, int64_t, MatView) const override {}
  void GatedConv(const GatedConvArgs&, MatView) const override {}
  void MixLayers(const MixArgs&, MatView) const override {}
  size_t MixScratchBytes(int64_t layers, int64_t middle) const override;
  void ClearEmpty(std::span<const RowRange>, MatView) const override {}
  void FeedForward(MatView, const Weight&, Act, const Weight&, std::span<std::byte>,
                   MatView) const override {}
  size_t FeedForwardScratchBytes(int64_t rows, const Weight& up,
                                 const Weight& down) const override {
    return like_.FeedForwardScratchBytes(rows, up, down);
  }
  void FindCandidates(const CandidateArgs&, MatView) const override {}
  void GatherRows(MatView, std::span<const int64_t>, MatView) const override {}
  void CopyRows(MatView, MatView) const override {}
  void CopyIn(MatView, MatView) const override {}
  void CopyOut(MatView, MatView) const override {}

 private:
  const Kernels& like_;
};

}  // namespace waterline
