// Batches of words and labels for span scores, for tests, benchmarks and `waterline doctor`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "doctor/operands.h"

namespace waterline {

struct SpanScoreCase {
  std::vector<int64_t> words;
  std::vector<int64_t> labels;  // As many sequences.
  int64_t features;
  int64_t widths;
  Act act;
  bool has_constants;
};

inline std::vector<SpanScoreCase> SpanScoreCases() {
  std::vector<SpanScoreCase> cases;
  for (const Act act : {Act::kRelu, Act::kNone}) {
    cases.push_back({{1}, {1}, 8, 12, act, true});
    cases.push_back({{20, 3, 0, 12}, {4, 17, 2, 0}, 40, 12, act, true});
    cases.push_back({{31, 100}, {10, 25}, 600, 12, act, true});
    cases.push_back({{31, 5}, {33, 1}, 1030, 5, act, false});
    cases.push_back({{40}, {3}, 64, 1, act, true});
    cases.push_back({{40}, {50}, 100, 40, act, true});
  }
  return cases;
}

// Random inputs of a case.
struct SpanScoreInputs {
  OwnedMat start;
  OwnedMat end;
  OwnedMat labels;
  std::vector<int32_t> word_begins;
  std::vector<RowRange> label_groups;
  std::vector<int64_t> score_begins{0};
  SpanScoreArgs args;

  explicit SpanScoreInputs(const SpanScoreCase& test)
      : start(RandomMat(BeginsOf(test.words).back(), test.features, 1)),
        end(RandomMat(BeginsOf(test.words).back(), test.features, 2)),
        labels(RandomMat(BeginsOf(test.labels).back(), test.features + (test.has_constants ? 1 : 0),
                         3)),
        word_begins(BeginsOf(test.words)) {
    const std::vector<int32_t> labels_begin = BeginsOf(test.labels);
    for (size_t s = 0; s < test.words.size(); ++s) {
      label_groups.push_back({labels_begin[s], labels_begin[s + 1]});
      score_begins.push_back(score_begins.back() + test.words[s] * test.widths * test.labels[s]);
    }
    args.start = start;
    args.end = end;
    args.labels = labels;
    args.word_begins = word_begins;
    args.label_groups = label_groups;
    args.score_begins = score_begins;
    args.widths = test.widths;
    args.act = test.act;
  }
  SpanScoreInputs(const SpanScoreInputs&) = delete;

  // Runs `kernels` on the sequences [first, last).
  std::vector<float> Run(const Kernels& kernels, size_t first, size_t last) const {
    std::vector<int64_t> lengths;
    std::vector<int64_t> scores_at{0};
    int64_t most_labels = 0;
    for (size_t s = first; s < last; ++s) {
      lengths.push_back(word_begins[s + 1] - word_begins[s]);
      scores_at.push_back(score_begins[s + 1] - score_begins[first]);
      most_labels = std::max<int64_t>(most_labels, label_groups[s].end - label_groups[s].begin);
    }
    const std::vector<int32_t> words = BeginsOf(lengths);
    AlignedBytes scratch(
        kernels.SpanScoreScratchBytes(start.view().cols, args.widths, most_labels));
    SpanScoreArgs run = args;
    run.start = args.start.Rows(word_begins[first], word_begins[last]);
    if (args.only_width < 0) run.end = args.end.Rows(word_begins[first], word_begins[last]);
    run.word_begins = words;
    run.label_groups = std::span(label_groups).subspan(first, last - first);
    run.score_begins = scores_at;
    run.scratch = scratch.span();
    std::vector<float> scores(static_cast<size_t>(scores_at.back()));
    kernels.SpanScores(run, scores);
    return scores;
  }
  std::vector<float> Run(const Kernels& kernels) const {
    return Run(kernels, 0, word_begins.size() - 1);
  }
};

}  // namespace waterline
