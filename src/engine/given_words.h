// Words that the caller gives, checked.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "text/offsets.h"
#include "text/words.h"
#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline {

// Appends `given`, offsets of `text` in `unit`, to `words` as bytes. `text` must be valid UTF-8 and
// shorter than 4 GiB. Scratch, from the resource of `words`: 16 bytes a word.
// Errors: kInvalidArgument  a word that is empty, begins before the one before it ends, or does not
//         begin and end at characters of the text; names the first such word.
Result<void> TakeWords(std::string_view text, OffsetUnit unit, std::span<const TextSpan> given,
                       std::pmr::vector<Word>& words);

}  // namespace waterline
