// Span heads "markerV0" and "marker": spans as a function of their first and last word.
//
// Paper   Zaratiana et al. 2023, "GLiNER", arXiv:2311.08526, section 2.
// Oracle  gliner UniEncoderSpan: modeling/base.py, SpanMarkerV0 and SpanMarker of
// modeling/span_rep.py.
//
//   X = BiLSTM(projection(words)),  P = prompt(projection(label markers))
//   s = start(X), e = end(X)
//   markerV0: S[i,j] = W2 relu(W1 [relu s_i; relu e_j] + b1) + b2
//   marker:   S[i,j] = W1 [relu s_i; relu e_j] + b1
//   logit[i,j,c] = S[i,j] · P[c]
//
// Computed without S. W1 = [A B] splits over the concatenation, so u_i = A relu(s_i) + b1 and
// v_j = B relu(e_j) are vectors of words, and W2 folds into the labels:
//   markerV0: logit = relu(u_i + v_j) · g_c + h_c,  g_c = W2ᵀ P[c],  h_c = b2 · P[c]
//   marker:   logit = (u_i + v_j) · P[c]
// Exact algebra; nothing of size words x widths x D exists.
//
// Notation  D hidden_size, K max_width, F = 4 D (markerV0) or D (marker).
// SPDX-License-Identifier: Apache-2.0
#include "scores/span_marker.h"

#include <fmt/format.h>

#include <algorithm>

namespace waterline {

Scores SpanMarker::Forward(Ops& ops, Mat hidden, const Batch& batch) const {
  // The projection commutes with every pooling but the maximum: few rows instead of all tokens.
  const bool project_first = projection_ && pooling_ == Pooling::kMax;
  if (project_first) hidden = ops.Linear(hidden, *projection_, Act::kNone, "projection");
  Mat X = ops.Pool(hidden, batch.words, pooling_, "words");
  Mat P = ops.Pool(hidden, batch.labels, Pooling::kFirst, "labels");
  hidden.Release();
  if (projection_ && !project_first) {
    X = ops.Linear(X, *projection_, Act::kNone, "words");
    ops.ClearEmpty(X, batch.words);  // A word without sub-words is zero, not the projection's bias.
    P = ops.Linear(P, *projection_, Act::kNone, "labels");
  }
  for (const Ops::LstmWeights& layer : lstm_) X = ops.Lstm(X, layer, batch.word_begins);

  Scores result;
  result.labels = ops.FeedForward(P, prompt_.up, Act::kRelu, prompt_.down, "label vectors");
  P.Release();
  const auto half = [&](const Mlp& mlp, const Weight& w, const char* name) {
    Mat middle = ops.Linear(X, mlp.up, Act::kRelu, "span markers");
    const Mat marker = ops.Linear(middle, mlp.down, Act::kRelu, "span markers");
    middle.Release();
    return ops.Linear(marker, w, Act::kNone, name);
  };
  result.start = half(start_, u_, "span starts");
  result.end = half(end_, v_, "span ends");
  X.Release();

  Mat folded;
  if (fold_) folded = ops.Linear(result.labels, *fold_, Act::kNone, "folded labels");
  result.logits = Mat(ops.arena(), 1, batch.score_begins.back(), "logits");
  const MatView logits = result.logits;
  ops.SpanScores({.start = result.start,
                  .end = result.end,
                  .labels = fold_ ? folded : result.labels,
                  .word_begins = batch.word_begins,
                  .label_begins = batch.label_begins,
                  .score_begins = batch.score_begins,
                  .widths = widths_,
                  .act = fold_ ? Act::kRelu : Act::kNone,
                  .scratch = {}},
                 {logits.data, logits.data == nullptr ? 0 : static_cast<size_t>(logits.cols)});
  return result;
}

Result<void> SpanMarker::SpanVector(const Scores& scores, int64_t start, int64_t end, float* out,
                                    std::pmr::memory_resource* memory) const {
  const float* u = scores.start.view().row(start);
  const float* v = scores.end.view().row(end);
  if (!fold_) {
    for (int64_t d = 0; d < width_; ++d) out[d] = u[d] + v[d];
    return {};
  }
  std::pmr::vector<float> row(static_cast<size_t>(second_.cols), memory);
  for (int64_t d = 0; d < width_; ++d) {
    const Result<void> read = second_.file->ReadF32(*second_.tensor, d * second_.cols, row);
    if (!read.ok()) return read;
    double sum = 0;
    for (int64_t f = 0; f < second_.cols; ++f) {
      sum += static_cast<double>(std::max(u[f] + v[f], 0.f)) *
             static_cast<double>(row[static_cast<size_t>(f)]);
    }
    out[d] = static_cast<float>(sum) + second_bias_[d];
  }
  return {};
}

SpanMarker::Mlp SpanMarker::BindMlp(Binder& binder, const char* name, int64_t width,
                                    int64_t middle) {
  return {.up = binder.Linear(fmt::format("{}.0", name), middle, width),
          .down = binder.Linear(fmt::format("{}.3", name), width, middle)};
}

Result<std::unique_ptr<Head>> SpanMarker::Make(const GlinerConfig& config, int64_t encoder_width,
                                               Binder weights) {
  auto head = std::make_unique<SpanMarker>();
  const int64_t D = config.hidden_size;
  head->width_ = D;
  head->widths_ = config.max_width;
  head->pooling_ = config.subtoken_pooling == "last"   ? Pooling::kLast
                   : config.subtoken_pooling == "mean" ? Pooling::kMean
                   : config.subtoken_pooling == "max"  ? Pooling::kMax
                                                       : Pooling::kFirst;
  if (D != encoder_width) {
    head->projection_ = weights.Linear("token_rep_layer.projection", D, encoder_width);
  }
  if (D % 2 != 0 && config.num_rnn_layers > 0) {
    return Error{Code::kBadModel,
                 fmt::format("hidden_size {} is odd; the LSTM needs two equal halves", D)};
  }
  for (int layer = 0; layer < config.num_rnn_layers; ++layer) {
    head->lstm_.push_back(weights.Lstm("rnn.lstm", layer, D, D / 2));
  }

  Binder span = weights.In("span_rep_layer.span_rep_layer");
  const bool v0 = config.span_mode == "markerV0";
  head->start_ = BindMlp(span, "project_start", D, v0 ? 4 * D : 2 * D);
  head->end_ = BindMlp(span, "project_end", D, v0 ? 4 * D : 2 * D);
  if (v0) {
    head->u_ = span.LinearColumns("out_project.0", 4 * D, 2 * D, 0, D, /*bias=*/true);
    head->v_ = span.LinearColumns("out_project.0", 4 * D, 2 * D, D, D, /*bias=*/false);
    head->fold_ = span.LinearFolded("out_project.3", D, 4 * D);
    head->second_ = span.TableInFile("out_project.3.weight", D, 4 * D);
    head->second_bias_ = span.Vector("out_project.3.bias", D);
  } else {
    head->u_ = span.LinearColumns("out_project", D, 2 * D, 0, D, /*bias=*/true);
    head->v_ = span.LinearColumns("out_project", D, 2 * D, D, D, /*bias=*/false);
  }
  head->prompt_ = BindMlp(weights, "prompt_rep_layer", D, 4 * D);
  return std::unique_ptr<Head>(std::move(head));
}

}  // namespace waterline
