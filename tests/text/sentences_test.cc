// SPDX-License-Identifier: Apache-2.0
#include "text/sentences.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "text/words.h"

namespace waterline {
namespace {

// The text with a bar before each word that begins a sentence.
std::string Cut(std::string_view text) {
  std::pmr::vector<Word> words;
  SplitWords(text, words);
  std::string cut;
  size_t at = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    cut.append(text.substr(at, words[i].begin - at));
    at = words[i].begin;
    if (BeginsSentence(text, words, i)) cut += '|';
  }
  return cut.append(text.substr(at));
}

TEST(BeginsSentence, BehindMarksAndLineBreaks) {
  EXPECT_EQ(Cut("One. Two! Three? Four"), "|One. |Two! |Three? |Four");
  EXPECT_EQ(Cut("One\ntwo three\r\n\r\nfour"), "|One\n|two three\r\n\r\n|four");
  EXPECT_EQ(Cut("He left\u2026 She stayed"), "|He left\u2026 |She stayed");
}

TEST(BeginsSentence, NotWithinNumbersNamesAndInitials) {
  EXPECT_EQ(Cut("3.14 is pi, see example.org today"), "|3.14 is pi, see example.org today");
  EXPECT_EQ(Cut("by J. R. R. Tolkien"), "|by J. R. R. Tolkien");
  EXPECT_EQ(Cut("\u00C9. Zola wrote it. Then"), "|\u00C9. Zola wrote it. |Then");
  EXPECT_EQ(Cut("Plan B . Next"), "|Plan B . |Next");
}

TEST(BeginsSentence, BehindQuotesAndBracketsThatClose) {
  EXPECT_EQ(Cut("\"Go.\" (They went.) So"), "|\"Go.\" |(They went.) |So");
  EXPECT_EQ(Cut("\u00ABAllez !\u00BB Oui"), "|\u00ABAllez !\u00BB |Oui");
  EXPECT_EQ(Cut("a ) b"), "|a ) b");
}

TEST(BeginsSentence, InOtherScripts) {
  EXPECT_EQ(Cut("\u4ED6\u6765\u4E86\u3002\u5979\u8D70\u4E86\uFF01\u597D"),
            "|\u4ED6\u6765\u4E86\u3002|\u5979\u8D70\u4E86\uFF01|\u597D");
  EXPECT_EQ(Cut("\u0930\u093E\u092E\u0964 \u0938\u0940\u0924\u093E"),
            "|\u0930\u093E\u092E\u0964 |\u0938\u0940\u0924\u093E");
  EXPECT_EQ(Cut("\u0643\u064A\u0641\u061F \u062C\u064A\u062F"),
            "|\u0643\u064A\u0641\u061F |\u062C\u064A\u062F");
}

}  // namespace
}  // namespace waterline
