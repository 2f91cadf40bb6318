// The kernels of a CPU: written once over the inner loops of one instruction set.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/cpu/isa.h"
#include "kernels/kernels.h"

namespace waterline {

// Everything that follows is baseline code: it blocks, walks over sequences and calls `isa`.
class CpuKernelSet final : public Kernels {
 public:
  explicit constexpr CpuKernelSet(const Isa& isa) : isa_(isa) {}

  const char* name() const override { return isa_.name; }
  const Isa& isa() const { return isa_; }

  // W as wide panels of columns of Wᵀ; zeros up to a whole vector. Behind those of int8 the scales
  // of the columns, and the offsets of their sums.
  size_t PackedBytes(WeightType type, int64_t out, int64_t in) const override;
  void Pack(const float* from, int64_t row, int64_t rows, const Weight& w,
            std::byte* packed) const override;
  void PackInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows, const Weight& w,
                std::byte* packed) const override;
  Rounding InputRounding(WeightType type) const override;
  size_t PackedLstmFloats(int64_t hidden) const override;
  void PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden,
                float* packed) const override;

  void Embed(const EmbedArgs& args, MatView out) const override;
  void Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch,
              MatView out) const override;
  size_t LinearScratchBytes(int64_t rows, const Weight& w) const override;
  void AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out) const override;
  void AddAct(MatView a, MatView b, Act act, MatView out) const override;
  void Scale(MatView x, const float* by, MatView out) const override;
  void AddNorm(MatView x, MatView delta, const Norm& norm, MatView out) const override;
  void Gate(MatView x, Act act) const override;
  void Rotate(MatView angles, std::span<const int32_t> positions, int heads,
              MatView x) const override;
  void Attention(const AttentionArgs& args, MatView out) const override;
  size_t AttentionScratchBytes(int64_t longest, int64_t head_width,
                               const RelativeTerms* relative) const override;
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

 private:
  // sum = x + residual where there is one, out = its norm.
  void Normalise(MatView x, MatView residual, const Norm& norm, MatView sum, MatView out) const;
  const Product& ProductOf(WeightType type) const {
    return type == WeightType::kF32 ? isa_.f32 : type == WeightType::kBf16 ? isa_.bf16 : isa_.int8;
  }

  const Isa& isa_;
};

}  // namespace waterline
