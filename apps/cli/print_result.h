// Results that are written in one piece, and the exit status of doing so.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "output_file.h"

namespace waterline::cli {

// Writes all of `text` to `output`, and commits it. Returns kSuccess; kNoReader where the reader of
// a pipe has gone; or kFatal, with the reason on standard error.
int PrintResult(OutputFile& output, std::string_view text);

// The same to standard output.
int PrintResult(std::string_view text);

}  // namespace waterline::cli
