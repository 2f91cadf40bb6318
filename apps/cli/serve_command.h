// `waterline serve`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "serve_arguments.h"

namespace waterline::cli {

// Returns the exit status.
int RunServe(const ServeArguments& arguments);

}  // namespace waterline::cli
