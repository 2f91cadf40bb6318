// Unigram: the segmentation of highest total score (Viterbi).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <memory_resource>
#include <vector>

#include "tokens/subword_model.h"

namespace waterline {

struct UnigramOptions {
  int32_t unk_id = 0;
  bool byte_fallback = false;  // Unknown text as <0x..> pieces, where all of them exist.
};

// `vocabulary` maps pieces to indices of `scores` (log-probabilities). A code point that no piece
// covers alone scores 10 below the least score; neighbouring unknowns fuse into one.
// Requires at least one score. Linear in the length of a piece.
std::unique_ptr<SubwordModel> MakeUnigram(PieceTrie vocabulary, std::pmr::vector<double> scores,
                                          const UnigramOptions& options);

}  // namespace waterline
