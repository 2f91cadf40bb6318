// How well found entities agree with gold ones: precision, recall and F1, as the Python package's
// evaluator computes them, and where they differ. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace waterline::cli {

// In any unit, the same for both sides.
struct LabelledSpan {
  size_t start = 0;
  size_t end = 0;
  int32_t label = 0;  // Index into the labels of the evaluation.
  float score = 0;    // Of found ones.
};

struct EvaluatedText {
  std::vector<LabelledSpan> gold;
  std::vector<LabelledSpan> found;
};

// Entities of one label, or of all. A span and label that is given twice in a text counts once.
struct Agreement {
  int64_t gold = 0;
  int64_t found = 0;
  int64_t right = 0;          // Found that are gold too: the same span and label.
  int64_t found_overlap = 0;  // Found that share something with a gold one of their label,
  int64_t gold_overlap = 0;   // and the other way round.

  // From 0 to 1; 0 where they are not defined.
  double Precision() const;         // right / found
  double Recall() const;            // right / gold
  double F1() const;                // 2 P R / (P + R)
  double RelaxedPrecision() const;  // found_overlap / found
  double RelaxedRecall() const;     // gold_overlap / gold
  double RelaxedF1() const;
};

// What became of an entity that is not right on both sides.
enum class Mistake {
  kLabel,     // The same span has another label.
  kBorders,   // One of the same label overlaps.
  kMissed,    // Gold, and nothing of the kind found.
  kSpurious,  // Found, and nothing of the kind gold.
};

struct Evaluation {
  std::vector<Agreement> labels;  // By label.
  Agreement all;                  // Their sum: what is also called micro average.
  // [gold][found]: pairs of one span. The row behind the last label is of found entities without a
  // gold one of their span, the column behind the last of gold ones without a found one.
  std::vector<std::vector<int64_t>> confusion;
};

Evaluation Evaluate(const std::vector<EvaluatedText>& texts, size_t labels);

// For each gold and each found entity of a text: right, or the mistake. Both in the order of the
// text's.
struct Verdict {
  bool right = false;
  Mistake mistake = Mistake::kMissed;
  int32_t other = -1;  // kLabel: the label on the other side.
};
std::pair<std::vector<Verdict>, std::vector<Verdict>> Judge(const EvaluatedText& text);

// For each label the threshold at which its F1 is best, in the middle between the scores on both
// sides of it; `fallback` for labels with nothing right. Found entities are taken as those that a
// low threshold lets through. A higher one does not change which of them win over others, but the
// threshold of one label may let another's win: what comes of all of them together is to be
// measured.
std::vector<float> BestThresholds(const std::vector<EvaluatedText>& texts, size_t labels,
                                  float fallback);

}  // namespace waterline::cli
