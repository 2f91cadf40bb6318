// The few logits of a pass that may become answers, so that the others need not leave the device.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <span>

#include "kernels/kernels.h"

namespace waterline::cuda {

// Loads every kernel of this file.
cudaError_t PrepareCandidates();

// Writes to `candidates` [capacity] those logits with logit > limit, in no order, and to `set` how
// many there are. logits[score_begins[s] + i C_s + c] is of label c of the C_s labels in
// label_groups[s] and has the limit limits[limit_begins[s] + c]; score_begins has one more element
// than there are sequences. All spans and pointers are device memory. cudaErrorInvalidValue for
// 2^31 logits or more.
cudaError_t FindCandidates(std::span<const float> logits, std::span<const int64_t> score_begins,
                           std::span<const RowRange> label_groups, std::span<const float> limits,
                           std::span<const int32_t> limit_begins, int32_t capacity,
                           CandidateSet* set, Candidate* candidates, cudaStream_t stream);

}  // namespace waterline::cuda
