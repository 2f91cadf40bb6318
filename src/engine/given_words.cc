// SPDX-License-Identifier: Apache-2.0
#include "engine/given_words.h"

#include <fmt/format.h>

#include <algorithm>

namespace waterline {
namespace {

const char* UnitName(OffsetUnit unit) {
  switch (unit) {
    case OffsetUnit::kBytes:
      return "byte";
    case OffsetUnit::kUtf16:
      return "UTF-16";
    case OffsetUnit::kCodePoints:
      break;
  }
  return "code point";
}

}  // namespace

Result<void> TakeWords(std::string_view text, OffsetUnit unit, std::span<const TextSpan> given,
                       std::pmr::vector<Word>& words) {
  const auto refuse = [&](size_t i, const std::string& why) {
    return Error{Code::kInvalidArgument,
                 fmt::format("word {} of those given, [{}, {}), {}", i + 1, given[i].start,
                             given[i].end, why),
                 Subject::kText};
  };
  // Words that are neither empty nor overlap are no more than the bytes; so one of the first that
  // are looked at is bad where there are more.
  const std::span<const TextSpan> first = given.first(std::min(given.size(), text.size() + 1));
  std::pmr::vector<size_t> bytes(words.get_allocator().resource());
  bytes.reserve(2 * first.size());
  for (const TextSpan& span : first) {
    bytes.push_back(span.start);
    bytes.push_back(span.end);
  }
  ConvertOffsets(text, unit, OffsetUnit::kBytes, bytes);
  words.reserve(words.size() + first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i].end <= first[i].start) {
      return refuse(i, "is empty: its end must lie behind its start");
    }
    if (i > 0 && first[i].start < first[i - 1].end) {
      return refuse(i, fmt::format("begins before word {} ends, at {}: words must come in the "
                                   "order of the text and apart",
                                   i, first[i - 1].end));
    }
    if (bytes[2 * i] == kNoOffset || bytes[2 * i + 1] == kNoOffset) {
      OffsetCursor cursor(text, unit);
      return refuse(i, fmt::format("does not begin and end at characters of the text, whose {} "
                                   "offsets end at {}",
                                   UnitName(unit), cursor.FromByte(text.size())));
    }
    words.push_back({static_cast<uint32_t>(bytes[2 * i]), static_cast<uint32_t>(bytes[2 * i + 1])});
  }
  return {};
}

}  // namespace waterline
