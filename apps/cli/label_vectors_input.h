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

}  // namespace waterline::cli
