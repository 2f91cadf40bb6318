// Span modes "marker...": spans as a function of their first and last word.
//
// Oracle  gliner modeling/span_rep.py, SpanMarker, SpanMarkerV0, V1, V2 and TokenMarker.
//
//   s = start(X), e = end(X)
//   markerV0: S[i,j] = W2 relu(W1 [relu s_i; relu e_j] + b1) + b2
//   markerV1: the same with W1 [relu s_i; relu e_j; relu m],  m the mean of the text's words
//   markerV2: the same with W1 [relu s_i; relu e_j; relu c],  c = context(X of its last word)
//   marker:   S[i,j] = W1 [relu s_i; relu e_j] + b1
//   logit[i,j,c] = S[i,j] · P[c]
//
// Computed without S. W1 = [A B C] splits over the concatenation, so u_i = A relu(s_i) + b1 (+ C
// relu(m)) and v_j = B relu(e_j) are vectors of words, and W2 folds into the labels:
//   markerV0 to V2: logit = relu(u_i + v_j) · g_c + h_c,  g_c = W2ᵀ P[c],  h_c = b2 · P[c]
//   marker:         logit = (u_i + v_j) · P[c]
// Exact algebra; nothing of size words x widths x D exists. A label costs 4 D multiplications for
// each span then, and without the fold D and each span 4 D² once: with more than 4 D / 3 labels,
// which only given ones reach, that is less, and S is made for one width at a time.
//
// The oracle counts the padding of its batch among the words of markerV1 and V2; here a text has
// its own, as in the oracle when it is alone.
//
// Notation  D hidden_size, K max_width, F = 4 D, or D (marker).
// SPDX-License-Identifier: Apache-2.0
#include "scores/span_marker.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace waterline {

namespace {

constexpr int64_t kChunkWords = 96;  // Words whose spans of one width exist at once.

}  // namespace

Mat SpanMarker::Half(Ops& ops, MatView words, const Mlp& mlp, const Weight& w,
                     const char* name) const {
  Mat middle = ops.Linear(words, mlp.up, Act::kRelu, "span markers");
  const Mat marker = ops.Linear(middle, mlp.down, Act::kRelu, "span markers");
  middle.Release();
  return ops.Linear(marker, w, Act::kNone, name);
}

// Adds what all spans of a text have in common to their first words.
void SpanMarker::AddContext(Ops& ops, MatView words, SequenceBegins begins, MatView start) const {
  const auto texts = static_cast<int64_t>(begins.size()) - 1;
  const auto words_of = [&](int64_t text) {
    const auto at = static_cast<size_t>(text);
    return RowRange{begins[at], begins[at + 1]};
  };
  const Pooling pooling = context_ == Context::kLast ? Pooling::kLast : Pooling::kMean;
  const Mat pooled(ops.arena(), texts, width_, "text vectors");
  for (int64_t t = 0; t < texts; ++t) {
    const RowRange own = words_of(t);
    ops.PoolInto(words, {&own, 1}, pooling, pooled.view().Rows(t, t + 1));
  }
  Mat terms;
  if (context_ == Context::kLast) {
    terms = Half(ops, pooled, last_, of_text_, "text terms");
  } else {
    ops.AddAct(pooled, {}, Act::kRelu, pooled);
    terms = ops.Linear(pooled, of_text_, Act::kNone, "text terms");
  }
  for (int64_t t = 0; t < texts; ++t) {
    const RowRange own = words_of(t);
    const MatView rows = start.Rows(own.begin, own.end);
    ops.AddAct(rows, terms.view().Rows(t, t + 1), Act::kNone, rows);
  }
}

Scores SpanMarker::Forward(Ops& ops, Mat words, Mat labels, const Batch& batch) const {
  Scores scores;
  scores.labels = std::move(labels);
  scores.start = Half(ops, words, start_, u_, "span starts");
  scores.end = Half(ops, words, end_, v_, "span ends");
  if (context_ != Context::kNone) AddContext(ops, words, batch.word_begins, scores.start);
  words.Release();

  scores.logits = Mat(ops.arena(), 1, batch.score_begins.back(), "logits");
  const Part all{.start = scores.start,
                 .end = scores.end,
                 .labels = scores.labels,
                 .word_begins = batch.word_begins,
                 .label_groups = batch.label_groups,
                 .score_begins = batch.score_begins,
                 .logits = scores.logits};
  // Each sequence by its own labels, so that its answer does not depend on the others'.
  const auto is_large = [&](const RowRange& group) {
    return second_ && 3 * int64_t{group.end - group.begin} > 4 * width_;
  };
  if (std::none_of(batch.label_groups.begin(), batch.label_groups.end(), is_large)) {
    ScoreFolded(ops, all);
    return scores;
  }
  for (size_t s = 0; s < batch.label_groups.size(); ++s) {
    const int64_t first = batch.word_begins[s], last = batch.word_begins[s + 1];
    const int64_t begin = batch.score_begins[s], end = batch.score_begins[s + 1];
    const RowRange group = batch.label_groups[s];
    const int32_t word_begins[] = {0, static_cast<int32_t>(last - first)};
    const RowRange label_groups[] = {{0, group.end - group.begin}};
    const int64_t score_begins[] = {0, end - begin};
    const Part own{.start = all.start.Rows(first, last),
                   .end = all.end.Rows(first, last),
                   .labels = all.labels.Rows(group.begin, group.end),
                   .word_begins = word_begins,
                   .label_groups = label_groups,
                   .score_begins = score_begins,
                   .logits = all.logits.Cols(begin, end)};
    is_large(group) ? ScoreBySpans(ops, own) : ScoreFolded(ops, own);
  }
  return scores;
}

void SpanMarker::ScoreFolded(Ops& ops, const Part& part) const {
  Mat folded;
  if (fold_) folded = ops.Linear(part.labels, *fold_, Act::kNone, "folded labels");
  ops.SpanScores({.start = part.start,
                  .end = part.end,
                  .labels = fold_ ? folded : part.labels,
                  .word_begins = part.word_begins,
                  .label_groups = part.label_groups,
                  .score_begins = part.score_begins,
                  .widths = widths_,
                  .act = act_,
                  .scratch = {}},
                 part.logits);
}

void SpanMarker::ScoreBySpans(Ops& ops, const Part& part) const {
  const int64_t words = part.start.rows;
  Mat spans(ops.arena(), words, width_, "span vectors");
  Mat features(ops.arena(), std::min(words, kChunkWords), part.start.cols, "span features");
  for (int64_t k = 0; k < widths_; ++k) {
    // Spans past the end of the text keep another's vector here, and get -infinity below.
    for (int64_t begin = 0; begin + k < words; begin += kChunkWords) {
      const int64_t count = std::min(kChunkWords, words - k - begin);
      const MatView chunk = features.view().Rows(0, count);
      ops.AddAct(part.start.Rows(begin, begin + count), part.end.Rows(begin + k, begin + k + count),
                 act_, chunk);
      ops.LinearInto(chunk, *second_, Act::kNone, spans.view().Rows(begin, begin + count));
    }
    ops.SpanScores({.start = spans,
                    .end = {},
                    .labels = part.labels,
                    .word_begins = part.word_begins,
                    .label_groups = part.label_groups,
                    .score_begins = part.score_begins,
                    .widths = widths_,
                    .only_width = k,
                    .act = Act::kNone,
                    .scratch = {}},
                   part.logits);
  }
}

Mat SpanMarker::SpanVectors(Ops& ops, const Scores& scores,
                            std::span<const WordRange> spans) const {
  Mat start = ops.Gather(scores.start, spans, &WordRange::start, "span starts");
  const Mat end = ops.Gather(scores.end, spans, &WordRange::end, "span ends");
  ops.AddAct(start, end, act_, start);
  if (act_ == Act::kNone) return start;
  if (second_) return ops.Linear(start, *second_, Act::kNone, "span vectors");
  return ops.LinearFromFile(start, second_in_file_, second_bias_, "span vectors");
}

Mat SpanMarker::VectorsOf(Ops& ops, MatView words, std::span<const WordRange> spans) const {
  WATERLINE_CHECK(second_.has_value());
  const auto half = [&](int64_t WordRange::*part, const Mlp& mlp, const Weight& w,
                        const char* name) {
    const Mat rows = ops.Gather(words, spans, part, "words");
    return Half(ops, rows, mlp, w, name);
  };
  const Mat start = half(&WordRange::start, start_, u_, "span starts");
  const Mat end = half(&WordRange::end, end_, v_, "span ends");
  ops.AddAct(start, end, act_, start);
  return ops.Linear(start, *second_, Act::kNone, "span vectors");
}

Mat SpanMarker::Score(Ops& ops, MatView words, int64_t first, MatView labels,
                      std::span<const WordRange> spans) const {
  WATERLINE_CHECK(second_.has_value());
  const auto count = static_cast<int64_t>(spans.size());
  const int64_t C = labels.rows;
  Mat logits(ops.arena(), count, C, "span logits");
  // Many spans share the halves of all words; few have those of their own words alone.
  const bool shared = count > words.rows;
  Mat all_u, all_v;
  if (shared) {
    all_u = Half(ops, words, start_, u_, "span starts");
    all_v = Half(ops, words, end_, v_, "span ends");
  }
  const int64_t most = std::min(count, kChunkWords);
  const Mat features(ops.arena(), most, u_.out, "span features");
  const Mat vectors(ops.arena(), most, width_, "span vectors");
  const Mat room(ops.arena(), 1, most * C, "span logits");
  for (int64_t begin = 0; begin < count; begin += kChunkWords) {
    const int64_t n = std::min(count - begin, kChunkWords);
    std::array<WordRange, kChunkWords> own;
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
      const WordRange& span = spans[static_cast<size_t>(begin) + i];
      own[i] = {span.start - first, span.end - first};
    }
    Mat own_u, own_v;
    if (!shared) {
      const std::span<const WordRange> used(own.data(), static_cast<size_t>(n));
      const Mat starts = ops.Gather(words, used, &WordRange::start, "words");
      own_u = Half(ops, starts, start_, u_, "span starts");
      const Mat ends = ops.Gather(words, used, &WordRange::end, "words");
      own_v = Half(ops, ends, end_, v_, "span ends");
    }
    const MatView u = shared ? all_u : own_u;
    const MatView v = shared ? all_v : own_v;
    for (int64_t i = 0; i < n; ++i) {
      const WordRange row = shared ? own[static_cast<size_t>(i)] : WordRange{i, i};
      ops.AddAct(u.Rows(row.start, row.start + 1), v.Rows(row.end, row.end + 1), act_,
                 features.view().Rows(i, i + 1));
    }
    ops.LinearInto(features.view().Rows(0, n), *second_, Act::kNone, vectors.view().Rows(0, n));
    const int32_t begins[] = {0, static_cast<int32_t>(n)};
    const RowRange group{0, static_cast<int32_t>(C)};
    const int64_t score_begins[] = {0, n * C};
    ops.SpanScores({.start = vectors.view().Rows(0, n),
                    .end = {},
                    .labels = labels,
                    .word_begins = begins,
                    .label_groups = {&group, 1},
                    .score_begins = score_begins,
                    .widths = 1,
                    .only_width = 0,
                    .act = Act::kNone,
                    .scratch = {}},
                   room.view().Cols(0, n * C));
    ops.Copy({room.view().data, n, C, C}, logits.view().Rows(begin, begin + n));
  }
  return logits;
}

std::unique_ptr<SpanMarker> SpanMarker::Make(const GlinerConfig& config, Binder weights) {
  auto layer = std::make_unique<SpanMarker>();
  const int64_t D = config.hidden_size;
  layer->width_ = D;
  layer->widths_ = config.max_width;
  if (config.span_mode == "marker") {
    layer->act_ = Act::kNone;
    layer->start_ = Mlp::Bind(weights, "project_start", D, 2 * D, D);
    layer->end_ = Mlp::Bind(weights, "project_end", D, 2 * D, D);
    layer->u_ = weights.LinearColumns("out_project", D, 2 * D, 0, D, /*bias=*/true);
    layer->v_ = weights.LinearColumns("out_project", D, 2 * D, D, D, /*bias=*/false);
    return layer;
  }
  layer->start_ = Mlp::Bind(weights, "project_start", D, 4 * D, D);
  layer->end_ = Mlp::Bind(weights, "project_end", D, 4 * D, D);
  if (config.span_mode == "markerV1") layer->context_ = Context::kMean;
  if (config.span_mode == "markerV2") {
    layer->context_ = Context::kLast;
    layer->last_ = Mlp::Bind(weights, "project_context", D, 4 * D, D);
  }
  const int64_t all = layer->context_ == Context::kNone ? 2 * D : 3 * D;
  layer->u_ = weights.LinearColumns("out_project.0", 4 * D, all, 0, D, /*bias=*/true);
  layer->v_ = weights.LinearColumns("out_project.0", 4 * D, all, D, D, /*bias=*/false);
  if (layer->context_ != Context::kNone) {
    layer->of_text_ = weights.LinearColumns("out_project.0", 4 * D, all, 2 * D, D, /*bias=*/false);
  }
  const bool token_level = config.span_mode == "token_level";
  if (!token_level) layer->fold_ = weights.LinearFolded("out_project.3", D, 4 * D);
  if (token_level || HasLabelEncoder(config.architecture) || FindsRelations(config.architecture)) {
    layer->second_ = weights.Linear("out_project.3", D, 4 * D);
  } else {
    layer->second_in_file_ = weights.TableInFile("out_project.3.weight", D, 4 * D);
    layer->second_bias_ = weights.Vector("out_project.3.bias", D);
  }
  return layer;
}

}  // namespace waterline
