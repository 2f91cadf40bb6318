// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <memory_resource>
#include <optional>

#include "scores/cross_fuser.h"
#include "scores/head.h"
#include "scores/mlp.h"
#include "scores/span_layer.h"
#include "scores/word_vectors.h"

namespace waterline {

// Span models; see span_head.cc.
class SpanHead final : public Head {
 public:
  static Result<std::unique_ptr<Head>> Make(const GlinerConfig& config,
                                            const BackboneConfig& backbone, Binder weights,
                                            std::pmr::memory_resource* memory);

  Scores Forward(Ops& ops, Mat hidden, const Batch& batch) const override;
  BatchRules rules() const override {
    return {.pooling = words_.pooling(), .channels = widths_, .own_labels = fuser_.has_value()};
  }
  Layout layout() const override { return Layout::kSpans; }
  int64_t widths() const override { return widths_; }
  int64_t vector_width() const override { return width_; }
  Mat PrepareLabels(Ops& ops, Mat vectors) const override;
  Mat SpanVectors(Ops& ops, const Scores& scores, std::span<const WordRange> spans) const override;

 private:
  int64_t width_ = 0;   // D
  int64_t widths_ = 0;  // K
  WordVectors words_;
  std::optional<CrossFuser> fuser_;
  Mlp prompt_;
  std::unique_ptr<SpanLayer> spans_;
};

}  // namespace waterline
