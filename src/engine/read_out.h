// From the scores of a pass to what was found in each of its sequences.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory_resource>
#include <optional>
#include <span>

#include "batch/batch.h"
#include "engine/pass.h"

namespace waterline {

// A pass that has run. Views.
struct ScoredPass {
  const Network& network;
  Lane& lane;
  const Batch& batch;
  const Scores& scores;
  std::pmr::memory_resource* staging;
  // Where they are known: the logits above the thresholds, by index. Others need not be fetched.
  std::optional<std::span<const Candidate>> candidates = {};
};

// Fills the result of `item`, sequence `index` of the batch. Throws OverBudget when staging lacks
// memory for its candidates.
void ReadOut(const ScoredPass& pass, size_t index, const PassItem& item);

}  // namespace waterline
