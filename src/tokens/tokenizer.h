// Words -> sub-word ids, exactly as the `tokenizers` library does it for pre-split words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/budget.h"
#include "waterline/result.h"

namespace waterline {

// Immutable after Load and AddSpecialTokens; every const method is safe from any thread.
class Tokenizer {
 public:
  // Reads the tokenizer of `directory`: tokenizer.json; or, where there is none, spm.model /
  // spiece.model / sentencepiece.bpe.model (SentencePiece) or vocab.txt (WordPiece), with the rules
  // that `transformers` applies for the tokenizer_class of tokenizer_config.json. Tables live in
  // `memory`; buffers of the reading itself are taken from `budget` for its duration.
  // Errors: kNotFound    none of these files; names them.
  //         kBadModel    not JSON, a missing key, an id out of range, a broken precompiled map;
  //         names
  //                      the file and the key.
  //         kUnsupported a component (normalizer, model, ...) of a kind that is not known; names
  //         it. kOverBudget  the tables do not fit.
  static Result<std::unique_ptr<Tokenizer>> Load(const std::filesystem::path& directory,
                                                 Budget& budget, std::pmr::memory_resource* memory);

  virtual ~Tokenizer() = default;

  // Adds `tokens` as special, non-normalised tokens, in order: with the id that the vocabulary has
  // for them, else the next free one (transformers' add_tokens with special_tokens=True). Those
  // added before stay as they are. Throws OverBudget when the memory of Load is short.
  virtual void AddSpecialTokens(std::span<const std::string> tokens) = 0;

  // Appends the ids of one pre-split word, without the template's specials. Added tokens are
  // matched inside the word first. May append nothing. `word` must be valid UTF-8. Memory for words
  // of more than some hundred bytes comes from the resource of `ids`; shorter ones allocate nothing
  // else.
  virtual void EncodeWord(std::string_view word, std::pmr::vector<int32_t>& ids) const = 0;
  // Appends the ids of a plain string (as bi-encoder labels are tokenised), without specials.
  virtual void EncodeText(std::string_view text, std::pmr::vector<int32_t>& ids) const = 0;

  // What the post-processor's template puts around one sequence, e.g. [CLS] and [SEP].
  virtual std::span<const int32_t> prefix() const = 0;
  virtual std::span<const int32_t> suffix() const = 0;

  // The id of an exact token string, added or not; nullopt when unknown.
  virtual std::optional<int32_t> TokenId(std::string_view token) const = 0;
  // Tokens including added ones: transformers' len(tokenizer).
  virtual int64_t size() const = 0;
  // model_max_length of tokenizer_config.json; nullopt when it is absent or the "very large"
  // sentinel.
  virtual std::optional<int64_t> max_length() const = 0;
  // For people: "WordPiece, 30522 tokens + 3 added".
  virtual std::string Describe() const = 0;
};

}  // namespace waterline
