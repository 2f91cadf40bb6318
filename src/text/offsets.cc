// SPDX-License-Identifier: Apache-2.0
#include "text/offsets.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/check.h"
#include "base/utf8.h"

namespace waterline {
namespace {

constexpr size_t kStride = 128;  // Bytes skipped at once while an offset is looked for.
constexpr uint64_t kNone32 = std::numeric_limits<uint32_t>::max();

bool StartsCodePoint(char c) { return static_cast<signed char>(c) >= -0x40; }  // Not 10xxxxxx.

// Two 32-bit numbers in one that sorts by the first.
uint64_t Pack(uint64_t first, uint64_t second) { return first << 32 | second; }

}  // namespace

size_t OffsetCursor::Count(size_t begin, size_t end) const {
  const std::string_view part = text_.substr(begin, end - begin);
  return unit_ == OffsetUnit::kUtf16 ? CountUtf16(part) : CountCodePoints(part);
}

size_t OffsetCursor::FromByte(size_t byte) {
  if (byte > text_.size()) return kNoOffset;
  if (byte < text_.size() && !StartsCodePoint(text_[byte])) return kNoOffset;
  if (unit_ == OffsetUnit::kBytes) return byte;
  if (byte >= byte_) {
    offset_ += Count(byte_, byte);
  } else if (byte_ - byte <= byte) {
    offset_ -= Count(byte, byte_);
  } else {
    offset_ = Count(0, byte);
  }
  byte_ = byte;
  return offset_;
}

// Moves back until offset_ <= offset.
void OffsetCursor::Rewind(size_t offset) {
  if (offset <= offset_ / 2) {
    byte_ = 0;
    offset_ = 0;
  }
  while (offset_ > offset) {
    const size_t begin = byte_ - std::min(byte_, kStride);
    offset_ -= Count(begin, byte_);
    byte_ = begin;
  }
}

size_t OffsetCursor::ToByte(size_t offset) {
  if (unit_ == OffsetUnit::kBytes) return FromByte(offset);
  Rewind(offset);
  while (text_.size() - byte_ >= kStride) {
    const size_t count = Count(byte_, byte_ + kStride);
    if (offset_ + count > offset) break;
    offset_ += count;
    byte_ += kStride;
  }
  for (; byte_ < text_.size(); ++byte_) {
    if (!StartsCodePoint(text_[byte_])) continue;
    if (offset_ == offset) return byte_;
    if (offset_ > offset) return kNoOffset;  // Between the two halves of a surrogate pair.
    offset_ += Count(byte_, byte_ + 1);
  }
  return offset_ == offset ? byte_ : kNoOffset;
}

void ConvertOffsets(std::string_view text, OffsetUnit from, OffsetUnit to,
                    std::span<size_t> offsets) {
  static_assert(sizeof(size_t) == sizeof(uint64_t));
  WATERLINE_CHECK(text.size() < kNone32 && offsets.size() < kNone32);
  // Sorted by offset with their places, converted in one sweep, and sorted back by place.
  for (size_t i = 0; i < offsets.size(); ++i) {
    offsets[i] = Pack(std::min<uint64_t>(offsets[i], kNone32), i);
  }
  std::sort(offsets.begin(), offsets.end());
  OffsetCursor source(text, from);
  OffsetCursor target(text, to);
  for (size_t& packed : offsets) {
    const size_t byte = source.ToByte(packed >> 32);
    const size_t value = byte == kNoOffset ? kNoOffset : target.FromByte(byte);
    packed = Pack(packed & kNone32, std::min<uint64_t>(value, kNone32));
  }
  std::sort(offsets.begin(), offsets.end());
  for (size_t& packed : offsets) {
    const uint64_t value = packed & kNone32;
    packed = value == kNone32 ? kNoOffset : value;
  }
}

}  // namespace waterline
