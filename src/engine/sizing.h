// How a budget is divided, and how texts are divided into passes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/model.h"
#include "memory/budget.h"
#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline {

// The options with every 0 replaced by what it stands for.
// Errors: kInvalidArgument  a negative number, an instruction set that the machine lacks.
struct Settings {
  size_t budget = 0;
  int threads = 1;
  int64_t batch_tokens = 0;
  const Kernels* kernels = nullptr;
};
Result<Settings> Resolve(const EngineOptions& options);

// What a checkpoint takes, known before its weights are read.
struct Measure {
  BindingReport report;
  size_t least_workspace = 0;  // Enough for one text of 96 words with 8 labels.
  size_t smallest_budget = 0;
  int64_t longest_sequence = 0;
  int64_t widths = 0;
};
// Measures `checkpoint`, which was opened within `budget`.
// Errors: kBadModel, kUnsupported as BindNetwork.
Result<Measure> MeasureCheckpoint(const Checkpoint& checkpoint, const Settings& settings,
                                  Budget& budget);

// What is left of a budget after the weights: memory for the texts in flight, and for passes.
struct Room {
  size_t staging = 0;
  size_t workspace = 0;
};
// A quarter of `available` for staging, at least 1 MiB and 64 KiB a thread (the batch and the plan
// that each holds), at most 64 MiB more than that; the rest for the workspace, up to 128 MiB a
// thread, beyond which a CPU gains nothing.
Room DivideRoom(size_t available, int threads);

// The least that DivideRoom needs to give `threads` workers a workspace of `least_workspace`.
size_t LeastRoom(size_t least_workspace, int threads);

// First sequence of each pass, and the number of sequences, for sequences of `tokens` tokens,
// longest first. Passes hold at most `batch_tokens` tokens (one sequence may hold more) and their
// number suits `threads` workers.
std::vector<size_t> BatchBegins(std::span<const int64_t> tokens, int64_t batch_tokens, int threads);

}  // namespace waterline
