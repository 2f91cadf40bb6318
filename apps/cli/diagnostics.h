// What the program says about itself, on standard error: one line a message.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace waterline::cli {

void PrintError(std::string_view message);    // "waterline: error: <message>"
void PrintWarning(std::string_view message);  // "waterline: warning: <message>"
void PrintNote(std::string_view message);     // "waterline: <message>"

}  // namespace waterline::cli
