// Span modes "markerV0" and "marker": spans as a function of their first and last word.
//
// Oracle  gliner modeling/span_rep.py, SpanMarkerV0 and SpanMarker.
//
//   s = start(X), e = end(X)
//   markerV0: S[i,j] = W2 relu(W1 [relu s_i; relu e_j] + b1) + b2
//   marker:   S[i,j] = W1 [relu s_i; relu e_j] + b1
//   logit[i,j,c] = S[i,j] · P[c]
//
// Computed without S. W1 = [A B] splits over the concatenation, so u_i = A relu(s_i) + b1 and
// v_j = B relu(e_j) are vectors of words, and W2 folds into the labels:
//   markerV0: logit = relu(u_i + v_j) · g_c + h_c,  g_c = W2ᵀ P[c],  h_c = b2 · P[c]
//   marker:   logit = (u_i + v_j) · P[c]
// Exact algebra; nothing of size words x widths x D exists. A label costs 4 D multiplications for
// each span then, and without the fold D and each span 4 D² once: with more than 4 D / 3 labels,
// which only given ones reach, that is less, and S is made for one width at a time.
//
// Notation  D hidden_size, K max_width, F = 4 D (markerV0) or D (marker).
// SPDX-License-Identifier: Apache-2.0
#include "scores/span_marker.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace waterline {

namespace {

constexpr int64_t kChunkWords = 96;  // Words whose spans of one width exist at once.

}  // namespace

Scores SpanMarker::Forward(Ops& ops, Mat words, Mat labels, const Batch& batch) const {
  Scores scores;
  scores.labels = std::move(labels);
  const auto half = [&](const Mlp& mlp, const Weight& w, const char* name) {
    Mat middle = ops.Linear(words, mlp.up, Act::kRelu, "span markers");
    const Mat marker = ops.Linear(middle, mlp.down, Act::kRelu, "span markers");
    middle.Release();
    return ops.Linear(marker, w, Act::kNone, name);
  };
  scores.start = half(start_, u_, "span starts");
  scores.end = half(end_, v_, "span ends");
  words.Release();

  scores.logits = Mat(ops.arena(), 1, batch.score_begins.back(), "logits");
  if (second_ && 3 * scores.labels.rows() > 4 * width_) {
    ScoreBySpans(ops, batch, scores);
    return scores;
  }
  Mat folded;
  if (fold_) folded = ops.Linear(scores.labels, *fold_, Act::kNone, "folded labels");
  ops.SpanScores({.start = scores.start,
                  .end = scores.end,
                  .labels = fold_ ? folded : scores.labels,
                  .word_begins = batch.word_begins,
                  .label_groups = batch.label_groups,
                  .score_begins = batch.score_begins,
                  .widths = widths_,
                  .act = fold_ ? Act::kRelu : Act::kNone,
                  .scratch = {}},
                 scores.logits);
  return scores;
}

void SpanMarker::ScoreBySpans(Ops& ops, const Batch& batch, Scores& scores) const {
  const int64_t words = scores.start.rows();
  Mat spans(ops.arena(), words, width_, "span vectors");
  Mat features(ops.arena(), std::min(words, kChunkWords), scores.start.cols(), "span features");
  for (int64_t k = 0; k < widths_; ++k) {
    for (int64_t begin = 0; begin < words; begin += kChunkWords) {
      const int64_t end = std::min(words, begin + kChunkWords);
      const MatView chunk = features.view().Rows(0, end - begin);
      // Spans past the end of their text get any word's vector here, and -infinity below.
      const int64_t inside = std::clamp<int64_t>(words - k - begin, 0, end - begin);
      if (inside > 0) {
        ops.AddAct(scores.start.view().Rows(begin, begin + inside),
                   scores.end.view().Rows(begin + k, begin + k + inside), Act::kRelu,
                   chunk.Rows(0, inside));
      }
      if (inside == 0) break;
      ops.LinearInto(chunk.Rows(0, inside), *second_, Act::kNone,
                     spans.view().Rows(begin, begin + inside));
    }
    ops.SpanScores({.start = spans,
                    .end = {},
                    .labels = scores.labels,
                    .word_begins = batch.word_begins,
                    .label_groups = batch.label_groups,
                    .score_begins = batch.score_begins,
                    .widths = widths_,
                    .only_width = k,
                    .act = Act::kNone,
                    .scratch = {}},
                   scores.logits);
  }
}

Mat SpanMarker::SpanVectors(Ops& ops, const Scores& scores,
                            std::span<const WordRange> spans) const {
  Mat start = ops.Gather(scores.start, spans, &WordRange::start, "span starts");
  const Mat end = ops.Gather(scores.end, spans, &WordRange::end, "span ends");
  ops.AddAct(start, end, fold_ ? Act::kRelu : Act::kNone, start);
  if (!fold_) return start;
  if (second_) return ops.Linear(start, *second_, Act::kNone, "span vectors");
  return ops.LinearFromFile(start, second_in_file_, second_bias_, "span vectors");
}

Result<std::unique_ptr<SpanLayer>> SpanMarker::Make(const GlinerConfig& config, Binder weights) {
  auto layer = std::make_unique<SpanMarker>();
  const int64_t D = config.hidden_size;
  layer->width_ = D;
  layer->widths_ = config.max_width;
  const bool v0 = config.span_mode == "markerV0";
  const int64_t middle = v0 ? 4 * D : 2 * D;
  layer->start_ = Mlp::Bind(weights, "project_start", D, middle, D);
  layer->end_ = Mlp::Bind(weights, "project_end", D, middle, D);
  if (!v0) {
    layer->u_ = weights.LinearColumns("out_project", D, 2 * D, 0, D, /*bias=*/true);
    layer->v_ = weights.LinearColumns("out_project", D, 2 * D, D, D, /*bias=*/false);
    return std::unique_ptr<SpanLayer>(std::move(layer));
  }
  layer->u_ = weights.LinearColumns("out_project.0", 4 * D, 2 * D, 0, D, /*bias=*/true);
  layer->v_ = weights.LinearColumns("out_project.0", 4 * D, 2 * D, D, D, /*bias=*/false);
  layer->fold_ = weights.LinearFolded("out_project.3", D, 4 * D);
  if (HasLabelEncoder(config.architecture) || FindsRelations(config.architecture)) {
    layer->second_ = weights.Linear("out_project.3", D, 4 * D);
  } else {
    layer->second_in_file_ = weights.TableInFile("out_project.3.weight", D, 4 * D);
    layer->second_bias_ = weights.Vector("out_project.3.bias", D);
  }
  return std::unique_ptr<SpanLayer>(std::move(layer));
}

}  // namespace waterline
