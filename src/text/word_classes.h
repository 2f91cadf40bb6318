// The classes of code points that the word splitter tells apart, as Python's `re` has them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace waterline {

// Unicode 14 (CPython 3.11). Source: spec/gliner-data-and-decoding.md 3.1.
enum class CharClass : uint8_t {
  kOther = 0,  // Punctuation, symbols, marks, controls, unassigned: a word of one code point.
  kWord = 1,   // `\w`: letters L*, numbers N*, and U+005F.
  kSpace = 2,  // `\s`: 29 code points.
};

// Two stages: the block of 128 code points, then 2 bits a code point. 8 KiB in all.
inline constexpr char32_t kClassBlock = 128;
inline constexpr char32_t kClassifiedEnd = 0x31380;  // All code points from here on are kOther.
extern const uint8_t kClassIndex[kClassifiedEnd / kClassBlock];
extern const uint64_t kClassBlocks[][kClassBlock / 32];

inline CharClass ClassOf(char32_t code) {
  if (code >= kClassifiedEnd) return CharClass::kOther;
  const uint64_t bits = kClassBlocks[kClassIndex[code / kClassBlock]][code % kClassBlock / 32];
  return static_cast<CharClass>(bits >> (2 * (code % 32)) & 3);
}

}  // namespace waterline
