// The words of a text with the entity that each belongs to, for formats that count words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "extraction_format.h"
#include "input_document.h"
#include "waterline/engine.h"

namespace waterline::cli {

// In bytes of the text, and code points.
struct TaggedWord {
  size_t byte_start = 0;
  size_t byte_end = 0;
  size_t start = 0;
  size_t end = 0;
  int32_t entity = -1;  // Index into Extraction::entities; -1: none.
  bool first = false;   // Of its entity.
};

// The words of the document where it has its own, else those of the Python package's splitter
// ("whitespace"), cut further where an entity starts or ends inside of one. Of entities that
// overlap, the first, outermost one has the words.
std::vector<TaggedWord> TagWords(const FormatOptions& options, const InputDocument& document,
                                 const Extraction& extraction);

}  // namespace waterline::cli
