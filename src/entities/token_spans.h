// Scores of words -> spans: where entities begin and end and what lies inside of them.
// Source: gliner/decoding/decoder.py, TokenDecoder; gliner/modeling/utils.py,
// extract_spans_from_tokens; spec/gliner-data-and-decoding.md 7.4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <utility>
#include <vector>

#include "entities/spans.h"

namespace waterline {

// The logits of one text: logits[(word * stride + label) * 3 + channel], where a channel tells
// whether an entity of the label begins at the word (0), ends there (1), or holds it (2). Labels
// from `labels` up to `stride` are those of other texts and are never read.
struct TokenScoresView {
  const float* logits = nullptr;
  int32_t words = 0;
  int32_t labels = 0;
  int32_t stride = 0;  // Labels between one word and the next, >= labels; 0 means `labels`.
};

// Appends the candidates of one text: (s, e, c) where c begins at s and ends at e (probability >
// threshold, in f32) and holds every word from s to e (probability >= threshold, in double), with
// the least of these probabilities as its score; ordered by s, then c, then e. Any width.
//   threshold  any number: 1 and more find nothing, NaN neither
//   allowed    when not nullptr: only these (start, end) pairs may be found
//   of_labels  as Thresholds::of_labels, also below
// Scratch: a copy of `allowed`, from the resource of `candidates`. Cost: a comparison a word and
// label, and for each beginning the words that follow it without a gap.
void FindTokenSpans(const TokenScoresView& scores, double threshold,
                    const std::pmr::vector<std::pair<int32_t, int32_t>>* allowed,
                    std::pmr::vector<Span>& candidates, std::span<const float> of_labels = {});

// Appends the spans of one text that any of its labels proposes, each once, to be scored again: as
// above, but all three probabilities > threshold in f32. In the order in which they are found: by
// s, then by the first label that proposes them, then by e. label and score of what is appended
// mean nothing. (The reference lists a span once for each label that proposes it, and then finds it
// twice.)
// Scratch: 4 bytes a word more.
void ProposeTokenSpans(const TokenScoresView& scores, float threshold,
                       const std::pmr::vector<std::pair<int32_t, int32_t>>* allowed,
                       std::pmr::vector<Span>& spans, std::span<const float> of_labels = {});

// Appends the candidates among `spans` that have logits of their own, [spans, labels] with `stride`
// floats from one to the next: (start, end, c) with a probability > threshold, in double; ordered
// as `spans`, then by c.
void FindAmong(std::span<const Span> spans, const float* logits, int64_t stride, int32_t labels,
               double threshold, std::pmr::vector<Span>& candidates,
               std::span<const float> of_labels = {});

}  // namespace waterline
