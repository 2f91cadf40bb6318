// `waterline pull`: a checkpoint from the Hugging Face hub; `waterline models`: those that are
// here. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace waterline::cli {

struct PullArguments {
  std::string model;  // A hub id, with @REVISION.
  bool offline = false;
  bool quiet = false;
};

struct ModelsArguments {
  bool json = false;
};

void AddPullFlags(CLI::App& command, PullArguments& arguments);
void AddModelsFlags(CLI::App& command, ModelsArguments& arguments);

// Both return the exit status. Pull prints the directory of the snapshot.
int RunPull(const PullArguments& arguments);
int RunModels(const ModelsArguments& arguments);

}  // namespace waterline::cli
