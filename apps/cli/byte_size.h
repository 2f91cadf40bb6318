// Sizes in bytes as people write them, and numbers as people read them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "waterline/result.h"

namespace waterline::cli {

// The bytes that `text` stands for: a number, whole or with a fraction, and a unit. Units do not
// look at case; one space may stand before them.
//   (none), B            bytes; a fraction of a byte is dropped
//   K, M, G, T           1024, 1024^2, ...; so do KiB, MiB, GiB, TiB
//   kB, MB, GB, TB       1000, 1000^2, ...
// Errors: kInvalidArgument  not a number, another unit, zero, negative, or 2^63 bytes and more.
Result<size_t> ParseByteSize(std::string_view text);

// "512 B", "1.5 KiB", "256 MiB": in the largest unit that leaves at least 1, four digits at most.
std::string FormatByteSize(size_t bytes);

// "57.9 MiB (60,712,345 bytes)"
std::string FormatExactByteSize(size_t bytes);

// "1,234,567"
std::string FormatCount(int64_t count);

}  // namespace waterline::cli
