// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace waterline {
namespace {

std::string Encode(char32_t code) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xC0 | code >> 6), byte(0x80 | (code & 0x3F))};
  if (code < 0x10000) {
    return {byte(0xE0 | code >> 12), byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F))};
  }
  return {byte(0xF0 | code >> 18), byte(0x80 | (code >> 12 & 0x3F)),
          byte(0x80 | (code >> 6 & 0x3F)), byte(0x80 | (code & 0x3F))};
}

bool Surrogate(char32_t code) { return 0xD800 <= code && code <= 0xDFFF; }

TEST(Utf8, DecodesEveryCodePoint) {
  std::string text;
  std::vector<char32_t> codes;
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (Surrogate(code)) continue;
    text += Encode(code);
    codes.push_back(code);
  }
  EXPECT_EQ(FindInvalidUtf8(text), kValidUtf8);
  EXPECT_EQ(CountCodePoints(text), codes.size());
  EXPECT_EQ(CountUtf16(text), codes.size() + 0x100000);
  size_t at = 0;
  for (const char32_t code : codes) {
    const size_t begin = at;
    ASSERT_EQ(NextCodePoint(text, at), code);
    ASSERT_EQ(at - begin, Encode(code).size());
  }
  EXPECT_EQ(at, text.size());
}

TEST(Utf8, AcceptsTheBoundariesOfEachLength) {
  for (const char32_t code : {0x0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFD,
                              0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF}) {
    EXPECT_EQ(FindInvalidUtf8(Encode(code)), kValidUtf8) << std::hex << static_cast<int>(code);
  }
  EXPECT_EQ(FindInvalidUtf8(""), kValidUtf8);
}

TEST(Utf8, RejectsIllFormedSequencesAtTheirFirstByte) {
  const std::string sequences[] = {
      "\x80",              // Continuation bytes without a lead.
      "\xBF",              //
      "\xC0\x80",          // Overlong forms.
      "\xC1\xBF",          //
      "\xE0\x80\x80",      //
      "\xE0\x9F\xBF",      //
      "\xF0\x80\x80\x80",  //
      "\xF0\x8F\xBF\xBF",  //
      "\xED\xA0\x80",      // Surrogates.
      "\xED\xBF\xBF",      //
      "\xF4\x90\x80\x80",  // Beyond U+10FFFF.
      "\xF5\x80\x80\x80",  //
      "\xFE",
      "\xFF",           // Never used.
      "\xC3(",          // A continuation byte is missing.
      "\xE2\x82(",      //
      "\xE2(\xA1",      //
      "\xF0\x9F\x98(",  //
      "\xC3\xC3\xA9",   //
  };
  for (const std::string& sequence : sequences) {
    for (const size_t before : {0, 1, 7, 63, 64, 200}) {
      for (const size_t behind : {0, 1, 100}) {
        const std::string text = std::string(before, 'a') + sequence + std::string(behind, 'b');
        EXPECT_EQ(FindInvalidUtf8(text), before) << testing::PrintToString(sequence);
      }
    }
  }
}

TEST(Utf8, RejectsSequencesCutByTheEnd) {
  for (const char32_t code : {0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF}) {
    const std::string sequence = Encode(code);
    for (size_t size = 1; size < sequence.size(); ++size) {
      EXPECT_EQ(FindInvalidUtf8("ab" + sequence.substr(0, size)), 2U);
    }
  }
}

TEST(Utf8, CountsNothingInEmptyText) {
  EXPECT_EQ(CountCodePoints(""), 0U);
  EXPECT_EQ(CountUtf16(""), 0U);
}

RC_GTEST_PROP(Utf8, FindsTheFirstBrokenByte, ()) {
  auto codes = *rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange<uint32_t>(0, 0x110000));
  std::string text;
  for (const uint32_t code : codes) {
    if (!Surrogate(code)) text += Encode(code);
  }
  const size_t end = text.size();
  RC_ASSERT(FindInvalidUtf8(text) == kValidUtf8);
  RC_ASSERT(FindInvalidUtf8(text + "\xFF" + text) == end);
}

RC_GTEST_PROP(Utf8, ValidPrefixesAreValid, (const std::string& bytes)) {
  const size_t end = FindInvalidUtf8(bytes);
  if (end == kValidUtf8) RC_SUCCEED("valid");
  RC_ASSERT(end < bytes.size());
  RC_ASSERT(FindInvalidUtf8(std::string_view(bytes).substr(0, end)) == kValidUtf8);
}

}  // namespace
}  // namespace waterline
