// Every operation as its formula says, in plain loops with double sums: what the fast kernels are
// compared with. Weights are packed row-major as f32, rounded to their type; there is no scratch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

namespace waterline {

class ReferenceKernels : public Kernels {
 public:
  // Rounds weights, inputs of linear maps and what span scores multiply as `like` says it does;
  // nullptr: not at all.
  explicit ReferenceKernels(const Kernels* like = nullptr) : like_(like) {}

  const char* name() const override { return "reference"; }

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
  void Linear(MatView x, const Weight& w, Act act, std::span<std::byte>,
              MatView out) const override {
    LinearPart(x, w, act, 0, w.out, {}, {}, out);
  }
  size_t LinearScratchBytes(int64_t, const Weight&) const override { return 0; }
  LinearParts PartsOfLinear(int64_t, const Weight&) const override { return {}; }
  void RoundInputs(MatView, int64_t, int64_t, const Weight&, std::span<std::byte>) const override {}
  void LinearPart(MatView x, const Weight& w, Act act, int64_t begin, int64_t end,
                  std::span<std::byte> rounded, std::span<std::byte> scratch,
                  MatView out) const override;
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
  size_t LstmScratchBytes(int64_t, int64_t) const override { return 0; }
  void SpanScores(const SpanScoreArgs& args, std::span<float> scores) const override;
  size_t SpanScoreScratchBytes(int64_t, int64_t, int64_t) const override { return 0; }
  void Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first,
              MatView out) const override;
  void GatedConv(const GatedConvArgs& args, MatView out) const override;
  void MixLayers(const MixArgs& args, MatView out) const override;
  size_t MixScratchBytes(int64_t, int64_t) const override { return 0; }
  void ClearEmpty(std::span<const RowRange> ranges, MatView x) const override;
  void FeedForward(MatView x, const Weight& up, Act act, const Weight& down,
                   std::span<std::byte> scratch, MatView out) const override;
  // Candidates in the order of their logits.
  void FindCandidates(const CandidateArgs& args, MatView out) const override;

 private:
  const Kernels* like_;
};

// act(x) in double.
double ReferenceAct(Act act, double x);

// Numbers rounded to the type that `rounding` names, if any.
void RoundNumbers(const Rounding& rounding, std::span<float> numbers);
void RoundNumbers(const Rounding& rounding, MatView numbers);

}  // namespace waterline
