// SPDX-License-Identifier: Apache-2.0
#include "scores/span_by_width.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace waterline {

Mat SpanByWidth::Prepare(Ops&, Mat words) const { return words; }

Scores SpanByWidth::Forward(Ops& ops, Mat words, Mat labels, const Batch& batch) const {
  Scores scores;
  scores.labels = std::move(labels);
  scores.start = Prepare(ops, std::move(words));
  scores.logits = Mat(ops.arena(), 1, batch.score_begins.back(), "logits");
  const MatView from = scores.start;
  const int64_t most = std::min(from.rows, kMostRows);
  const Mat vectors(ops.arena(), from.rows, width_, "span vectors");
  const Mat sums(ops.arena(), adds_up_ ? from.rows : 0, width_, "span sums");
  const Mat room(ops.arena(), most, width_, "span features");
  const Mat other(ops.arena(), most, width_, "span features");
  for (int64_t k = 0; k < widths_; ++k) {
    for (int64_t begin = 0; begin + k < from.rows; begin += kMostRows) {
      const int64_t end = std::min(begin + kMostRows, from.rows - k);
      MakeVectors(ops,
                  {.words = from.Rows(begin, end + k),
                   .sums = adds_up_ ? sums.view().Rows(begin, end) : MatView{},
                   .room = room.view().Rows(0, end - begin),
                   .other = other.view().Rows(0, end - begin),
                   .out = vectors.view().Rows(begin, end)},
                  k);
    }
    ops.SpanScores({.start = vectors,
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
  return scores;
}

Mat SpanByWidth::SpanVectors(Ops& ops, const Scores& scores,
                             std::span<const WordRange> spans) const {
  Mat out(ops.arena(), static_cast<int64_t>(spans.size()), width_, "span vectors");
  const Mat sums(ops.arena(), 1, width_, "span sums");
  const Mat room(ops.arena(), 1, width_, "span features");
  const Mat other(ops.arena(), 1, width_, "span features");
  for (size_t i = 0; i < spans.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const int64_t last = spans[i].end - spans[i].start;
    WATERLINE_CHECK(0 <= last && last < widths_);
    for (int64_t k = adds_up_ ? 0 : last; k <= last; ++k) {
      MakeVectors(ops,
                  {.words = scores.start.view().Rows(spans[i].start, spans[i].start + k + 1),
                   .sums = sums,
                   .room = room,
                   .other = other,
                   .out = out.view().Rows(row, row + 1)},
                  k);
    }
  }
  return out;
}

}  // namespace waterline
