// Every operation as its formula says, in plain loops with double sums: what the fast kernels are
// compared with. Weights are packed as they are, row-major; there is no scratch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

namespace waterline {

class ReferenceKernels final : public Kernels {
 public:
  const char* name() const override { return "reference"; }

  size_t PackedBytes(int64_t out, int64_t in) const override;
  void Pack(const float* from, int64_t row, int64_t rows, int64_t out, int64_t in,
            std::byte* packed) const override;
  size_t PackedLstmFloats(int64_t hidden) const override;
  void PackLstm(const float* from, int64_t hidden, float* packed) const override;

  void Embed(const EmbedArgs& args, MatView out) const override;
  void Linear(MatView x, const Weight& w, Act act, MatView out) const override;
  void AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out) const override;
  void Attention(const AttentionArgs& args, MatView out) const override;
  size_t AttentionScratchBytes(int64_t, int64_t, const RelativeTerms*) const override { return 0; }
  void Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling,
            MatView out) const override;
  void Lstm(const LstmArgs& args, MatView out) const override;
  size_t LstmScratchBytes(int64_t, int64_t) const override { return 0; }
  void SpanScores(const SpanScoreArgs& args, std::span<float> scores) const override;
  size_t SpanScoreScratchBytes(int64_t, int64_t, int64_t) const override { return 0; }
  void Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first,
              MatView out) const override;
  void ClearEmpty(std::span<const RowRange> ranges, MatView x) const override;
};

// act(x) in double.
double ReferenceAct(Act act, double x);

}  // namespace waterline
