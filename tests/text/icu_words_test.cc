// SPDX-License-Identifier: Apache-2.0
#include "text/icu_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/utf8.h"
#include "text/word_classes.h"

namespace waterline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const IcuSplitter& Splitter() {
  static const auto splitter = IcuSplitter::Make(1);
  EXPECT_TRUE(splitter.ok()) << splitter.error().message;
  return **splitter;
}

std::pmr::vector<Word> Split(std::string_view text, const IcuSplitter& splitter = Splitter()) {
  std::pmr::vector<Word> words;
  const Result<void> split = splitter.Split(text, words);
  EXPECT_TRUE(split.ok()) << split.error().message;
  return words;
}

std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> words;
  for (const Word& word : Split(text))
    words.push_back(text.substr(word.begin, word.end - word.begin));
  return words;
}

TEST(IcuSplitter, SplitsAsUax29Does) {
  EXPECT_THAT(Words("Hello, world!"), ElementsAre("Hello", ",", "world", "!"));
  EXPECT_THAT(Words("don't 3.14 1,000"), ElementsAre("don't", "3.14", "1,000"));
  EXPECT_THAT(Words("state-of-the-art"), ElementsAre("state", "-", "of", "-", "the", "-", "art"));
  EXPECT_THAT(Words("U.S.A."), ElementsAre("U.S.A", "."));
  EXPECT_THAT(Words("..."), ElementsAre(".", ".", "."));
  EXPECT_THAT(Words("e\u0301t\u00E9"), ElementsAre("e\u0301t\u00E9"));
}

TEST(IcuSplitter, KnowsTheWordsOfScriptsWithoutSpaces) {
  EXPECT_THAT(Words("東京都に住んでいます。"),
              ElementsAre("東京", "都", "に", "住", "んで", "い", "ます", "。"));
  EXPECT_THAT(Words("我爱北京天安门"), ElementsAre("我", "爱", "北京", "天安门"));
  EXPECT_THAT(Words("สวัสดีครับ"), ElementsAre("สวัสดี", "ครับ"));
  EXPECT_THAT(Words("हिन्दी में"), ElementsAre("हिन्दी", "में"));
  EXPECT_THAT(Words("서울에 삽니다."), ElementsAre("서울에", "삽니다", "."));
}

TEST(IcuSplitter, LeavesWhitespaceOut) {
  EXPECT_THAT(Words(""), IsEmpty());
  EXPECT_THAT(Words(" \t\r\n\u2003\u3000\u0085\u00A0"), IsEmpty());
  EXPECT_THAT(Words("  a \u0301 b\x1C"
                    "c "),
              ElementsAre("a", "\u0301", "b", "c"));
}

TEST(IcuSplitter, AppendsBehindWhatIsThere) {
  std::pmr::vector<Word> words = {{7, 9}};
  ASSERT_TRUE(Splitter().Split("ab", words).ok());
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0].begin, 7u);
  EXPECT_EQ(words[1].end, 2u);
}

TEST(IcuSplitter, ServesSeveralThreads) {
  const auto splitter = IcuSplitter::Make(2);
  ASSERT_TRUE(splitter.ok());
  std::vector<std::string> texts;
  for (int i = 0; i < 4; ++i) {
    texts.push_back("text " + std::to_string(i) +
                    (i % 2 == 0 ? " 東京都に住む" : " in London. Ok."));
  }
  std::vector<std::thread> threads;
  for (const std::string& text : texts) {
    threads.emplace_back([&splitter, &text] {
      const std::pmr::vector<Word> expected = Split(text);
      for (int i = 0; i < 200; ++i) {
        const std::pmr::vector<Word> words = Split(text, **splitter);
        ASSERT_EQ(words.size(), expected.size());
        for (size_t w = 0; w < words.size(); ++w) ASSERT_EQ(words[w].end, expected[w].end);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

RC_GTEST_PROP(IcuSplitter, CoversAllButSpaceOnce, ()) {
  static const std::vector<std::string> kPieces = {"a",      "7",
                                                   "_",      "-",
                                                   "'",      " ",
                                                   "\n",     "\x1F",
                                                   ".",      "word",
                                                   "é",      "語",
                                                   "東京",   "\u0301",
                                                   "\u00A0", "\u200D",
                                                   "\u200B", "\u3000",
                                                   "👍",      "🇩🇪",
                                                   "ก",      std::string(1, '\0')};
  const auto picks =
      *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, kPieces.size()));
  std::string text;
  for (const size_t pick : picks) text += kPieces[pick];
  const auto is_space = [&](size_t at) {
    return ClassOf(NextCodePoint(text, at)) == CharClass::kSpace;
  };
  const std::pmr::vector<Word> words = Split(text);
  size_t end = 0;
  const auto only_space = [&](size_t from, size_t to) {
    while (from < to) {
      if (!is_space(from)) return false;
      NextCodePoint(text, from);
    }
    return true;
  };
  for (const Word& word : words) {
    RC_ASSERT(end <= word.begin && word.begin < word.end && word.end <= text.size());
    RC_ASSERT(only_space(end, word.begin));
    RC_ASSERT(!is_space(word.begin));
    end = word.end;
  }
  RC_ASSERT(only_space(end, text.size()));
}

}  // namespace
}  // namespace waterline
