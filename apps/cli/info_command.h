// `waterline info`: what there is to know of the program and the machine when something is wrong.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace waterline::cli {

struct InfoArguments {
  bool json = false;
};

void AddInfoFlags(CLI::App& command, InfoArguments& arguments);

// Prints it and returns the exit status.
int RunInfo(const InfoArguments& arguments);

// What --version prints: the version, the build, and what the CPU has.
std::string DescribeVersion();

}  // namespace waterline::cli
