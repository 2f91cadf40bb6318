// Word and label vectors -> logits of spans. One file per family of span modes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>

#include "scores/head.h"

namespace waterline {

// Immutable; safe from any thread.
class SpanLayer {
 public:
  virtual ~SpanLayer() = default;

  // Logits of all spans, Layout::kSpans; the rest of Scores is what SpanVectors reads.
  virtual Scores Forward(Ops& ops, Mat words, Mat labels, const Batch& batch) const = 0;
  // As Head::SpanVectors.
  virtual Mat SpanVectors(Ops& ops, const Scores& scores,
                          std::span<const WordRange> spans) const = 0;
};

// The span layer that config.span_mode names, behind the encoder that config.span_encoder
// describes. Tables of its own live in `memory`. Errors: kUnsupported  a span_mode that is not
// known here; names those that are.
Result<std::unique_ptr<SpanLayer>> MakeSpanLayer(const GlinerConfig& config, Binder weights,
                                                 std::pmr::memory_resource* memory);

}  // namespace waterline
