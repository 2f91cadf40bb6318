// `waterline doctor`: does Waterline work on this machine?
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace waterline::cli {

struct DoctorArguments {
  std::string device = "all";
  std::string model;   // "" for the one that ships with Waterline.
  std::string output;  // "" for standard output.
  bool quick = false;
  bool json = false;
};

void AddDoctorFlags(CLI::App& command, DoctorArguments& arguments);

// Runs the checks, prints the report and returns the exit status.
int RunDoctorCommand(const DoctorArguments& arguments);

}  // namespace waterline::cli
