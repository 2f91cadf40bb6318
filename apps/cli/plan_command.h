// `waterline plan`: what a run would take, computed without running the model.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan_arguments.h"

namespace waterline::cli {

// Prints the plan, draws the picture if one is asked for, and returns the exit status. Reads the
// input as `extract` does and holds one window of it, besides a line for each batch and each
// refused text.
int RunPlanning(const PlanArguments& arguments);

}  // namespace waterline::cli
