// SPDX-License-Identifier: Apache-2.0
#include "evaluation.h"

#include <algorithm>
#include <tuple>

namespace waterline::cli {
namespace {

double Ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

double Harmonic(double precision, double recall) {
  return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall);
}

bool Same(const LabelledSpan& a, const LabelledSpan& b) {
  return a.start == b.start && a.end == b.end;
}

bool Overlap(const LabelledSpan& a, const LabelledSpan& b) {
  return a.start < b.end && b.start < a.end;
}

// Each span and label once.
std::vector<LabelledSpan> Unique(std::vector<LabelledSpan> spans) {
  const auto key = [](const LabelledSpan& span) {
    return std::make_tuple(span.start, span.end, span.label);
  };
  std::stable_sort(spans.begin(), spans.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
  spans.erase(std::unique(spans.begin(), spans.end(),
                          [&](const auto& a, const auto& b) { return key(a) == key(b); }),
              spans.end());
  return spans;
}

bool HasRight(const std::vector<LabelledSpan>& spans, const LabelledSpan& span) {
  return std::any_of(spans.begin(), spans.end(), [&](const LabelledSpan& other) {
    return Same(other, span) && other.label == span.label;
  });
}

bool HasOverlap(const std::vector<LabelledSpan>& spans, const LabelledSpan& span) {
  return std::any_of(spans.begin(), spans.end(), [&](const LabelledSpan& other) {
    return Overlap(other, span) && other.label == span.label;
  });
}

Verdict JudgeOne(const LabelledSpan& span, const std::vector<LabelledSpan>& others, Mistake alone) {
  if (HasRight(others, span)) return {.right = true};
  for (const LabelledSpan& other : others) {
    if (Same(other, span)) return {.mistake = Mistake::kLabel, .other = other.label};
  }
  return {.mistake = HasOverlap(others, span) ? Mistake::kBorders : alone};
}

}  // namespace

double Agreement::Precision() const { return Ratio(right, found); }
double Agreement::Recall() const { return Ratio(right, gold); }
double Agreement::F1() const { return Harmonic(Precision(), Recall()); }
double Agreement::RelaxedPrecision() const { return Ratio(found_overlap, found); }
double Agreement::RelaxedRecall() const { return Ratio(gold_overlap, gold); }
double Agreement::RelaxedF1() const { return Harmonic(RelaxedPrecision(), RelaxedRecall()); }

std::pair<std::vector<Verdict>, std::vector<Verdict>> Judge(const EvaluatedText& text) {
  std::pair<std::vector<Verdict>, std::vector<Verdict>> verdicts;
  for (const LabelledSpan& span : text.gold) {
    verdicts.first.push_back(JudgeOne(span, text.found, Mistake::kMissed));
  }
  for (const LabelledSpan& span : text.found) {
    verdicts.second.push_back(JudgeOne(span, text.gold, Mistake::kSpurious));
  }
  return verdicts;
}

Evaluation Evaluate(const std::vector<EvaluatedText>& texts, size_t labels) {
  Evaluation evaluation;
  evaluation.labels.resize(labels);
  evaluation.confusion.assign(labels + 1, std::vector<int64_t>(labels + 1));
  for (const EvaluatedText& text : texts) {
    const std::vector<LabelledSpan> gold = Unique(text.gold);
    const std::vector<LabelledSpan> found = Unique(text.found);
    for (const LabelledSpan& span : gold) {
      const auto label = static_cast<size_t>(span.label);
      Agreement& of = evaluation.labels[label];
      ++of.gold;
      of.right += HasRight(found, span);
      of.gold_overlap += HasOverlap(found, span);
      const Verdict verdict = JudgeOne(span, found, Mistake::kMissed);
      const size_t column = verdict.right        ? label
                            : verdict.other >= 0 ? static_cast<size_t>(verdict.other)
                                                 : labels;
      ++evaluation.confusion[label][column];
    }
    for (const LabelledSpan& span : found) {
      const auto label = static_cast<size_t>(span.label);
      Agreement& of = evaluation.labels[label];
      ++of.found;
      of.found_overlap += HasOverlap(gold, span);
      const bool has_gold = std::any_of(
          gold.begin(), gold.end(), [&](const LabelledSpan& other) { return Same(other, span); });
      if (!has_gold) ++evaluation.confusion[labels][label];
    }
  }
  for (const Agreement& of : evaluation.labels) {
    evaluation.all.gold += of.gold;
    evaluation.all.found += of.found;
    evaluation.all.right += of.right;
    evaluation.all.found_overlap += of.found_overlap;
    evaluation.all.gold_overlap += of.gold_overlap;
  }
  return evaluation;
}

std::vector<float> BestThresholds(const std::vector<EvaluatedText>& texts, size_t labels,
                                  float fallback) {
  struct Candidate {
    float score;
    bool right;
  };
  std::vector<std::vector<Candidate>> candidates(labels);
  std::vector<int64_t> gold(labels);
  for (const EvaluatedText& text : texts) {
    for (const LabelledSpan& span : Unique(text.gold)) ++gold[static_cast<size_t>(span.label)];
    for (const LabelledSpan& span : Unique(text.found)) {
      candidates[static_cast<size_t>(span.label)].push_back(
          {span.score, HasRight(text.gold, span)});
    }
  }
  std::vector<float> thresholds(labels, fallback);
  for (size_t label = 0; label < labels; ++label) {
    std::vector<Candidate>& all = candidates[label];
    std::stable_sort(all.begin(), all.end(),
                     [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
    double best = 0;
    Agreement now{.gold = gold[label]};
    for (size_t i = 0; i < all.size(); ++i) {
      ++now.found;
      now.right += all[i].right;
      const bool tie = i + 1 < all.size() && all[i + 1].score == all[i].score;
      if (tie || now.F1() <= best) continue;
      best = now.F1();
      const float below = i + 1 < all.size() ? all[i + 1].score : 0.0f;
      thresholds[label] = (all[i].score + below) / 2;
    }
  }
  return thresholds;
}

}  // namespace waterline::cli
