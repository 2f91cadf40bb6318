// Hidden states -> scores. One file per head.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>

#include "batch/batch.h"
#include "checkpoint/config.h"
#include "ops/binder.h"
#include "ops/ops.h"
#include "waterline/result.h"

namespace waterline {

// What one pass leaves behind. Buffers of the arena; they must die before the pass ends.
struct Scores {
  Mat logits;  // [1, batch.score_begins.back()]: for each sequence [words, widths, labels].
  Mat start;   // [W, F] what the spans are made from, kept for vectors.
  Mat end;
  Mat labels;  // [C, D] label vectors that entered the scores.
};

// Immutable; safe from any thread.
class Head {
 public:
  virtual ~Head() = default;

  // Logits of every span and label. Takes the hidden states so that their memory can go early.
  virtual Scores Forward(Ops& ops, Mat hidden, const Batch& batch) const = 0;
  // How a word is made of the hidden states of its tokens.
  virtual Pooling pooling() const = 0;
  // Widest span in words.
  virtual int64_t widths() const = 0;
  // Width of span and label vectors.
  virtual int64_t vector_width() const = 0;
  // The vector of the span of words [start, end] (rows of `scores.start` and `.end`): what its dot
  // product with a label vector is the logit. Slow; for a few spans. `out` has vector_width()
  // floats; buffers come from `memory`. Errors: kIo  the checkpoint cannot be read.
  virtual Result<void> SpanVector(const Scores& scores, int64_t start, int64_t end, float* out,
                                  std::pmr::memory_resource* memory) const = 0;
};

// The head that `config` describes on an encoder of width `encoder_width`.
// Errors: kUnsupported  an architecture, span_mode or option that is not known here; names it.
Result<std::unique_ptr<Head>> MakeHead(const GlinerConfig& config, int64_t encoder_width,
                                       Binder weights);

}  // namespace waterline
