// `waterline redact`: texts without what must not be in them; `waterline restore`: the way back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "redact_arguments.h"

namespace waterline::cli {

// Run the commands and return the exit status; messages go to standard error. `start` is when the
// program started. Hold one window of the input at a time.
int RunRedact(const RedactArguments& arguments, std::chrono::steady_clock::time_point start);
int RunRestore(const RestoreArguments& arguments);

}  // namespace waterline::cli
