// How the program ends.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline::cli {

inline constexpr int kSuccess = 0;
inline constexpr int kSomeRefused = 1;  // Done, but some texts were refused, or files not read.
inline constexpr int kFatal = 2;        // Wrong usage, or something without which nothing works.
inline constexpr int kCheckFailed = 3;  // `doctor`: done, but some checks failed.
inline constexpr int kNoReader = 141;   // What a shell shows for a program that SIGPIPE ended.
inline constexpr int kSignalled = 128;  // And the number of the signal that asked to stop.

}  // namespace waterline::cli
