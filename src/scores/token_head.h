// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "scores/head.h"
#include "scores/span_marker.h"
#include "scores/token_scorer.h"
#include "scores/word_vectors.h"

namespace waterline {

// Token models; see token_head.cc.
class TokenHead final : public Head {
 public:
  static Result<std::unique_ptr<Head>> Make(const GlinerConfig& config,
                                            const BackboneConfig& backbone, Binder weights);

  Scores Forward(Ops& ops, Mat hidden, const Batch& batch) const override;
  BatchRules rules() const override {
    return {.pooling = words_.pooling(), .channels = TokenScorer::kChannels};
  }
  Layout layout() const override { return Layout::kTokens; }
  int64_t widths() const override { return 0; }
  int64_t vector_width() const override { return width_; }
  Mat PrepareLabels(Ops& ops, Mat vectors) const override;
  // The mean of the words of each.
  Mat SpanVectors(Ops& ops, const Scores& scores, std::span<const WordRange> spans) const override;

  bool rescores() const override { return spans_ != nullptr; }
  Mat RescoreSpans(Ops& ops, const Scores& scores, const Batch& batch, size_t index,
                   std::span<const WordRange> spans) const override;

 private:
  int64_t width_ = 0;  // D
  WordVectors words_;
  TokenScorer scorer_;
  std::unique_ptr<SpanMarker> spans_;  // With represent_spans.
};

}  // namespace waterline
