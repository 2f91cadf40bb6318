// What the program has to know of UTF-8: where it is broken, and how wide it is on a terminal.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waterline::cli {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsUtf8(std::string_view text);

// "byte 17 of it is not UTF-8". Requires !IsUtf8(text).
std::string DescribeInvalidUtf8(std::string_view text);

// Puts U+FFFD in the place of what is not UTF-8, as Python's errors="replace" does: one for each
// maximal part of a character. Returns how many.
int64_t ReplaceInvalidUtf8(std::string& text);

// Columns that `text` takes on a terminal. Requires IsUtf8(text).
size_t DisplayWidth(std::string_view text);

// `text` with control characters other than tab and line feed as their pictures (U+2400...), so
// that no text steers the terminal it is shown on. Requires IsUtf8(text).
std::string ShowControls(std::string_view text);

// The same for names that may be any bytes: "(not UTF-8)" where they are not.
std::string ShowName(std::string_view name);

}  // namespace waterline::cli
