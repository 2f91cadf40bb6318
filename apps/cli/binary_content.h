// Files that are not text, told by their first bytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace waterline::cli {

// Why a file that begins with `opening` is not read as text, as the rest of a sentence about it;
// empty: it may be text. Looks for the marks of well-known formats, and for a byte 0 in the first
// 8 KiB, as grep and git do.
std::optional<std::string> DescribeBinary(std::string_view opening);

}  // namespace waterline::cli
