// The command line of `waterline extract`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "text_run_arguments.h"

namespace CLI {
class App;
}

namespace waterline::cli {

struct ExtractArguments : TextRunArguments {
  std::string format;  // "" until it is known whether a terminal reads it.
};

// Declares the flags on `command`, which fills `arguments` when it parses; both must live as long.
// Values that cannot be used end in CLI::ParseError.
void AddExtractFlags(CLI::App& command, ExtractArguments& arguments);

}  // namespace waterline::cli
