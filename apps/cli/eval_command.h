// `waterline eval`: how well a model finds what people found, on data of one's own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "run_arguments.h"

namespace CLI {
class App;
}

namespace waterline::cli {

struct EvalArguments : RunArguments {
  std::string gold;
  std::string tune;  // File of thresholds to write; "": none.
  std::string html;  // Page of mistakes to write; "": none.
  bool json = false;
  bool quiet = false;
};

void AddEvalFlags(CLI::App& command, EvalArguments& arguments);

// Prints the report and returns the exit status.
int RunEval(const EvalArguments& arguments);

}  // namespace waterline::cli
