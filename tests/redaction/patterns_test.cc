// SPDX-License-Identifier: Apache-2.0
#include "redaction/patterns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <thread>
#include <vector>

#include "redaction/presets.h"

namespace waterline::redaction {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

PatternRule Rule(const std::string& regex) {
  PatternRule rule;
  rule.name = "code";
  rule.label = "code";
  rule.regex = regex;
  rule.file = "my.yaml";
  rule.line = 7;
  return rule;
}

PatternSet Compiled(const std::vector<PatternRule>& rules) {
  auto set = PatternSet::Compile(rules);
  EXPECT_TRUE(set.ok()) << set.error().message;
  return *std::move(set);
}

std::vector<std::string> Found(const PatternSet& set, std::string_view text) {
  std::vector<std::string> found;
  const auto matches = set.Find(text);
  EXPECT_TRUE(matches.ok()) << matches.error().message;
  if (!matches.ok()) return found;
  for (const PatternMatch& match : *matches) {
    found.emplace_back(text.substr(match.byte_start, match.byte_end - match.byte_start));
  }
  return found;
}
std::vector<std::string> Found(const PatternRule& rule, std::string_view text) {
  return Found(Compiled({rule}), text);
}

PatternSet Preset(const char* name) {
  const auto rules = ParseRules(*PresetText(name), name);
  EXPECT_TRUE(rules.ok()) << rules.error().message;
  return Compiled(rules->patterns);
}

TEST(PatternSet, FindsNothingInNothing) {
  EXPECT_THAT(Found(Rule("a"), ""), IsEmpty());
  EXPECT_THAT(Found(Compiled({}), "text"), IsEmpty());
}

TEST(PatternSet, GivesBytesOfTheWholeMatch) {
  const auto matches = Compiled({Rule("[0-9]+")}).Find("größe 12, 漢字34");
  ASSERT_TRUE(matches.ok());
  EXPECT_THAT(*matches, ElementsAre(PatternMatch{8, 10, 0}, PatternMatch{18, 20, 0}));
}

TEST(PatternSet, GivesTheGroupValueWhereItMatched) {
  EXPECT_THAT(Found(Rule("id: (?<value>[0-9]+)"), "id: 5, id: 77"), ElementsAre("5", "77"));
  EXPECT_THAT(Found(Rule("id: (?<value>[0-9]+)?"), "id: x"), ElementsAre("id: "));
  // Several groups of that name: the one that matched.
  EXPECT_THAT(Found(Rule("a(?<value>[0-9])|b(?<value>[0-9])"), "a1 b2"), ElementsAre("1", "2"));
}

TEST(PatternSet, HasUnicodeClasses) {
  EXPECT_THAT(Found(Rule("\\bK\\w+"), "Kärnten, 漢Kx"), ElementsAre("Kärnten"));
  EXPECT_THAT(Found(Rule("(?i)straße"), "STRAßE"), ElementsAre("STRAßE"));
}

TEST(PatternSet, OrdersMatchesOfAllRulesByStart) {
  const auto matches = Compiled({Rule("[0-9]+"), Rule("[a-z]"), Rule("a1")}).Find("a1 b22");
  ASSERT_TRUE(matches.ok());
  EXPECT_THAT(*matches,
              ElementsAre(PatternMatch{0, 1, 1}, PatternMatch{0, 2, 2}, PatternMatch{1, 2, 0},
                          PatternMatch{3, 4, 1}, PatternMatch{4, 6, 0}));
}

TEST(PatternSet, GivesWhatPassesTheCheckAlone) {
  PatternRule rule = Rule("[0-9]{11}");
  rule.check = Check::kLuhn;
  EXPECT_THAT(Found(rule, "79927398713 79927398710"), ElementsAre("79927398713"));
  // What fails may have something that passes in it.
  EXPECT_THAT(Found(rule, "179927398713"), ElementsAre("79927398713"));
}

TEST(PatternSet, WantsOneOfTheWordsOfTheContextNearby) {
  PatternRule rule = Rule("[0-9]+");
  rule.context = {"Social  Security", "número", "no."};
  rule.context_distance = 20;
  for (const char* text : {"social security 5", "SOCIAL\n SECURITY: 5", "5 is my NÚMERO", "no. 5",
                           "(número)5", "漢 número 5"}) {
    EXPECT_THAT(Found(rule, text), ElementsAre("5")) << text;
  }
  for (const char* text :
       {"5", "social 5", "antisocial security 5", "números 5", "socialsecurity 5", "no 5"}) {
    EXPECT_THAT(Found(rule, text), IsEmpty()) << text;
  }
}

TEST(PatternSet, FindsContextInScriptsWithoutSpaces) {
  PatternRule rule = Rule("[0-9]+");
  rule.context = {"电话", "전화", "tel"};
  for (const char* text :
       {"请打电话13800", "전화번호는 13800", "请发tel 13800", "请发tel：13800", "13800电话"}) {
    EXPECT_THAT(Found(rule, text), ElementsAre("13800")) << text;
  }
  for (const char* text : {"电 13800", "tels 13800", "motel 13800", "电视13800"}) {
    EXPECT_THAT(Found(rule, text), IsEmpty()) << text;
  }
}

TEST(PatternSet, CountsTheDistanceOfTheContextInCodePoints) {
  PatternRule rule = Rule("[0-9]");
  rule.context = {"id"};
  rule.context_distance = 10;
  EXPECT_THAT(Found(rule, "idéééééé 5"), IsEmpty());  // A word that goes on.
  EXPECT_THAT(Found(rule, "id ------- 5"), IsEmpty());
  EXPECT_THAT(Found(rule, "id ------ 5"), ElementsAre("5"));
  EXPECT_THAT(Found(rule, "id €€€€€€ 5"), ElementsAre("5"));
  EXPECT_THAT(Found(rule, "5 €€€€€€ id"), ElementsAre("5"));
  EXPECT_THAT(Found(rule, "5 €€€€€€€ id"), IsEmpty());
  EXPECT_THAT(Found(rule, "5 €€€€€€ ids"), IsEmpty());
  // Of the match the value counts, and the word may stand in the rest of it.
  rule.regex = "id:(?<value>[0-9])";
  EXPECT_THAT(Found(rule, "id:5"), ElementsAre("5"));
}

TEST(PatternSet, RefusesWhatDoesNotCompile) {
  const auto set = PatternSet::Compile({Rule("ok"), Rule("a(b")});
  ASSERT_FALSE(set.ok());
  EXPECT_EQ(set.error().code, waterline::Code::kInvalidArgument);
  EXPECT_EQ(
      set.error().message,
      "my.yaml:7: the regular expression of pattern \"code\" does not compile: missing closing "
      "parenthesis, at byte 3 of a(b");
}

TEST(PatternSet, RefusesWhatCanMatchNothing) {
  for (const char* regex : {"", "a*", "a|", "(?=a)", "^", "\\b"}) {
    const auto set = PatternSet::Compile({Rule(regex)});
    ASSERT_FALSE(set.ok()) << regex;
    EXPECT_THAT(set.error().message, HasSubstr("my.yaml:7: ")) << regex;
    EXPECT_THAT(set.error().message, HasSubstr("can match nothing at all")) << regex;
  }
}

TEST(PatternSet, RefusesToTearCharactersApart) {
  EXPECT_FALSE(PatternSet::Compile({Rule("a\\C")}).ok());
}

TEST(PatternSet, RefusesAGroupThatHasNoRoom) {
  std::string many;
  for (int i = 0; i < 80; ++i) many += "(a)?";
  EXPECT_FALSE(PatternSet::Compile({Rule(many + "(?<value>b)")}).ok());
  EXPECT_THAT(Found(Rule("(?<value>b)" + many), "baa"), ElementsAre("b"));
}

// Expressions that people write, on texts that strangers write.
TEST(PatternSet, GivesUpOnWhatTakesTooManySteps) {
  const std::string letters(size_t{1} << 18, 'a');
  for (const char* regex :
       {"(a+)+$", "(?:a|aa)+b", "\\w+@\\w+", "\\w*\\w*\\w*b", "\\w+b", "(?:\\w+\\s?)+@b"}) {
    const auto matches = Compiled({Rule(regex)}).Find(letters + "! b@c");
    ASSERT_FALSE(matches.ok()) << regex;
    EXPECT_EQ(matches.error().code, waterline::Code::kInvalidArgument);
    EXPECT_THAT(matches.error().message, HasSubstr("my.yaml:7: pattern \"code\" cannot be matched "
                                                   "from byte "))
        << regex;
  }
  // A check that fails on each of very many long matches.
  PatternRule rule = Rule("[0-9]+");
  rule.check = Check::kIban;
  EXPECT_FALSE(Compiled({rule}).Find(std::string(size_t{1} << 18, '1')).ok());
}

TEST(PatternSet, FindsWhatIsLongerThanAWindow) {
  for (const size_t length : {100u, 4000u, 4096u, 5000u, 70'000u, 1u << 20}) {
    const std::string body(length, 'x');
    for (const size_t before : {0u, 1u, 2047u, 2048u, 2049u, 4095u, 4096u, 9000u}) {
      const std::string text = std::string(before, ' ') + "<" + body + "> <é>";
      const auto matches = Compiled({Rule("<[^>]*>")}).Find(text);
      ASSERT_TRUE(matches.ok());
      EXPECT_THAT(*matches, ElementsAre(PatternMatch{before, before + length + 2, 0},
                                        PatternMatch{before + length + 3, text.size(), 0}));
    }
  }
}

const char* const kTexts[] = {"joe@example.com",
                              "请联系joe@example.com请",
                              "2001:db8::1",
                              "IBAN DE89 3704 0044 0532 0130 00",
                              "4111 1111 1111 1111",
                              "+49 30 901820",
                              "ssn 123456789",
                              "https://example.com/a?b=c",
                              "patient NHS 943 476 5919",
                              "é",
                              "-----BEGIN PRIVATE KEY-----ab",
                              "born 12 March 1985",
                              "漢字",
                              "192.168.0.1",
                              "(212) 555-0123",
                              "00:1B:44:11:3A:B7",
                              "1HGCM82633A004352",
                              "85.07.30-033.28"};

TEST(PatternSet, FindsTheSameInALongText) {
  const PatternSet set = Preset("hipaa");
  // Nothing reaches across this.
  const std::string between = "; " + std::string(50, '.') + "é; ";
  EXPECT_TRUE(rc::check("", [&] {
    const auto order = *rc::gen::container<std::vector<size_t>>(
        300, rc::gen::inRange<size_t>(0, std::size(kTexts)));
    const auto padding = *rc::gen::inRange<size_t>(0, 200);
    std::string text(padding, ' ');
    std::vector<PatternMatch> expected;
    for (const size_t i : order) {
      const auto alone = set.Find(kTexts[i]);
      RC_ASSERT(alone.ok());
      for (PatternMatch match : *alone) {
        match.byte_start += text.size();
        match.byte_end += text.size();
        expected.push_back(match);
      }
      text += kTexts[i] + between;
    }
    const auto matches = set.Find(text);
    RC_ASSERT(matches.ok());
    RC_ASSERT(*matches == expected);
  }));
}

// Much of what each pattern begins to read again and again.
TEST(PatternSet, ReadsHostileTextsToTheirEnd) {
  const PatternSet set = Preset("hipaa");
  for (const char* part : {"7",
                           "1234567890",
                           "@",
                           "a@",
                           "a.",
                           "漢@",
                           ":",
                           "1:",
                           "a:",
                           "::",
                           "abcdef",
                           "0-",
                           "1 ",
                           "12 ",
                           "4111 ",
                           "+1 ",
                           "http://",
                           "http://.",
                           "www.",
                           "eyJ",
                           "eyJhbGciOi.",
                           "A",
                           "A1B2C3D4 ",
                           "AKIA",
                           "-----BEGIN PRIVATE KEY-----",
                           "- ",
                           "password=",
                           "May 1 ",
                           "passport 12345 ",
                           "phone 12 ",
                           "DE89 3704 0044 0532 0130 0 ",
                           "DE89",
                           "(",
                           "+1()()",
                           "%",
                           "a.b-c_d%e+f&g~h",
                           "NY 1234 ",
                           "é",
                           "\xF0\x9F\x98\x80",
                           "\n",
                           "192.168.0.",
                           "00:1B:"}) {
    std::string text;
    while (text.size() < (size_t{1} << 16)) text += part;
    for (const char* before : {"", "http://", "a@", "-----BEGIN PRIVATE KEY-----", "password: "}) {
      const auto matches = set.Find(before + text);
      EXPECT_TRUE(matches.ok()) << before << part << ": " << matches.error().message;
    }
  }
}

TEST(PatternSet, TakesAnyText) {
  const PatternSet set = Preset("hipaa");
  EXPECT_TRUE(rc::check("", [&] {
    // Parts of examples and single characters, in any order.
    std::string text;
    for (const size_t i : *rc::gen::container<std::vector<size_t>>(
             rc::gen::inRange<size_t>(0, 3 * std::size(kTexts)))) {
      const std::string whole = kTexts[i % std::size(kTexts)];
      const size_t third = whole.size() / 3 * (i / std::size(kTexts));
      for (const char c : whole.substr(third, whole.size() / 3)) {
        if ((c & 0x80) == 0) text += c;
      }
      if (i % 7 == 0) text += "ß";
    }
    const auto matches = set.Find(text);
    RC_ASSERT(matches.ok());
    for (const PatternMatch& match : *matches) {
      RC_ASSERT(match.byte_start < match.byte_end);
      RC_ASSERT(match.byte_end <= text.size());
      RC_ASSERT((text[match.byte_start] & 0xC0) != 0x80);
      RC_ASSERT(match.byte_end == text.size() || (text[match.byte_end] & 0xC0) != 0x80);
    }
  }));
}

TEST(PatternSet, IsUsedByManyThreads) {
  const PatternSet set = Preset("pii");
  std::string text;
  for (const char* part : kTexts) text += std::string(part) + " ; ";
  const auto alone = set.Find(text);
  ASSERT_TRUE(alone.ok());
  std::vector<std::thread> threads;
  std::vector<int> same(4, 0);
  for (int& count : same) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto matches = set.Find(text);
        count += matches.ok() && *matches == *alone ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(same, ::testing::Each(50));
}

TEST(PatternSet, SaysWhatItsCodeTakes) {
  EXPECT_EQ(Compiled({}).code_bytes(), 0u);
  EXPECT_GT(Preset("pii").code_bytes(), size_t{10'000});
  EXPECT_LT(Preset("hipaa").code_bytes(), size_t{2'000'000});
}

}  // namespace
}  // namespace waterline::redaction
