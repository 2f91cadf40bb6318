// `waterline extract`: reads texts, finds entities, writes them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "extract_arguments.h"

namespace waterline::cli {

// Runs the command and returns the exit status; messages go to standard error. `start` is when the
// program started. Holds one window of the input at a time, whatever the input's length.
int RunExtract(const ExtractArguments& arguments, std::chrono::steady_clock::time_point start);

}  // namespace waterline::cli
