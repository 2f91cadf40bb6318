// The part of EngineStats that `plan --json` and --stats-json have in common.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json_writer.h"
#include "waterline/engine.h"

namespace waterline::cli {

// Writes the budget, what is taken from it from load on, and how the engine runs, as keys of the
// object that is open: memory_budget, automatic (then also available), in_use, weights, tokenizer,
// staging, workspace, in_file, batch_tokens, threads, isa, dtype,
// of int8 input_levels.
void WriteLoadedEngine(const EngineStats& engine, JsonWriter& json);

}  // namespace waterline::cli
