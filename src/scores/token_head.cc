// Token models: each word may begin, end or lie inside of an entity of each label.
//
// Paper   Stepanov and Shtopko 2024, "GLiNER multi-task", arXiv:2406.12925, section 2.
// Oracle  gliner modeling/base.py: UniEncoderTokenModel, BiEncoderTokenModel.
//
//   X, P = words and label markers (word_vectors.h), or P from a label encoder, both as they are
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
  scores.labels = batch.given.empty() ? std::move(rows.labels) : GivenLabelRows(ops, batch, width_);
  scores.relations = std::move(rows.relations);
  scores.logits = scorer_.Forward(ops, scores.words, scores.labels, batch);
  return scores;
}

Mat TokenHead::PrepareLabels(Ops&, Mat vectors) const { return vectors; }

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
  return spans_->Score(ops, scores.words.view().Rows(first, last), first,
                       scores.labels.view().Rows(group.begin, group.end), spans);
}

Result<std::unique_ptr<Head>> TokenHead::Make(const GlinerConfig& config,
                                              const BackboneConfig& backbone, Binder weights) {
  auto head = std::make_unique<TokenHead>();
  head->width_ = config.hidden_size;
  Result<WordVectors> words = WordVectors::Bind(config, backbone.hidden_size, weights);
  if (!words.ok()) return words.error();
  head->words_ = std::move(*words);
  head->scorer_ = TokenScorer::Bind(config.hidden_size, weights.In("scorer"));
  if (config.represent_spans) {
    head->spans_ = SpanMarker::Make(config, weights.In("span_rep_layer.span_rep_layer"));
  }
  return std::unique_ptr<Head>(std::move(head));
}

}  // namespace waterline
