// A text as words and sub-word ids.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "text/words.h"
#include "tokens/tokenizer.h"

namespace waterline {

struct TokenText {
  std::pmr::vector<Word> words;            // [n]
  std::pmr::vector<int32_t> ids;           // Without prompt and specials.
  std::pmr::vector<uint32_t> word_begins;  // [n + 1] first id of each word.

  explicit TokenText(std::pmr::memory_resource* memory)
      : words(memory), ids(memory), word_begins(memory) {}
};

// Tokenises the words of `text`, which must be valid UTF-8 and shorter than 4 GiB.
TokenText Tokenize(std::string_view text, std::pmr::vector<Word> words, const Tokenizer& tokenizer,
                   std::pmr::memory_resource* memory);

}  // namespace waterline
