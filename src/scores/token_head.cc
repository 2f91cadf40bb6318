// Token models: each word may begin, end or lie inside of an entity of each label.
//
// Paper   Stepanov and Shtopko 2024, "GLiNER multi-task", arXiv:2406.12925, section 2.
// Oracle  gliner modeling/base.py: UniEncoderTokenModel, BiEncoderTokenModel,
//         UniEncoderTokenRelexModel.
//
//   X, P = words and label markers (word_vectors.h), or P from a label encoder, both as they are;
//          fused (cross_fuser.h) where a bi-encoder has a post_fusion_schema;
//          P = prompt(P) where the model finds relations
//   logits[w,c] = scorer(X[w], P[c])                       start, end, inside (token_scorer.h)
//   with represent_spans: logit[n,c] = S(X)[n] · P[c] of the spans that these propose (SpanMarker)
//
// SPDX-License-Identifier: Apache-2.0
#include "scores/token_head.h"

#include <algorithm>
#include <array>
#include <utility>

namespace waterline {

Scores TokenHead::Forward(Ops& ops, Mat hidden, const Batch& batch) const {
  WordVectors::Rows rows = words_.Forward(ops, std::move(hidden), batch);
  Scores scores;
  scores.words = std::move(rows.words);
  scores.labels = batch.given.empty() ? PrepareLabels(ops, std::move(rows.labels))
                                      : GivenLabelRows(ops, batch, width_);
  if (fuser_) fuser_->Forward(ops, batch, scores.words, scores.labels);
  scores.relations = std::move(rows.relations);
  scores.logits = scorer_.Forward(ops, scores.words, scores.labels, batch);
  return scores;
}

Mat TokenHead::PrepareLabels(Ops& ops, Mat vectors) const {
  if (!prompt_) return vectors;
  const Mat from = std::move(vectors);
  return prompt_->Forward(ops, from, "label vectors");
}

Mat TokenHead::EntityVectors(Ops& ops, const Scores& scores,
                             std::span<const WordRange> spans) const {
  return spans_->VectorsOf(ops, scores.words, spans);
}

Mat TokenHead::SpanVectors(Ops& ops, const Scores& scores, std::span<const WordRange> spans) const {
  Mat out(ops.arena(), static_cast<int64_t>(spans.size()), width_, "span vectors");
  for (size_t i = 0; i < spans.size(); ++i) {
    const RowRange words{static_cast<int32_t>(spans[i].start),
                         static_cast<int32_t>(spans[i].end) + 1};
    const auto row = static_cast<int64_t>(i);
    ops.PoolInto(scores.words, {&words, 1}, Pooling::kMean, out.view().Rows(row, row + 1));
  }
  return out;
}

Mat TokenHead::RescoreSpans(Ops& ops, const Scores& scores, const Batch& batch, size_t index,
                            std::span<const WordRange> spans) const {
  const int64_t first = batch.word_begins[index], last = batch.word_begins[index + 1];
  const RowRange group = batch.label_groups[index];
  const MatView words = scores.words.view().Rows(first, last);
  Mat seen;
  if (context_ != nullptr) {
    Mat copy(ops.arena(), words.rows, words.cols, "words");
    ops.AddAct(words, {}, Act::kNone, copy);
    const int32_t begins[] = {0, static_cast<int32_t>(words.rows)};
    seen = context_->Forward(ops, std::move(copy), begins);
  }
  return spans_->Score(ops, context_ != nullptr ? seen.view() : words, first,
                       scores.labels.view().Rows(group.begin, group.end), spans);
}

Result<std::unique_ptr<Head>> TokenHead::Make(const GlinerConfig& config,
                                              const BackboneConfig& backbone, Binder weights,
                                              std::pmr::memory_resource* memory) {
  auto head = std::make_unique<TokenHead>();
  const int64_t D = config.hidden_size;
  const bool relations = FindsRelations(config.architecture);
  head->width_ = D;
  Result<WordVectors> words = WordVectors::Bind(config, backbone.hidden_size, weights);
  if (!words.ok()) return words.error();
  head->words_ = std::move(*words);
  head->scorer_ = TokenScorer::Bind(D, weights.In("scorer"));
  if (HasLabelEncoder(config.architecture) && !config.post_fusion_schema.empty()) {
    Result<CrossFuser> fuser = CrossFuser::Bind(config, backbone.heads, weights);
    if (!fuser.ok()) return fuser.error();
    head->fuser_ = std::move(*fuser);
  }
  if (relations) head->prompt_ = Mlp::Bind(weights, "prompt_rep_layer", D, 4 * D, D);
  head->rescores_ = config.represent_spans && !relations;
  if (relations && config.span_encoder) {
    return Error{Code::kUnsupported,
                 "span_encoder_config is not supported in token models that find relations"};
  }
  if (config.represent_spans || relations) {
    const Binder span = weights.In("span_rep_layer");
    if (config.span_encoder) {
      Result<std::unique_ptr<ContextEncoder>> context =
          ContextEncoder::Make(config, span.In("context_encoder"), memory);
      if (!context.ok()) return context.error();
      head->context_ = std::move(*context);
    }
    head->spans_ = SpanMarker::Make(config, span.In("span_rep_layer"));
  }
  return std::unique_ptr<Head>(std::move(head));
}

}  // namespace waterline
