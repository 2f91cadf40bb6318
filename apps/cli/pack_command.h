// `waterline pack`: a checkpoint written again with shorter weights.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "waterline/pack.h"

namespace CLI {
class App;
}

namespace waterline::cli {

struct PackArguments {
  std::string model;  // "" for the one that ships with Waterline.
  std::string directory;
  PackOptions options;
};

void AddPackFlags(CLI::App& command, PackArguments& arguments);

// Packs, says what was written, and returns the exit status.
int RunPack(const PackArguments& arguments);

}  // namespace waterline::cli
