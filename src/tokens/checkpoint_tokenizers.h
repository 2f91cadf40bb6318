// The file formats a tokenizer can come in. Each function builds a Pipeline out of one of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory_resource>

#include "memory/budget.h"
#include "tokens/pipeline.h"
#include "tokens/tokenizer_config.h"
#include "waterline/result.h"

namespace waterline {

struct TokenizerSource {
  std::filesystem::path path;
  const TokenizerConfig& config;
  Budget& budget;                     // For the buffers of the reading.
  std::pmr::memory_resource* memory;  // For the tables.
};

// Each throws OverBudget when `memory` or the budget is short, and returns the errors of
// Tokenizer::Load.

// tokenizer.json, the format of the `tokenizers` library.
Result<Pipeline> ReadTokenizerJson(const TokenizerSource& source);
// A SentencePiece model, converted as transformers does it for the class of the config: XLM-R
// (shifted ids), T5 (extra ids, </s>), else DeBERTa v2 ([MASK] appended).
Result<Pipeline> ReadSentencePiece(const TokenizerSource& source);
// vocab.txt, one WordPiece token a line, with BERT's normaliser.
Result<Pipeline> ReadVocabTxt(const TokenizerSource& source);

// Adds what the config names beyond the tokens of the file: added_tokens_decoder and special
// tokens.
void AddConfigTokens(const TokenizerSource& source, Pipeline& pipeline);

}  // namespace waterline
