// WATERLINE_CHECK: an invariant of our own code. A failure is a defect of Waterline, never of its
// input, so it prints the condition and aborts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace waterline

#define WATERLINE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::waterline::CheckFailed(#condition, __FILE__, __LINE__))
