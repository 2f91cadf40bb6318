// SPDX-License-Identifier: Apache-2.0
#include "text/sentences.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/word_classes.h"

namespace waterline {
namespace {

bool IsLineBreak(char32_t code) {
  return code == U'\n' || code == U'\r' || code == U'\u0085' || code == U'\u2028' ||
         code == U'\u2029';
}

// Ends a sentence where white space follows.
bool IsSpacedEnd(char32_t code) {
  constexpr std::u32string_view kEnds =
      U".!?\u2026\u0589\u061F\u06D4\u0964\u0965\u203C\u2047\u2048\u2049";
  return kEnds.find(code) != kEnds.npos;
}

// Ends a sentence whatever follows.
bool IsWideEnd(char32_t code) {
  constexpr std::u32string_view kEnds = U"\u3002\uFF01\uFF0E\uFF1F\uFF61";
  return kEnds.find(code) != kEnds.npos;
}

// May stand between the end of a sentence and the white space behind it.
bool IsCloser(char32_t code) {
  constexpr std::u32string_view kClosers = U"\"')]}\u00BB\u2019\u201D\u203A\u300D\u300F\uFF09";
  return kClosers.find(code) != kClosers.npos;
}

char32_t First(std::string_view text, Word word) {
  size_t at = word.begin;
  return NextCodePoint(text, at);
}

char32_t Last(std::string_view text, Word word) {
  size_t at = word.end - 1;
  while (at > word.begin && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return NextCodePoint(text, at);
}

}  // namespace

bool BeginsSentence(std::string_view text, std::span<const Word> words, size_t i) {
  if (i == 0) return true;
  bool space = false;
  for (size_t at = words[i - 1].end; at < words[i].begin;) {
    const char32_t code = NextCodePoint(text, at);
    if (IsLineBreak(code)) return true;
    space = space || ClassOf(code) == CharClass::kSpace;
  }
  constexpr size_t kMostClosers = 3;
  for (size_t back = 1; back <= std::min(i, kMostClosers + 1); ++back) {
    const Word& before = words[i - back];
    const char32_t code = Last(text, before);
    if (IsWideEnd(code)) return true;
    if (IsSpacedEnd(code)) {
      if (!space) return false;
      if (code != U'.' || i == back || words[i - back - 1].end != before.begin) return true;
      size_t at = words[i - back - 1].begin;
      const bool letter = ClassOf(NextCodePoint(text, at)) == CharClass::kWord;
      return !(letter && at == words[i - back - 1].end);
    }
    if (!IsCloser(code) || First(text, before) != code || before.begin == 0) return false;
    if (back < i && words[i - back - 1].end != before.begin) return false;
  }
  return false;
}

}  // namespace waterline
