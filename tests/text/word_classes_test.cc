// SPDX-License-Identifier: Apache-2.0
#include "text/word_classes.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace waterline {
namespace {

TEST(WordClasses, AreThoseOfPythonForEveryCodePoint) {
  std::ifstream ranges(WATERLINE_GOLDEN_DIR "/words/classes.txt");
  char32_t next = 0;
  size_t counts[3] = {};
  uint32_t first, last;
  std::string name;
  while (ranges >> std::hex >> first >> last >> name) {
    const CharClass expected = name == "word"    ? CharClass::kWord
                               : name == "space" ? CharClass::kSpace
                                                 : CharClass::kOther;
    ASSERT_EQ(next, first);
    for (; next <= last; ++next) ASSERT_EQ(ClassOf(next), expected) << std::hex << uint32_t{next};
    counts[static_cast<size_t>(expected)] += last - first + 1;
  }
  EXPECT_EQ(next, 0x110000U);
  EXPECT_EQ(counts[2], 29U);
  EXPECT_GT(counts[1], 130000U);
}

}  // namespace
}  // namespace waterline
