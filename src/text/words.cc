// A hand-written scanner for one fixed pattern; bytes below 0x80 never leave its tight loops.
// SPDX-License-Identifier: Apache-2.0
#include "text/words.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/utf8.h"
#include "text/word_classes.h"

namespace waterline {
namespace {

enum Byte : uint8_t { kOtherByte, kWordByte, kSpaceByte, kLeadByte };

constexpr std::array<Byte, 256> MakeByteTable() {
  std::array<Byte, 256> table{};
  for (size_t c = 0; c < 256; ++c) {
    const bool letter = ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c == '_';
    const bool digit = '0' <= c && c <= '9';
    const bool space = (0x09 <= c && c <= 0x0D) || (0x1C <= c && c <= 0x20);
    table[c] = c >= 0x80         ? kLeadByte
               : letter || digit ? kWordByte
               : space           ? kSpaceByte
                                 : kOtherByte;
  }
  return table;
}

constexpr std::array<Byte, 256> kBytes = MakeByteTable();

Byte ByteAt(std::string_view text, size_t at) { return kBytes[static_cast<uint8_t>(text[at])]; }

// Number of ASCII `\w` at the front of the 8 bytes `bytes`, a lane of `group` each.
size_t CountWordBytes(const char* bytes) {
  constexpr auto kAll = [](uint64_t byte) { return byte * 0x0101010101010101u; };
  uint64_t group;
  std::memcpy(&group, bytes, sizeof(group));
  const uint64_t low = group & kAll(0x7F);  // No sum below carries into the next lane.
  const auto at_least = [&](uint64_t lanes, uint64_t first) { return lanes + kAll(0x80 - first); };
  const uint64_t lower = low | kAll(0x20);
  const uint64_t letter = at_least(lower, 'a') & ~at_least(lower, 'z' + 1);
  const uint64_t digit = at_least(low, '0') & ~at_least(low, '9' + 1);
  const uint64_t underscore = ~at_least(low ^ kAll('_'), 1);
  const uint64_t stop = (~(letter | digit | underscore) | group) & kAll(0x80);
  if (stop == 0) return sizeof(group);
  const int zeros =
      std::endian::native == std::endian::little ? std::countr_zero(stop) : std::countl_zero(stop);
  return static_cast<size_t>(zeros) / 8;
}

// The end of the run of `\w` that starts at `at`; `at` itself when there is none.
size_t SkipWordRun(std::string_view text, size_t at) {
  while (text.size() - at >= 8) {
    const size_t count = CountWordBytes(text.data() + at);
    at += count;
    if (count < 8) break;
  }
  while (at < text.size()) {
    const Byte byte = ByteAt(text, at);
    if (byte == kWordByte) {
      ++at;
      continue;
    }
    if (byte != kLeadByte) return at;
    size_t next = at;
    if (ClassOf(NextCodePoint(text, next)) != CharClass::kWord) return at;
    at = next;
  }
  return at;
}

// The end of the word whose first run of `\w` ends at `end`: `-` joins it to a run right behind.
size_t SkipJoinedRuns(std::string_view text, size_t end) {
  while (end < text.size() && text[end] == '-') {
    const size_t joined = SkipWordRun(text, end + 1);
    if (joined == end + 1) break;
    end = joined;
  }
  return end;
}

}  // namespace

void SplitWords(std::string_view text, std::pmr::vector<Word>& words) {
  WATERLINE_CHECK(text.size() < std::numeric_limits<uint32_t>::max());
  const auto append = [&](size_t begin, size_t end) {
    words.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
  };
  for (size_t at = 0; at < text.size();) {
    const Byte byte = ByteAt(text, at);
    if (byte == kSpaceByte) {
      ++at;
      continue;
    }
    size_t end = at + 1;
    CharClass first = byte == kWordByte ? CharClass::kWord : CharClass::kOther;
    if (byte == kLeadByte) {
      end = at;
      first = ClassOf(NextCodePoint(text, end));
    }
    if (first == CharClass::kWord) end = SkipJoinedRuns(text, SkipWordRun(text, end));
    if (first != CharClass::kSpace) append(at, end);
    at = end;
  }
}

}  // namespace waterline
