// The command line of `waterline extract`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "run_arguments.h"

namespace CLI {
class App;
}

namespace waterline::cli {

struct ExtractArguments : RunArguments {  // No files: standard input.
  std::string format;                     // "" until it is known whether a terminal reads it.
  std::string output;
  std::string stats_json;  // "": not wanted.
  std::string errors;      // "": no file.
  bool resume = false;
  bool restart = false;
  bool strict = false;
  bool stats = false;
  bool quiet = false;
};

// Declares the flags on `command`, which fills `arguments` when it parses; both must live as long.
// Values that cannot be used end in CLI::ParseError.
void AddExtractFlags(CLI::App& command, ExtractArguments& arguments);

}  // namespace waterline::cli
