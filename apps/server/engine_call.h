// A batch as one call of an engine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "fair_queue.h"
#include "waterline/engine.h"

namespace waterline::server {

// Answers the texts of `batch`, which share their CallSettings. Label lists that are equal are
// given to the engine as one, which reads it once.
void AnswerBatch(const Engine& engine, const std::vector<BatchText>& batch);

// Ends all of `batch` with `error`.
void RefuseBatch(const Error& error, const std::vector<BatchText>& batch);

}  // namespace waterline::server
