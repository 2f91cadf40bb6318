// Span models: the logit of a span and a label is the dot product of their vectors.
//
// Paper   Zaratiana et al. 2023, "GLiNER", arXiv:2311.08526, section 2.
// Oracle  gliner modeling/base.py: UniEncoderSpanModel, BiEncoderSpanModel.
//
//   X, P0 = words and label markers (word_vectors.h), or P0 from a label encoder
//   X, P0 = fused (cross_fuser.h), where a bi-encoder has a post_fusion_schema
//   P = prompt(P0)
//   logit[i,k,c] = S(X)[i,k] · P[c]        S by span_mode (span_layer.h)
//
// SPDX-License-Identifier: Apache-2.0
#include "scores/span_head.h"

#include <utility>

namespace waterline {

Scores SpanHead::Forward(Ops& ops, Mat hidden, const Batch& batch) const {
  WordVectors::Rows rows = words_.Forward(ops, std::move(hidden), batch);
  Mat labels;
  if (fuser_) {
    rows.labels = GivenLabelRows(ops, batch, width_);
    fuser_->Forward(ops, batch, rows.words, rows.labels);
    labels = prompt_.Forward(ops, rows.labels, "label vectors");
    rows.labels.Release();
  } else {
    labels = batch.given.empty() ? PrepareLabels(ops, std::move(rows.labels))
                                 : GivenLabelRows(ops, batch, width_);
  }
  Scores scores = spans_->Forward(ops, std::move(rows.words), std::move(labels), batch);
  scores.relations = std::move(rows.relations);
  return scores;
}

Mat SpanHead::PrepareLabels(Ops& ops, Mat vectors) const {
  if (fuser_) return vectors;  // They are fused with a text first.
  const Mat from = std::move(vectors);
  return prompt_.Forward(ops, from, "label vectors");
}

Mat SpanHead::SpanVectors(Ops& ops, const Scores& scores, std::span<const WordRange> spans) const {
  return spans_->SpanVectors(ops, scores, spans);
}

Result<std::unique_ptr<Head>> SpanHead::Make(const GlinerConfig& config,
                                             const BackboneConfig& backbone, Binder weights,
                                             std::pmr::memory_resource* memory) {
  auto head = std::make_unique<SpanHead>();
  const int64_t D = config.hidden_size;
  head->width_ = D;
  head->widths_ = config.max_width;
  Result<WordVectors> words = WordVectors::Bind(config, backbone.hidden_size, weights);
  if (!words.ok()) return words.error();
  head->words_ = std::move(*words);
  if (HasLabelEncoder(config.architecture) && !config.post_fusion_schema.empty()) {
    Result<CrossFuser> fuser = CrossFuser::Bind(config, backbone.heads, weights);
    if (!fuser.ok()) return fuser.error();
    head->fuser_ = std::move(*fuser);
  }
  Result<std::unique_ptr<SpanLayer>> spans = MakeSpanLayer(config, weights, memory);
  if (!spans.ok()) return spans.error();
  head->spans_ = std::move(*spans);
  head->prompt_ = Mlp::Bind(weights, "prompt_rep_layer", D, 4 * D, D);
  return std::unique_ptr<Head>(std::move(head));
}

}  // namespace waterline
