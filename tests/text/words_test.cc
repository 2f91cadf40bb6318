// The splitter against the reference's answers, and against a literal backtracking matcher.
// SPDX-License-Identifier: Apache-2.0
#include "text/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "text/offsets.h"
#include "text/word_classes.h"

namespace waterline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::pmr::vector<Word> Split(std::string_view text) {
  std::pmr::vector<Word> words;
  SplitWords(text, words);
  return words;
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (const Word& word : Split(text))
    words.emplace_back(text.substr(word.begin, word.end - word.begin));
  return words;
}

// One code point of a text and where it is.
struct Char {
  char32_t code;
  uint32_t begin;
  uint32_t end;
  CharClass cls() const { return ClassOf(code); }
};

std::vector<Char> Decode(std::string_view text) {
  std::vector<Char> chars;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t code = NextCodePoint(text, at);
    chars.push_back({code, static_cast<uint32_t>(begin), static_cast<uint32_t>(at)});
  }
  return chars;
}

// The end of `\w+(?:[-_]\w+)*` at `at`, as a backtracking engine finds it; 0 when there is none.
size_t MatchWord(const std::vector<Char>& chars, size_t at) {
  const auto run = [&](size_t from) {
    while (from < chars.size() && chars[from].cls() == CharClass::kWord) ++from;
    return from;
  };
  size_t end = run(at);
  if (end == at) return 0;
  while (end < chars.size() && (chars[end].code == U'-' || chars[end].code == U'_')) {
    const size_t joined = run(end + 1);
    if (joined == end + 1) break;
    end = joined;
  }
  return end;
}

std::vector<std::pair<uint32_t, uint32_t>> OracleWords(std::string_view text) {
  const std::vector<Char> chars = Decode(text);
  std::vector<std::pair<uint32_t, uint32_t>> words;
  for (size_t at = 0; at < chars.size();) {
    size_t end = MatchWord(chars, at);
    if (end == 0 && chars[at].cls() == CharClass::kOther) end = at + 1;
    if (end == 0) {
      ++at;
      continue;
    }
    words.emplace_back(chars[at].begin, chars[end - 1].end);
    at = end;
  }
  return words;
}

// Random text from pieces that meet in every branch of the splitter.
std::string MixedText() {
  static const std::vector<std::string> kPieces = {"a",      "Z",      "7",
                                                   "_",      "-",      "-",
                                                   " ",      "\n",     "\x1F",
                                                   ".",      "word",   "longerthaneight",
                                                   "é",      "ж",      "語",
                                                   "\u0301", "\u00A0", "\u2010",
                                                   "\u200B", "½",      "👍",
                                                   "𝒳",      "\u3000", "\u0085",
                                                   "\x7F",   "\u0660", std::string(1, '\0')};
  const auto picks =
      *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, kPieces.size()));
  std::string text;
  for (const size_t pick : picks) text += kPieces[pick];
  return text;
}

TEST(SplitWords, GivesTheWordsOfTheReference) {
  simdjson::dom::parser parser;
  simdjson::dom::document_stream cases;
  ASSERT_FALSE(parser.load_many(WATERLINE_GOLDEN_DIR "/words/whitespace.jsonl").get(cases));
  int count = 0;
  for (auto line : cases) {
    const std::string_view text = line["text"];
    const std::pmr::vector<Word> words = Split(text);
    OffsetCursor code_points(text, OffsetUnit::kCodePoints);
    std::vector<std::pair<uint64_t, uint64_t>> found, expected;
    for (const Word& word : words) {
      found.emplace_back(code_points.FromByte(word.begin), code_points.FromByte(word.end));
    }
    size_t i = 0;
    for (simdjson::dom::array word : line["words"]) {
      expected.emplace_back(word.at(1).get_uint64(), word.at(2).get_uint64());
      ASSERT_LT(i, words.size()) << text;
      EXPECT_EQ(word.at(0).get_string().value(),
                text.substr(words[i].begin, words[i].end - words[i].begin));
      ++i;
    }
    EXPECT_EQ(found, expected) << text;
    ++count;
  }
  EXPECT_EQ(count, 289);
}

TEST(SplitWords, GivesTheWordsOfTheSpecification) {
  EXPECT_THAT(Words("Hello, world!"), ElementsAre("Hello", ",", "world", "!"));
  EXPECT_THAT(Words("state-of-the-art"), ElementsAre("state-of-the-art"));
  EXPECT_THAT(Words("a--b"), ElementsAre("a", "-", "-", "b"));
  EXPECT_THAT(Words("a-b-"), ElementsAre("a-b", "-"));
  EXPECT_THAT(Words("-a"), ElementsAre("-", "a"));
  EXPECT_THAT(Words("a-_b a_b-c_d __"), ElementsAre("a-_b", "a_b-c_d", "__"));
  EXPECT_THAT(Words("don't"), ElementsAre("don", "'", "t"));
  EXPECT_THAT(Words("x@y.com 3.14"), ElementsAre("x", "@", "y", ".", "com", "3", ".", "14"));
  EXPECT_THAT(Words("<<ENT>>"), ElementsAre("<", "<", "ENT", ">", ">"));
  EXPECT_THAT(Words("e\u0301té"), ElementsAre("e", "\u0301", "té"));
  EXPECT_THAT(Words("日本語テスト。"), ElementsAre("日本語テスト", "。"));
  EXPECT_THAT(Words("👍🏽"), ElementsAre("👍", "🏽"));
  EXPECT_THAT(Words("a\u200Bb"), ElementsAre("a", "\u200B", "b"));
  EXPECT_THAT(Words("x\u00A0y a\x1C"
                    "b"),
              ElementsAre("x", "y", "a", "b"));
  EXPECT_THAT(Words("a‐b"), ElementsAre("a", "‐", "b"));
  EXPECT_THAT(Words("Ünïcödé-Ωmega ½"), ElementsAre("Ünïcödé-Ωmega", "½"));
}

TEST(SplitWords, FindsNothingInBlankText) {
  EXPECT_THAT(Words(""), IsEmpty());
  EXPECT_THAT(Words(" \t\r\n\u2003\u3000\u0085"), IsEmpty());
}

TEST(SplitWords, AppendsBehindWhatIsThere) {
  std::pmr::vector<Word> words = {{7, 9}};
  SplitWords("ab", words);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0].begin, 7U);
  EXPECT_EQ(words[1].end, 2U);
}

TEST(SplitWords, FindsTheEndOfAWordAtEveryLength) {
  for (size_t size = 1; size < 40; ++size) {
    for (const std::string stop : {"", " ", ".", "-", "-b", "é", "\u0301"}) {
      const std::string text = std::string(size, 'a') + stop + (stop.empty() ? "" : "zz");
      const auto words = Split(text);
      const auto expected = OracleWords(text);
      ASSERT_EQ(words.size(), expected.size()) << text;
      EXPECT_EQ(words[0].end, expected[0].second) << text;
    }
  }
}

TEST(SplitWords, TellsEveryAsciiByteInsideAWord) {
  for (int c = 0; c < 128; ++c) {
    for (size_t before = 1; before < 12; ++before) {
      const std::string text =
          std::string(before, 'a') + static_cast<char>(c) + std::string(12, 'b');
      const auto expected = OracleWords(text);
      const auto words = Split(text);
      ASSERT_EQ(words.size(), expected.size()) << c;
      for (size_t i = 0; i < words.size(); ++i) EXPECT_EQ(words[i].end, expected[i].second) << c;
    }
  }
}

std::string Encode(char32_t code) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  const auto tail = [&](int shift) { return byte(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xC0 | code >> 6), tail(0)};
  if (code < 0x10000) return {byte(0xE0 | code >> 12), tail(6), tail(0)};
  return {byte(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

TEST(SplitWords, HandlesEveryCodePointAloneAndBetweenLetters) {
  std::pmr::vector<Word> words;
  const auto count = [&](const std::string& text) {
    words.clear();
    SplitWords(text, words);
    return words.size();
  };
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (0xD800 <= code && code <= 0xDFFF) continue;  // Not in UTF-8.
    const std::string text = Encode(code);
    const CharClass cls = ClassOf(code);  // Compared with Python in word_classes_test.cc.
    ASSERT_EQ(count(text), cls == CharClass::kSpace ? 0U : 1U) << std::hex << uint32_t{code};
    size_t between = 3;
    if (cls == CharClass::kWord || code == U'-') between = 1;
    if (cls == CharClass::kSpace) between = 2;
    ASSERT_EQ(count("a" + text + "b"), between) << std::hex << uint32_t{code};
    ASSERT_EQ(count("é" + text + "語"), between) << std::hex << uint32_t{code};
  }
}

TEST(SplitWords, TakesOneWordOfAMegabyteInLinearTime) {
  const auto seconds = [](const std::string& text) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(Split(text).empty());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::string joined;
  while (joined.size() < (1 << 20)) joined += "a-";
  for (const std::string& text : {std::string(1 << 20, 'a'), joined, std::string(1 << 20, '-')}) {
    EXPECT_LT(seconds(text), 1.0);
  }
  EXPECT_EQ(Split(std::string(1 << 20, 'a')).size(), 1U);
  EXPECT_THAT(Split(joined).size(), 2U);  // The last hyphen joins nothing.
}

RC_GTEST_PROP(SplitWords, MatchesAsThePatternDoes, ()) {
  const std::string text = MixedText();
  std::vector<std::pair<uint32_t, uint32_t>> words;
  for (const Word& word : Split(text)) words.emplace_back(word.begin, word.end);
  RC_ASSERT(words == OracleWords(text));
}

RC_GTEST_PROP(SplitWords, CoversAllButSpaceOnce, ()) {
  const std::string text = MixedText();
  const std::pmr::vector<Word> words = Split(text);
  size_t end = 0;
  const auto only_space = [&](size_t from, size_t to) {
    for (const Char& c : Decode(std::string_view(text).substr(from, to - from))) {
      if (c.cls() != CharClass::kSpace) return false;
    }
    return true;
  };
  for (const Word& word : words) {
    RC_ASSERT(end <= word.begin && word.begin < word.end && word.end <= text.size());
    RC_ASSERT(only_space(end, word.begin));
    end = word.end;
  }
  RC_ASSERT(only_space(end, text.size()));
}

}  // namespace
}  // namespace waterline
