// The word splitter: text -> words with offsets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

namespace waterline {

// Bytes [begin, end) of a UTF-8 text.
struct Word {
  uint32_t begin = 0;
  uint32_t end = 0;
};

// Appends the words of `text`, in order: the matches of the reference's `\w+(?:[-_]\w+)*|\S`
// (Python re, Unicode 14), see spec/gliner-data-and-decoding.md 3.1. Words never overlap, and every
// code point that is not whitespace is in one. `text` must be valid UTF-8 and shorter than 4 GiB.
// Linear.
void SplitWords(std::string_view text, std::pmr::vector<Word>& words);

}  // namespace waterline
