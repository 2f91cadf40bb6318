// SPDX-License-Identifier: Apache-2.0
#include "tagged_words.h"

#include <algorithm>
#include <memory_resource>
#include <string_view>

#include "text/words.h"

namespace waterline::cli {
namespace {

// What the lead byte of a character adds to an offset.
size_t UnitsOf(unsigned char lead, Offsets unit) {
  if (unit == Offsets::kBytes) return 1;
  if ((lead & 0xC0) == 0x80) return 0;
  return unit == Offsets::kUtf16 && lead >= 0xF0 ? 2 : 1;
}

// The bytes of spans that are in order and counted in `unit`.
void AppendGiven(std::string_view text, const std::vector<TextSpan>& spans, Offsets unit,
                 std::pmr::vector<Word>& words) {
  size_t byte = 0;
  size_t count = 0;
  const auto to_byte = [&](size_t offset) {
    while (byte < text.size()) {
      const size_t units = UnitsOf(static_cast<unsigned char>(text[byte]), unit);
      if (units > 0 && count >= offset) break;
      count += units;
      ++byte;
    }
    return static_cast<uint32_t>(byte);
  };
  for (const TextSpan& span : spans) {
    const uint32_t begin = to_byte(span.start);
    words.push_back({begin, to_byte(span.end)});
  }
}

}  // namespace

std::vector<TaggedWord> TagWords(const FormatOptions& options, const InputDocument& document,
                                 const Extraction& extraction) {
  const std::string_view text = document.text;
  std::pmr::vector<Word> words;
  if (document.settings.words) {
    AppendGiven(text, *document.settings.words, options.offsets, words);
  } else {
    SplitWords(text, words);
  }

  // Those that nothing before them covers.
  std::vector<size_t> outer;
  for (size_t i = 0; i < extraction.entities.size(); ++i) {
    const Entity& entity = extraction.entities[i];
    if (!outer.empty()) {
      const Entity& last = extraction.entities[outer.back()];
      if (entity.byte_start == last.byte_start && entity.byte_end > last.byte_end) outer.pop_back();
    }
    if (outer.empty() || extraction.entities[outer.back()].byte_end <= entity.byte_start) {
      outer.push_back(i);
    }
  }

  std::vector<TaggedWord> tagged;
  auto next = outer.begin();
  int32_t before = -1;
  size_t counted = 0;  // Bytes whose code points are in `points`.
  size_t points = 0;
  const auto points_at = [&](size_t byte) {
    for (; counted < byte; ++counted) {
      points += UnitsOf(static_cast<unsigned char>(text[counted]), Offsets::kCodePoints);
    }
    return points;
  };
  for (const Word& word : words) {
    size_t at = word.begin;
    while (at < word.end) {
      while (next != outer.end() && extraction.entities[*next].byte_end <= at) ++next;
      TaggedWord part;
      part.byte_start = at;
      part.byte_end = word.end;
      if (next != outer.end()) {
        const Entity& entity = extraction.entities[*next];
        const bool inside = entity.byte_start <= at;
        part.byte_end =
            std::min(part.byte_end, inside ? entity.byte_end : std::max(entity.byte_start, at + 1));
        if (inside) part.entity = static_cast<int32_t>(*next);
      }
      part.first = part.entity >= 0 && part.entity != before;
      before = part.entity;
      part.start = points_at(part.byte_start);
      part.end = points_at(part.byte_end);
      at = part.byte_end;
      tagged.push_back(part);
    }
  }
  return tagged;
}

}  // namespace waterline::cli
