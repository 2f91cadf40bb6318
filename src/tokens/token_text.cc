// SPDX-License-Identifier: Apache-2.0
#include "tokens/token_text.h"

#include <utility>

namespace waterline {

TokenText Tokenize(std::string_view text, std::pmr::vector<Word> words, const Tokenizer& tokenizer,
                   std::pmr::memory_resource* memory) {
  TokenText result(memory);
  result.words = std::move(words);
  result.word_begins.reserve(result.words.size() + 1);
  result.ids.reserve(result.words.size() + result.words.size() / 4);
  for (const Word& word : result.words) {
    result.word_begins.push_back(static_cast<uint32_t>(result.ids.size()));
    tokenizer.EncodeWord(text.substr(word.begin, word.end - word.begin), result.ids);
  }
  result.word_begins.push_back(static_cast<uint32_t>(result.ids.size()));
  return result;
}

}  // namespace waterline
