// Hidden states -> scores. One file per head.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>

#include "batch/batch.h"
#include "checkpoint/config.h"
#include "ops/binder.h"
#include "ops/ops.h"
#include "waterline/result.h"

namespace waterline {

// What one pass leaves behind. Buffers of the arena; they must die before the pass ends. Which of
// them there are is the head's affair; D is hidden_size.
struct Scores {
  Mat logits;     // [1, batch.score_begins.back()]: for each sequence as Head::layout() says.
  Mat words;      // [W, D] word vectors.
  Mat start;      // [W, F] what spans are made from: one vector for their first word,
  Mat end;        // and one for their last.
  Mat labels;     // [C, D] label vectors that entered the scores.
  Mat folded;     // [C, F + 1] what is multiplied with the features of spans instead of these.
  Mat relations;  // [R, D] relation vectors.
};

// How the logits of a sequence lie.
enum class Layout {
  kSpans,   // [words, widths, labels]: of the words i to i + k.
  kTokens,  // [words, labels, 3]: a word begins, ends, is inside of an entity.
};

// A run of words, both ends inclusive, as rows of a batch's words.
struct WordRange {
  int64_t start = 0;
  int64_t end = 0;
};

// Immutable; safe from any thread.
class Head {
 public:
  virtual ~Head() = default;

  // Logits of every word and label. Takes the hidden states so that their memory can go early.
  virtual Scores Forward(Ops& ops, Mat hidden, const Batch& batch) const = 0;
  virtual BatchRules rules() const = 0;
  virtual Layout layout() const = 0;
  // Widest span in words that is scored; 0 where any width may be found.
  virtual int64_t widths() const = 0;
  // Width of span and label vectors.
  virtual int64_t vector_width() const = 0;

  // Label vectors as an encoder makes them -> as Forward takes them when they are given.
  virtual Mat PrepareLabels(Ops& ops, Mat vectors) const = 0;

  // [n, vector_width()]: the vectors of spans of one pass. For heads of spans the dot product with
  // a label vector is the logit. Runs in memory of its own; for as many spans as were found.
  virtual Mat SpanVectors(Ops& ops, const Scores& scores,
                          std::span<const WordRange> spans) const = 0;

  // The same as relations read spans; other vectors than those above for heads of tokens.
  virtual Mat EntityVectors(Ops& ops, const Scores& scores,
                            std::span<const WordRange> spans) const {
    return SpanVectors(ops, scores, spans);
  }

  // Whether spans that the logits propose are scored once more, by RescoreSpans.
  virtual bool rescores() const { return false; }
  // [n, labels]: logits of spans of the sequence `index` of the batch, for each of its labels.
  virtual Mat RescoreSpans(Ops& ops, const Scores& scores, const Batch& batch, size_t index,
                           std::span<const WordRange> spans) const;
};

// The head that `config` describes on an encoder with the config `backbone`. Tables of its own live
// in `memory`. Errors: kUnsupported  an architecture, span_mode or option that is not known here;
// names it.
Result<std::unique_ptr<Head>> MakeHead(const GlinerConfig& config, const BackboneConfig& backbone,
                                       Binder weights, std::pmr::memory_resource* memory);

// The rows of batch.given, [C, width].
Mat GivenLabelRows(Ops& ops, const Batch& batch, int64_t width);

}  // namespace waterline
