// SPDX-License-Identifier: Apache-2.0
#include "redaction/restoration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "base/utf8.h"
#include "redaction/redaction.h"

namespace waterline::redaction {
namespace {

using testing::HasSubstr;

// What redacting `text` leaves to restore it from.
std::vector<ReplacedPart> PartsOf(const std::string& text, const RedactedText& made) {
  std::vector<ReplacedPart> parts;
  for (const RedactedSpan& span : made.spans) {
    ReplacedPart part;
    part.start = CountCodePoints(std::string_view(made.text).substr(0, span.new_byte_start));
    part.end = CountCodePoints(std::string_view(made.text).substr(0, span.new_byte_end));
    part.replacement =
        made.text.substr(span.new_byte_start, span.new_byte_end - span.new_byte_start);
    part.text = text.substr(span.byte_start, span.byte_end - span.byte_start);
    parts.push_back(part);
  }
  return parts;
}

TEST(Restore, IsTheInverseOfRedact) {
  rc::check([] {
    std::string text;
    for (const int piece : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 8))) {
      constexpr const char* kPieces[] = {"a", " ", "ö", "[X]", "𝄞", "X_1", "*", "\n"};
      text += kPieces[piece];
    }
    std::vector<size_t> borders;  // Of code points.
    for (size_t at = 0; at <= text.size(); ++at) {
      if (at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) {
        borders.push_back(at);
      }
    }
    std::vector<Finding> findings;
    for (int i = *rc::gen::inRange(0, 6); i > 0; --i) {
      const auto one = *rc::gen::elementOf(borders);
      const auto two = *rc::gen::elementOf(borders);
      findings.push_back({std::min(one, two), std::max(one, two), "x"});
    }
    const Replacement replacement = *rc::gen::elementOf(
        std::vector<Replacement>(std::begin(kReplacements), std::end(kReplacements)));
    const RedactedText made =
        Redact(text, findings, {.replacement = replacement, .word = "", .key = "k"});
    const Result<RestoredText> restored = Restore(made.text, PartsOf(text, made));
    RC_ASSERT(restored.ok());
    RC_ASSERT(restored->text == text);
    RC_ASSERT(!restored->by_name);
  });
}

const std::vector<ReplacedPart> kParts = {{0, 8, "PERSON_1", "Ada"}, {13, 22, "PERSON_12", "Bob"}};

TEST(Restore, LooksForNamesInTextsThatChanged) {
  const auto restored = Restore(
      "«PERSON_12», said PERSON_1; PERSON_1's. PERSON_123 XPERSON_1 PERSON_1さん", kParts, true);
  ASSERT_TRUE(restored.ok());
  EXPECT_TRUE(restored->by_name);
  EXPECT_EQ(restored->text, "«Bob», said Ada; Ada's. PERSON_123 XPERSON_1 Adaさん");
}

TEST(Restore, TellsHowManyAreNoLongerThere) {
  const auto restored = Restore("It was PERSON_12.", kParts, true);
  ASSERT_TRUE(restored.ok());
  EXPECT_EQ(restored->text, "It was Bob.");
  EXPECT_EQ(restored->missing, 1u);
}

TEST(Restore, RefusesTextsThatChangedUnlessItIsTold) {
  const auto restored = Restore("It was PERSON_12.", kParts);
  ASSERT_FALSE(restored.ok());
  EXPECT_THAT(restored.error().message, HasSubstr("'PERSON_1' does not stand at 0"));
}

TEST(Restore, WhatIsPutBackIsNotLookedThrough) {
  const auto restored = Restore("B A", {{0, 1, "A", "B"}, {2, 3, "B", "A"}}, true);
  ASSERT_TRUE(restored.ok());
  EXPECT_EQ(restored->text, "A B");
}

TEST(Restore, RefusesWhatCouldBeEitherOfTwo) {
  const auto two = Restore("x [P]", {{0, 3, "[P]", "Ada"}, {4, 7, "[P]", "Bob"}}, true);
  ASSERT_FALSE(two.ok());
  EXPECT_THAT(two.error().message, HasSubstr("'[P]' could stand for different texts"));
  EXPECT_TRUE(Restore("x [P]", {{0, 3, "[P]", "Ada"}, {4, 7, "[P]", "Ada"}}, true).ok());
  const auto mask = Restore("x ***", {{0, 3, "***", "Ada"}}, true);
  ASSERT_FALSE(mask.ok());
  EXPECT_THAT(mask.error().message, HasSubstr("anything"));
}

TEST(Restore, PlacesOutsideOfTheTextAreNotRead) {
  EXPECT_TRUE(Restore("PERSON_1", {{5, 4, "PERSON_1", "a"}}, true).ok());
  EXPECT_TRUE(
      Restore("PERSON_1", {{0, 8, "PERSON_1", "a"}, {99, 107, "PERSON_2", "b"}}, true).ok());
}

}  // namespace
}  // namespace waterline::redaction
