// WordPiece: greedy longest match from the left, all of the word or [UNK].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "tokens/subword_model.h"

namespace waterline {

struct WordPieceOptions {
  int32_t unk_id = 0;
  std::string continuing_subword_prefix = "##";
  int64_t max_input_chars_per_word = 100;  // Longer words are unknown as a whole.
};

std::unique_ptr<SubwordModel> MakeWordPiece(PieceTrie vocabulary, const WordPieceOptions& options);

// WordLevel: a word is a token or unknown. `unk_id` absent: unknown words give no id.
std::unique_ptr<SubwordModel> MakeWordLevel(PieceTrie vocabulary, std::optional<int32_t> unk_id);

}  // namespace waterline
