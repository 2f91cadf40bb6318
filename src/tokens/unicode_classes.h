// Classes of code points, as the components of the `tokenizers` library see them.
//
// That library mixes Unicode tables of several versions (Rust's own, Oniguruma's, small packages),
// so no single version of a Unicode library gives its answers; this table does.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace waterline {

enum UnicodeClass : uint32_t {
  kLetter = 1u << 0,          // \p{L} of its regexes.
  kNumber = 1u << 1,          // \p{N} of its regexes.
  kSpace = 1u << 2,           // White_Space: \s of its regexes, char::is_whitespace.
  kWordChar = 1u << 3,        // \w of the Whitespace pre-tokenizer and of single_word.
  kPunctuation = 1u << 4,     // ASCII punctuation or category P (Unicode 7).
  kBertRemoved = 1u << 5,     // What BertNormalizer's clean_text drops.
  kNonspacingMark = 1u << 6,  // What BertNormalizer's strip_accents drops.
  kCombiningMark = 1u << 7,   // What StripAccents drops.
  kNumeric = 1u << 8,         // char::is_numeric, of Digits.
  kJoinsLeft = 1u << 9,       // Grapheme break Extend, SpacingMark or ZWJ.
  kPrepends = 1u << 10,       // Grapheme break Prepend.
};

namespace unicode_internal {
extern const std::array<uint16_t, 256> kLatinClasses;  // Of U+0000 to U+00FF.
uint32_t ClassesOfRun(char32_t code_point);
}  // namespace unicode_internal

// The classes of `code_point` (any value below 0x110000), or-ed.
inline uint32_t UnicodeClasses(char32_t code_point) {
  if (code_point < 256) return unicode_internal::kLatinClasses[code_point];
  return unicode_internal::ClassesOfRun(code_point);
}

}  // namespace waterline
