// SPDX-License-Identifier: Apache-2.0
#include "redact.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace waterline::server {
namespace {

const std::vector<Label> kLabels = {{.name = "person"}, {.name = "städte"}};

Entity Found(size_t start, size_t end, int32_t label, float score = 0.9f) {
  Entity entity;
  entity.byte_start = start;
  entity.byte_end = end;
  entity.label = label;
  entity.score = score;
  return entity;
}

TEST(Redact, LabelsStandInPlaceOfEntities) {
  const RedactedText made =
      Redact("Ada was in Köln.", {Found(11, 16, 1), Found(0, 3, 0)}, kLabels, {});
  EXPECT_EQ(made.text, "[PERSON] was in [STäDTE].");
  ASSERT_EQ(made.spans.size(), 2u);
  EXPECT_EQ(made.spans[1].byte_start, 11u);
  EXPECT_EQ(made.text.substr(made.spans[1].new_byte_start,
                             made.spans[1].new_byte_end - made.spans[1].new_byte_start),
            "[STäDTE]");
}

TEST(Redact, AMaskHasAStarForEachCodePoint) {
  EXPECT_EQ(Redact("in Köln", {Found(3, 8, 1)}, kLabels, {Replacement::kMask}).text, "in ****");
}

TEST(Redact, AWordIsTheSameEverywhere) {
  const RedactionRule rule{Replacement::kWord, "X"};
  EXPECT_EQ(Redact("Ada, Bob", {Found(0, 3, 0), Found(5, 8, 0)}, kLabels, rule).text, "X, X");
}

TEST(Redact, AHashDependsOnTextLabelAndKey) {
  const auto hash = [](const char* text, int32_t label, const char* key) {
    return Redact(text, {Found(0, 3, label)}, kLabels, {Replacement::kHash, "", key}).text;
  };
  const std::string ada = hash("Ada", 0, "k");
  EXPECT_EQ(ada.size(), std::string("[PERSON:0123456789abcdef]").size());
  EXPECT_EQ(hash("Ada", 0, "k"), ada);
  EXPECT_NE(hash("Bob", 0, "k"), ada);
  EXPECT_NE(hash("Ada", 1, "k").substr(8), ada.substr(8));
  EXPECT_NE(hash("Ada", 0, "l"), ada);
}

TEST(Redact, TheHashIsTheStandardHmac) {
  // printf 'person\0Ada' | openssl dgst -sha256 -hmac k
  EXPECT_EQ(Redact("Ada", {Found(0, 3, 0)}, kLabels, {Replacement::kHash, "", "k"}).text,
            "[PERSON:78615cbc7f5833da]");
}

TEST(Redact, OverlappingEntitiesAreOneStretchWithTheLikeliestLabel) {
  const RedactedText made =
      Redact("abcdefgh", {Found(1, 4, 0, 0.6f), Found(2, 6, 1, 0.8f)}, kLabels, {});
  EXPECT_EQ(made.text, "a[STäDTE]gh");
  ASSERT_EQ(made.spans.size(), 1u);
  EXPECT_EQ(made.spans[0].byte_end, 6u);
}

TEST(Redact, TextsWithoutEntitiesStayAsTheyAre) {
  EXPECT_EQ(Redact("Köln", {}, kLabels, {}).text, "Köln");
}

}  // namespace
}  // namespace waterline::server
