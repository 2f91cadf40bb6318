// `waterline inspect`: what a checkpoint is, and what it takes to run it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "waterline/engine.h"

namespace CLI {
class App;
}

namespace waterline::cli {

struct InspectArguments {
  std::string model;  // "" for the one that ships with Waterline.
  size_t memory_budget = 0;
  std::string device = "cpu";
  size_t device_memory_budget = 0;
  Precision dtype = Precision::kDefault;
  WordSplitter splitter = WordSplitter::kModel;
  bool json = false;
};

void AddInspectFlags(CLI::App& command, InspectArguments& arguments);

// Prints the report and returns the exit status.
int RunInspect(const InspectArguments& arguments);

}  // namespace waterline::cli
