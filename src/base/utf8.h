// UTF-8: validation, decoding and counts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waterline {

inline constexpr size_t kValidUtf8 = static_cast<size_t>(-1);

// The byte at which `text` stops being valid UTF-8 (RFC 3629: no overlong forms, no surrogates):
// the first byte of the first ill-formed or truncated sequence, or kValidUtf8. Valid text costs one
// vectorised pass.
size_t FindInvalidUtf8(std::string_view text);

// The code point that starts at text[at], and moves `at` behind it. Requires valid UTF-8 and
// at < text.size(), at the start of a code point.
inline char32_t NextCodePoint(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) -> char32_t { return static_cast<unsigned char>(text[at + i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) {
    at += 1;
    return lead;
  }
  if (lead < 0xE0) {
    const char32_t code = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    at += 2;
    return code;
  }
  if (lead < 0xF0) {
    const char32_t code = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    at += 3;
    return code;
  }
  const char32_t code =
      (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  at += 4;
  return code;
}

// Number of code points, and of UTF-16 code units, in valid UTF-8.
size_t CountCodePoints(std::string_view text);
size_t CountUtf16(std::string_view text);

}  // namespace waterline
