// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "scores/mlp.h"
#include "scores/span_layer.h"

namespace waterline {

// The span modes "markerV0", "markerV1", "markerV2" and "marker", and the spans of "token_level"
// models; see span_marker.cc.
class SpanMarker final : public SpanLayer {
 public:
  static std::unique_ptr<SpanMarker> Make(const GlinerConfig& config, Binder weights);

  Scores Forward(Ops& ops, Mat words, Mat labels, const Batch& batch) const override;
  Mat SpanVectors(Ops& ops, const Scores& scores, std::span<const WordRange> spans) const override;

  // [n, C]: logits of given spans of one text for `labels` [C, D]. `words` [W, D] are those of the
  // text, counted from `first` on. Of "token_level" models, the only ones with this form.
  Mat Score(Ops& ops, MatView words, int64_t first, MatView labels,
            std::span<const WordRange> spans) const;
  // [n, D]: vectors of given spans, rows of `words` [W, D]. Of "token_level" models.
  Mat VectorsOf(Ops& ops, MatView words, std::span<const WordRange> spans) const;

 private:
  // What every span of a text is told beside its own words.
  enum class Context {
    kNone,
    kMean,  // The mean of the text's words,
    kLast,  // its last word.
  };

  Mat Half(Ops& ops, MatView words, const Mlp& mlp, const Weight& w, const char* name) const;
  void AddContext(Ops& ops, MatView words, SequenceBegins begins, MatView start) const;
  // Sequences, and where their scores go.
  struct Part {
    MatView start, end, labels;
    SequenceBegins word_begins;
    std::span<const RowRange> label_groups;
    std::span<const int64_t> score_begins;
    MatView logits;
  };
  void ScoreFolded(Ops& ops, const Part& part) const;
  void ScoreBySpans(Ops& ops, const Part& part) const;

  int64_t width_ = 0;   // D
  int64_t widths_ = 0;  // K
  Act act_ = Act::kRelu;
  Mlp start_, end_;
  Weight u_, v_;  // The parts of out_project's first linear map.
  Context context_ = Context::kNone;
  Mlp last_;        // With kLast.
  Weight of_text_;  // The third part, with a context.
  // Of all but "marker": out_project's second linear map, folded,
  std::optional<Weight> fold_;
  std::optional<Weight> second_;  // as it is, where it is needed often,
  FileTable second_in_file_;      // and as stored.
  const float* second_bias_ = nullptr;
};

}  // namespace waterline
