// Where sentences begin, as far as punctuation tells.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "text/words.h"

namespace waterline {

// Whether words[i] of `text` begins a sentence: it is the first word, a line break stands before
// it, or a mark that ends sentences, with nothing but closing quotes and brackets between. Of the
// marks
// `.` `!` `?` and their like count where white space follows, those of full width everywhere, and a
// full stop not behind a single letter ("J. R. R. Tolkien"). Other abbreviations are taken for ends
// ("Dr. Smith"). Looks at a few words at most.
bool BeginsSentence(std::string_view text, std::span<const Word> words, size_t i);

}  // namespace waterline
