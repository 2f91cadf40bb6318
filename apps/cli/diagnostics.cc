// SPDX-License-Identifier: Apache-2.0
#include "diagnostics.h"

#include <cstdio>
#include <string>

namespace waterline::cli {
namespace {

void PrintLine(std::string_view kind, std::string_view message) {
  std::string line = "waterline: ";
  line.append(kind).append(message).append("\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

void PrintError(std::string_view message) { PrintLine("error: ", message); }

void PrintWarning(std::string_view message) { PrintLine("warning: ", message); }

void PrintNote(std::string_view message) { PrintLine("", message); }

}  // namespace waterline::cli
