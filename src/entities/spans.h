// Scores -> entities over words: thresholds and overlap resolution, in the reference's order.
// Source: gliner/decoding/decoder.py; spec/gliner-data-and-decoding.md 7.1-7.3.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
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

// sigmoid(logit) in f32, as torch computes it.
float Probability(float logit);

// Appends the candidates of one text: spans (s, s + k) with Probability(logit) > threshold (strict;
// NaN never passes) that end inside the text, ordered by s, then k, then label.
//   logits   [words, widths, labels], row-major
//   allowed  when not nullptr: only these (start, end) pairs may be found; others are dropped.
struct SpanScoresView {
  const float* logits = nullptr;
  int32_t words = 0;
  int32_t widths = 0;
  int32_t labels = 0;
};
void FindCandidates(const SpanScoresView& scores, float threshold,
                    const std::pmr::vector<std::pair<int32_t, int32_t>>* allowed,
                    std::pmr::vector<Span>& candidates);

// Removes what conflicts: candidates by descending score (stable), each kept when it conflicts with
// none kept before, then stably sorted by start alone. In place.
void ResolveOverlaps(OverlapRule rule, std::pmr::vector<Span>& spans);

}  // namespace waterline
