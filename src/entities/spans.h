// Scores -> entities over words: thresholds and overlap resolution, in the reference's order.
// Source: gliner/decoding/decoder.py; spec/gliner-data-and-decoding.md 7.1-7.3.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <utility>
#include <vector>

namespace waterline {

// A labelled run of words, both ends inclusive.
struct Span {
  int32_t start = 0;
  int32_t end = 0;
  int32_t label = 0;  // Index into the labels of the text.
  float score = 0;    // Probability.
};

struct OverlapRule {
  bool nested = false;       // Keep a span that lies wholly inside another one.
  bool multi_label = false;  // Keep several labels on the same span.
};

// sigmoid(logit) = 1 / (1 + exp(-logit)) in f32, as torch computes it. NaN gives NaN.
float Probability(float logit);
// A logit below which Probability never reaches `threshold`, to spare its sigmoid; -infinity where
// there is none.
float LowestLogit(float threshold);

// The logits of one text: logits[(s * widths + k) * stride + label] is that of the words s to s +
// k. Labels from `labels` up to `stride` are those of other texts of the batch and are never read
// as results.
struct SpanScoresView {
  const float* logits = nullptr;
  int32_t words = 0;   // Words of this text.
  int32_t widths = 0;  // Widths 1 to `widths` words are scored.
  int32_t labels = 0;  // Labels of this text.
  int32_t stride = 0;  // Columns between one (s, k) and the next, >= labels; 0 means `labels`.
};

// What a probability must exceed. Any numbers: 1 and more find nothing, less than 0 everything but
// NaN.
struct Thresholds {
  float all = 0.5f;
  // [labels] those of single labels, where NaN stands for `all`; or empty.
  std::span<const float> of_labels = {};

  Thresholds(float every,
             std::span<const float> single = {})  // NOLINT(google-explicit-constructor)
      : all(every), of_labels(single) {}
  // Of label `label`.
  float Of(int32_t label) const;
  // The least of those of `labels` labels.
  float Least(int32_t labels) const;
};

// Appends the candidates of one text: spans (s, s + k) with Probability(logit) > the threshold of
// the label (strict, in f32; NaN never passes) that end inside the text, ordered by s, then k, then
// label.
//   allowed  when not nullptr: only these (start, end) pairs may be found; pairs that cannot be
//            scored are ignored. Others are dropped whatever the threshold (the reference lets them
//            pass with probability 0 when it is negative).
// Scratch: one bit a span when `allowed` is given, from the resource of `candidates`. Cost: one
// comparison a logit; the sigmoid only for those near the least threshold or above it.
void FindCandidates(const SpanScoresView& scores, const Thresholds& thresholds,
                    const std::pmr::vector<std::pair<int32_t, int32_t>>* allowed,
                    std::pmr::vector<Span>& candidates);

// One class of a span, by probability.
struct ClassScore {
  int32_t label = 0;
  float score = 0;
};
inline constexpr int32_t kTopClasses = 5;

// Writes the min(out.size(), labels) likeliest labels of the words `start` to `start + width` to
// `out`, most likely first, equal ones in the order of their labels, and returns how many there
// are. Labels whose logit is NaN are left out. Callers pass kTopClasses places to get what the
// reference calls class_probs. The span must lie inside the text and width < widths.
size_t TopClasses(const SpanScoresView& scores, int32_t start, int32_t width,
                  std::span<ClassScore> out);

// Removes what conflicts: candidates by descending score (stable), each kept when it conflicts with
// none kept before, then stably sorted by start alone. In place. Two spans conflict when they
//   are the same words: unless rule.multi_label (the labels play no role)
//   overlap otherwise:  unless rule.nested and one lies inside the other
// Requires 0 <= start <= end. Scratch, from the resource of `spans`: at most 80 bytes a span and 12
// a word up to the last end. Cost for n spans: O(n log n), and for each its number of words (64 at
// a time in flat rules), and when nested but not multi-label the kept spans that share its start.
void ResolveOverlaps(OverlapRule rule, std::pmr::vector<Span>& spans);

}  // namespace waterline
