// Scores of spans and labels: see Kernels::SpanScores, here on device memory, the spans of
// SpanScoreArgs too. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/kernels.h"

namespace waterline::cuda {

// What act(u_i + v_{i+k}) and g_c are rounded to before they are multiplied; sums are f32.
enum class ScoreOperand { kF32, kBf16, kF16 };

// Loads every kernel of this file.
cudaError_t PrepareSpanScores();

// The longest sequence has most_words words, the largest group most_labels labels.
cudaError_t SpanScores(const SpanScoreArgs& args, int64_t most_words, int64_t most_labels,
                       std::span<float> scores, cudaStream_t stream,
                       ScoreOperand operand = ScoreOperand::kF32);
size_t SpanScoreScratchBytes(int64_t features, int64_t widths, int64_t most_labels);

}  // namespace waterline::cuda
