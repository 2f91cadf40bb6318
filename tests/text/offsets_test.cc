// SPDX-License-Identifier: Apache-2.0
#include "text/offsets.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/utf8.h"

namespace waterline {
namespace {

constexpr OffsetUnit kUnits[] = {OffsetUnit::kCodePoints, OffsetUnit::kBytes, OffsetUnit::kUtf16};

// For each byte of `text` and its end, the offset in `unit`; counted one code point at a time.
std::vector<size_t> OracleOffsets(std::string_view text, OffsetUnit unit) {
  std::vector<size_t> offsets(text.size() + 1, kNoOffset);
  size_t units = 0;
  for (size_t at = 0; at < text.size();) {
    offsets[at] = unit == OffsetUnit::kBytes ? at : units;
    const char32_t code = NextCodePoint(text, at);
    units += unit == OffsetUnit::kUtf16 && code > 0xFFFF ? 2 : 1;
  }
  offsets[text.size()] = unit == OffsetUnit::kBytes ? text.size() : units;
  return offsets;
}

// The byte of the oracle at `offset`, or kNoOffset.
size_t OracleByte(const std::vector<size_t>& offsets, size_t offset) {
  if (offset == kNoOffset) return kNoOffset;
  const auto at = std::find(offsets.begin(), offsets.end(), offset);
  return at == offsets.end() ? kNoOffset : static_cast<size_t>(at - offsets.begin());
}

std::string MixedText() {
  static const std::vector<std::string> kPieces = {"a", "é", "語", "👍",
                                                   "plain ascii of some length "};
  const auto picks =
      *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, kPieces.size()));
  const auto repeats = *rc::gen::inRange(1, 8);
  std::string text;
  for (int i = 0; i < repeats; ++i) {
    for (const size_t pick : picks) text += kPieces[pick];
  }
  return text;
}

TEST(OffsetCursor, CountsInEachUnit) {
  const std::string text = "aé👍語";  // 1, 2, 4 and 3 bytes.
  OffsetCursor code_points(text, OffsetUnit::kCodePoints);
  OffsetCursor utf16(text, OffsetUnit::kUtf16);
  OffsetCursor bytes(text, OffsetUnit::kBytes);
  EXPECT_EQ(code_points.FromByte(7), 3U);
  EXPECT_EQ(utf16.FromByte(7), 4U);
  EXPECT_EQ(bytes.FromByte(7), 7U);
  EXPECT_EQ(code_points.FromByte(10), 4U);
  EXPECT_EQ(code_points.ToByte(2), 3U);
  EXPECT_EQ(utf16.ToByte(4), 7U);
  EXPECT_EQ(utf16.ToByte(5), 10U);
}

TEST(OffsetCursor, KnowsOffsetsThatDoNotExist) {
  const std::string text = "aé👍";
  OffsetCursor code_points(text, OffsetUnit::kCodePoints);
  OffsetCursor utf16(text, OffsetUnit::kUtf16);
  OffsetCursor bytes(text, OffsetUnit::kBytes);
  EXPECT_EQ(code_points.FromByte(2), kNoOffset);  // Inside é.
  EXPECT_EQ(code_points.FromByte(8), kNoOffset);  // Behind the end.
  EXPECT_EQ(code_points.ToByte(4), kNoOffset);
  EXPECT_EQ(utf16.ToByte(3), kNoOffset);  // Between surrogates.
  EXPECT_EQ(utf16.ToByte(5), kNoOffset);
  EXPECT_EQ(bytes.ToByte(2), kNoOffset);
  EXPECT_EQ(bytes.ToByte(kNoOffset), kNoOffset);
  EXPECT_EQ(utf16.ToByte(4), 7U);  // Still right afterwards.
  EXPECT_EQ(utf16.ToByte(2), 3U);
}

TEST(OffsetCursor, FindsTheOnlyOffsetOfEmptyText) {
  for (const OffsetUnit unit : kUnits) {
    OffsetCursor cursor("", unit);
    EXPECT_EQ(cursor.FromByte(0), 0U);
    EXPECT_EQ(cursor.ToByte(0), 0U);
    EXPECT_EQ(cursor.ToByte(1), kNoOffset);
  }
}

RC_GTEST_PROP(OffsetCursor, AnswersAnyQueriesInAnyOrder, ()) {
  const std::string text = MixedText();
  const auto queries =
      *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, text.size() + 3));
  for (const OffsetUnit unit : kUnits) {
    const std::vector<size_t> oracle = OracleOffsets(text, unit);
    OffsetCursor from(text, unit);
    OffsetCursor to(text, unit);
    OffsetCursor both(text, unit);
    for (const size_t query : queries) {
      const size_t offset = query < oracle.size() ? oracle[query] : kNoOffset;
      RC_ASSERT(from.FromByte(query) == offset);
      RC_ASSERT(to.ToByte(query) == OracleByte(oracle, query));
      RC_ASSERT(both.FromByte(query) == offset);
      RC_ASSERT(both.ToByte(query) == OracleByte(oracle, query));
    }
  }
}

RC_GTEST_PROP(ConvertOffsets, ConvertsBetweenAllUnits, ()) {
  const std::string text = MixedText();
  const auto queries = *rc::gen::container<std::vector<size_t>>(
      rc::gen::oneOf(rc::gen::inRange<size_t>(0, text.size() + 3), rc::gen::arbitrary<size_t>()));
  for (const OffsetUnit from : kUnits) {
    for (const OffsetUnit to : kUnits) {
      const std::vector<size_t> source = OracleOffsets(text, from);
      const std::vector<size_t> target = OracleOffsets(text, to);
      std::vector<size_t> converted = queries;
      ConvertOffsets(text, from, to, converted);
      for (size_t i = 0; i < queries.size(); ++i) {
        const size_t byte = OracleByte(source, queries[i]);
        RC_ASSERT(converted[i] == (byte == kNoOffset ? kNoOffset : target[byte]));
      }
    }
  }
}

}  // namespace
}  // namespace waterline
