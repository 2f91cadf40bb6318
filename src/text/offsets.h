// Offsets of a UTF-8 text in the unit a user counts in: bytes, code points or UTF-16 code units.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "waterline/engine.h"

namespace waterline {

enum class OffsetUnit {
  kCodePoints,  // As Python's str.
  kBytes,       // Of the UTF-8 text.
  kUtf16,       // As JavaScript's, Java's and C#'s strings.
};

// The unit of a public option.
inline OffsetUnit UnitOf(Offsets offsets) {
  switch (offsets) {
    case Offsets::kBytes:
      return OffsetUnit::kBytes;
    case Offsets::kUtf16:
      return OffsetUnit::kUtf16;
    case Offsets::kCodePoints:
      break;
  }
  return OffsetUnit::kCodePoints;
}

// An offset that does not exist: behind the end of the text, or inside a code point.
inline constexpr size_t kNoOffset = static_cast<size_t>(-1);

// Converts between bytes and `unit` for offsets of one text that come roughly in order. A query
// costs a vectorised pass over the bytes between it and the query before it, in either direction,
// so that starts and ends of spans, nested ones too, may be asked for as they come. For offsets in
// no order at all use ConvertOffsets. `text` must be valid UTF-8 and outlive the cursor. Not
// thread-safe.
class OffsetCursor {
 public:
  OffsetCursor(std::string_view text, OffsetUnit unit) : text_(text), unit_(unit) {}

  // The offset in `unit` of byte `byte`, or kNoOffset. text.size() is an offset too: its end.
  size_t FromByte(size_t byte);

  // The byte at the offset `offset` in `unit`, or kNoOffset.
  size_t ToByte(size_t offset);

 private:
  size_t Count(size_t begin, size_t end) const;
  void Rewind(size_t offset);

  std::string_view text_;
  OffsetUnit unit_;
  size_t byte_ = 0;    // Where the last query ended; may be inside a code point.
  size_t offset_ = 0;  // Units of the code points that start before byte_.
};

// Converts `offsets` of `text` from one unit to another, in place and in any order; those that do
// not exist become kNoOffset. `text` must be valid UTF-8 and shorter than 4 GiB. One pass over the
// text and O(n log n) for n offsets; allocates nothing.
void ConvertOffsets(std::string_view text, OffsetUnit from, OffsetUnit to,
                    std::span<size_t> offsets);

}  // namespace waterline
