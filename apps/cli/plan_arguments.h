// The command line of `waterline plan`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "run_arguments.h"

namespace waterline::cli {

struct PlanArguments : RunArguments {  // No files: only what the model and the budget allow.
  std::string svg;                     // "": no picture.
  bool json = false;
};

// Declares the flags on `command`, which fills `arguments` when it parses; both must live as long.
// Values that cannot be used end in CLI::ParseError.
void AddPlanFlags(CLI::App& command, PlanArguments& arguments);

}  // namespace waterline::cli
