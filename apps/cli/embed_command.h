// `waterline embed-labels`: the vectors of labels, made once and kept in a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "run_arguments.h"

namespace waterline::cli {

struct EmbedArguments : RunArguments {  // Without texts.
  std::string output;
  bool quiet = false;
};

void AddEmbedFlags(CLI::App& command, EmbedArguments& arguments);

// Encodes the labels, writes their vectors, says so on standard error, and returns the exit status.
// `start` is when the program started.
int RunEmbedding(const EmbedArguments& arguments, std::chrono::steady_clock::time_point start);

}  // namespace waterline::cli
