// UTF-8: validation and offsets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waterline {

inline constexpr size_t kValidUtf8 = static_cast<size_t>(-1);

// The byte at which `text` stops being valid UTF-8 (RFC 3629: no overlong forms, no surrogates), or
// kValidUtf8.
size_t FindInvalidUtf8(std::string_view text);

// The code point that starts at text[at], and moves `at` behind it. Requires valid UTF-8.
char32_t NextCodePoint(std::string_view text, size_t& at);

// Number of code points, and of UTF-16 code units, in valid UTF-8.
size_t CountCodePoints(std::string_view text);
size_t CountUtf16(std::string_view text);

}  // namespace waterline
