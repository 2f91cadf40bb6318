// Label vectors of a file as input of a run.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "run_arguments.h"
#include "run_input.h"
#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline::cli {

// Loads --label-vectors, if there are any, into `input`, with their labels unless it has some.
// Errors: as Engine::LoadLabels.
Result<void> LoadLabelVectors(const Engine& engine, const RunArguments& arguments, RunInput& input);

// The same; without --label-vectors a label encoder reads the labels of `input` now, once for all
// windows of the input. Models without one read labels with each text.
// Errors: as Engine::LoadLabels and Engine::EmbedLabels.
Result<void> PrepareLabelVectors(const Engine& engine, const RunArguments& arguments,
                                 RunInput& input);

}  // namespace waterline::cli
