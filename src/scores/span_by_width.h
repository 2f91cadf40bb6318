// Span layers that make the vectors of spans themselves, one width at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "scores/span_layer.h"

namespace waterline {

//   S[i, k] = the vector of the words i ... i + k
//   logit[i, k, c] = S[i, k] · P[c]
//
// [W, D] exists for one k, and what makes it for as many words as kernels take at once. Spans that
// run past the end of their text get whatever their rows give, and -infinity as their logit: so no
// layer needs the zeros that the reference puts there.
class SpanByWidth : public SpanLayer {
 public:
  Scores Forward(Ops& ops, Mat words, Mat labels, const Batch& batch) const final;
  Mat SpanVectors(Ops& ops, const Scores& scores, std::span<const WordRange> spans) const final;

 protected:
  // `adds_up`: the vectors of one width are made from what those of the width before left in Rows.
  SpanByWidth(int64_t width, int64_t widths, bool adds_up = false)
      : width_(width), widths_(widths), adds_up_(adds_up) {}

  // n <= kMostRows spans of k + 1 words, which start at neighbouring words.
  struct Rows {
    MatView words;  // [n + k, D]: those from the first span's first to the last span's last.
    MatView sums;   // [n, D]: of these spans, with adds_up; else empty.
    MatView room;   // [n, D]: to work in.
    MatView other;  // [n, D]: more of it.
    MatView out;    // [n, D]: S.
  };
  virtual void MakeVectors(Ops& ops, const Rows& rows, int64_t k) const = 0;
  // [W, D]: what stands for the words; the words themselves if not overridden.
  virtual Mat Prepare(Ops& ops, Mat words) const;

  static constexpr int64_t kMostRows = 96;  // Spans of one call: as many as kernels take at once.

 private:
  int64_t width_;
  int64_t widths_;
  bool adds_up_;
};

}  // namespace waterline
