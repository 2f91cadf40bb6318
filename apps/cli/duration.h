// Spans of time as people write them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

#include "waterline/result.h"

namespace waterline::cli {

// The time that `text` stands for: a number, whole or with a fraction, and one of the units ms, s,
// m and h: "500ms", "1.5s", "2m". Plain "0" needs no unit.
// Errors: kInvalidArgument  not a number, no or another unit, negative, less than a millisecond
//         but not 0, or more than a year.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

}  // namespace waterline::cli
