// UTF-8: validity by simdjson, the place of the first error byte by byte, counts by byte classes.
// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <simdjson.h>

namespace waterline {
namespace {

// Length of the well-formed sequence at text[at], 0 when there is none (Unicode 15, table 3-7).
size_t SequenceLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const auto within = [&](size_t i, unsigned low, unsigned high) {
    return low <= byte(i) && byte(i) <= high;
  };
  const auto tail = [&](size_t i) { return within(i, 0x80, 0xBF); };

  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return tail(1) ? 2 : 0;
  if (lead < 0xF0) {
    const bool second = within(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
    return second && tail(2) ? 3 : 0;
  }
  if (lead < 0xF5) {
    const bool second = within(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
    return second && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool StartsCodePoint(char c) { return static_cast<signed char>(c) >= -0x40; }  // Not 10xxxxxx.

// The sum of count(c), at most 2, over the bytes of `text`. Blocks of 64 are summed in a byte, so
// that compilers count 16 or more bytes an instruction.
template <typename Count>
size_t Sum(std::string_view text, Count count) {
  constexpr size_t kBlock = 64;
  size_t sum = 0;
  size_t at = 0;
  for (; text.size() - at >= kBlock; at += kBlock) {
    uint8_t part = 0;
    for (size_t i = 0; i < kBlock; ++i) part += static_cast<uint8_t>(count(text[at + i]));
    sum += part;
  }
  for (; at < text.size(); ++at) sum += static_cast<size_t>(count(text[at]));
  return sum;
}

}  // namespace

size_t FindInvalidUtf8(std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) return kValidUtf8;
  for (size_t at = 0; at < text.size();) {
    const size_t length = SequenceLength(text, at);
    if (length == 0) return at;
    at += length;
  }
  return kValidUtf8;
}

size_t CountCodePoints(std::string_view text) {
  return Sum(text, [](char c) { return StartsCodePoint(c); });
}

size_t CountUtf16(std::string_view text) {
  // Four-byte sequences are the code points that need a surrogate pair.
  return Sum(text,
             [](char c) { return StartsCodePoint(c) + (static_cast<unsigned char>(c) >= 0xF0); });
}

}  // namespace waterline
