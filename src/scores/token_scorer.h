// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "batch/batch.h"
#include "ops/binder.h"
#include "ops/ops.h"

namespace waterline {

// Scores of words and labels: how well a word begins, ends and lies inside of an entity; see
// token_scorer.cc.
class TokenScorer {
 public:
  static constexpr int64_t kChannels = 3;

  // `width` is D.
  static TokenScorer Bind(int64_t width, Binder weights);

  // [1, batch.score_begins.back()] of words [W, D] and labels [C, D], Layout::kTokens.
  Mat Forward(Ops& ops, MatView words, MatView labels, const Batch& batch) const;

 private:
  Weight words_, labels_;                // proj_token, proj_label [2 D, D]
  Weight of_word_, of_label_, of_pair_;  // The three parts of out_mlp's first linear map, [4 D, D].
  Weight out_;                           // Its second one, [3, 4 D].
};

}  // namespace waterline
