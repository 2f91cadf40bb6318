// SPDX-License-Identifier: Apache-2.0
#include "redaction/redaction.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <regex>
#include <string>
#include <vector>

namespace waterline::redaction {
namespace {

constexpr char kPerson[] = "person";
constexpr char kCity[] = "städte";

std::string Text(const char* text, std::vector<Finding> findings, ReplacementOptions options = {}) {
  return Redact(text, findings, options).text;
}

TEST(Redact, LabelsStandInPlaceOfFindings) {
  const std::vector<Finding> findings = {{11, 16, kCity}, {0, 3, kPerson}};
  const RedactedText made = Redact("Ada was in Köln.", findings, {});
  EXPECT_EQ(made.text, "[PERSON] was in [STäDTE].");
  ASSERT_EQ(made.spans.size(), 2u);
  EXPECT_EQ(made.spans[1].byte_start, 11u);
  EXPECT_EQ(made.spans[1].finding, 0u);
  EXPECT_EQ(made.text.substr(made.spans[1].new_byte_start,
                             made.spans[1].new_byte_end - made.spans[1].new_byte_start),
            "[STäDTE]");
  EXPECT_EQ(Text("a", {{0, 1, "date  of\tbirth"}}), "[DATE_OF_BIRTH]");
}

TEST(Redact, AMaskHasAStarForEachCodePoint) {
  EXPECT_EQ(Text("in Köln", {{3, 8, kCity}}, {.replacement = Replacement::kMask}), "in ****");
}

TEST(Redact, AWordIsTheSameEverywhere) {
  EXPECT_EQ(Text("Ada, Bob", {{0, 3, kPerson}, {5, 8, kPerson}},
                 {.replacement = Replacement::kWord, .word = "X"}),
            "X, X");
}

TEST(Redact, LabelsMayHaveReplacementsOfTheirOwn) {
  ReplacementOptions options;
  options.of_labels["städte"] = Replacement::kMask;
  EXPECT_EQ(Text("Ada, Ulm", {{0, 3, kPerson}, {5, 8, kCity}}, options), "[PERSON], ***");
}

TEST(Redact, PseudonymsCountTheTextsOfALabel) {
  const ReplacementOptions options{.replacement = Replacement::kPseudonym};
  EXPECT_EQ(
      Text(
          "Ada Bob Ulm Ada ada",
          {{0, 3, kPerson}, {4, 7, kPerson}, {8, 11, "city"}, {12, 15, kPerson}, {16, 19, kPerson}},
          options),
      "PERSON_1 PERSON_2 CITY_1 PERSON_1 PERSON_3");
  // One that the text has already would be taken for it on the way back.
  EXPECT_EQ(Text("Ada PERSON_1 PERSON_2", {{0, 3, kPerson}}, options),
            "PERSON_3 PERSON_1 PERSON_2");
}

TEST(Redact, KeyedPseudonymsAreTheSameInAllDocuments) {
  const auto made = [](const char* text, const char* label, const char* key) {
    return Text(text, {{0, 3, label}},
                {.replacement = Replacement::kPseudonym, .key = key, .keyed_pseudonyms = true});
  };
  const std::string ada = made("Ada", kPerson, "k");
  EXPECT_TRUE(std::regex_match(ada, std::regex("PERSON_[0-9A-HJKMNP-TV-Z]{10}"))) << ada;
  EXPECT_EQ(made("Ada was here", kPerson, "k"), ada + " was here");
  EXPECT_NE(made("Bob", kPerson, "k"), ada);
  EXPECT_NE(made("Ada", kPerson, "l"), ada);
  EXPECT_NE(made("Ada", "author", "k").substr(7), ada.substr(7));
}

TEST(Redact, AHashDependsOnTextLabelAndKey) {
  const auto hash = [](const char* text, const char* label, const char* key) {
    return Text(text, {{0, 3, label}}, {.replacement = Replacement::kHash, .key = key});
  };
  const std::string ada = hash("Ada", kPerson, "k");
  EXPECT_EQ(ada.size(), std::string("[PERSON:0123456789abcdef]").size());
  EXPECT_EQ(hash("Ada", kPerson, "k"), ada);
  EXPECT_NE(hash("Bob", kPerson, "k"), ada);
  EXPECT_NE(hash("Ada", "author", "k").substr(8), ada.substr(8));
  EXPECT_NE(hash("Ada", kPerson, "l"), ada);
}

TEST(Redact, TheHashIsTheStandardHmac) {
  // printf 'person\0Ada' | openssl dgst -sha256 -hmac k
  EXPECT_EQ(Text("Ada", {{0, 3, kPerson}}, {.replacement = Replacement::kHash, .key = "k"}),
            "[PERSON:78615cbc7f5833da]");
}

TEST(Redact, FindingsThatOverlapAreOneStretchWithTheLabelOfTheLongest) {
  const std::vector<Finding> findings = {{1, 4, kPerson, 0.9f}, {2, 6, kCity, 0.6f}};
  const RedactedText made = Redact("abcdefgh", findings, {});
  EXPECT_EQ(made.text, "a[STäDTE]gh");
  ASSERT_EQ(made.spans.size(), 1u);
  EXPECT_EQ(made.spans[0].byte_end, 6u);
  EXPECT_EQ(Text("abcd", {{0, 2, kPerson, 0.6f}, {0, 2, "email", 1}}), "[EMAIL]cd");
  EXPECT_EQ(Text("abcd", {{0, 2, kPerson}, {2, 4, kPerson}}), "[PERSON][PERSON]");
}

TEST(Redact, TextsWithoutFindingsStayAsTheyAre) {
  EXPECT_EQ(Text("Köln", {}), "Köln");
  EXPECT_EQ(Text("Köln", {{2, 2, kCity}}), "Köln");
}

// Whatever is found: nothing of it is left, and all else stands as it did, in order.
TEST(Redact, LeavesExactlyWhatWasNotFound) {
  rc::check([] {
    const std::string text = *rc::gen::string<std::string>();
    std::vector<Finding> findings;
    std::vector<bool> gone(text.size());
    for (int i = *rc::gen::inRange(0, 6); i > 0; --i) {
      const auto size = static_cast<int>(text.size());
      const auto start = static_cast<size_t>(*rc::gen::inRange(0, size + 1));
      const auto end = static_cast<size_t>(*rc::gen::inRange(static_cast<int>(start), size + 1));
      findings.push_back({start, end, kPerson, 0.5f});
      for (size_t at = start; at < end; ++at) gone[at] = true;
    }
    const RedactedText made =
        Redact(text, findings, {.replacement = Replacement::kWord, .word = ""});
    std::string left;
    for (size_t at = 0; at < text.size(); ++at) {
      if (!gone[at]) left += text[at];
    }
    RC_ASSERT(made.text == left);
  });
}

}  // namespace
}  // namespace waterline::redaction
