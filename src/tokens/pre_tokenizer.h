// The cutting of normalised text into the pieces that the model sees: a chain of steps.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tokens/normalizer.h"
#include "tokens/regex.h"

namespace waterline {

struct Piece {
  uint32_t begin;  // Bytes of the text.
  uint32_t end;
};

// A text and the pieces it is cut into, in order, none empty. What lies in no piece is dropped.
struct Pieces {
  explicit Pieces(std::pmr::memory_resource* memory) : text(memory), pieces(memory) {}
  std::string_view Bytes(Piece piece) const {
    return std::string_view(text.bytes).substr(piece.begin, piece.end - piece.begin);
  }

  Text text;
  std::pmr::vector<Piece> pieces;
};

// What becomes of a match.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

enum class PrependScheme { kAlways, kFirst, kNever };

// One step. Immutable; safe from any thread.
class PreTokenizerStep {
 public:
  virtual ~PreTokenizerStep() = default;
  // Cuts the pieces further, in place; `spare` lends its storage.
  virtual void Apply(Pieces& pieces, Pieces& spare) const = 0;
};

// Each named after the component of tokenizer.json that it is.
std::unique_ptr<PreTokenizerStep> MakeBertPreTokenizer();
std::unique_ptr<PreTokenizerStep> MakeWhitespace();
std::unique_ptr<PreTokenizerStep> MakeWhitespaceSplit();
std::unique_ptr<PreTokenizerStep> MakePunctuation(SplitBehavior behavior);
std::unique_ptr<PreTokenizerStep> MakeDigits(bool individual);
std::unique_ptr<PreTokenizerStep> MakeMetaspace(char32_t replacement, PrependScheme scheme,
                                                bool split);
std::unique_ptr<PreTokenizerStep> MakeByteLevel(bool add_prefix_space, bool use_regex);
std::unique_ptr<PreTokenizerStep> MakeSplit(std::variant<std::string, Regex> pattern,
                                            SplitBehavior behavior, bool invert);
// CharDelimiterSplit.
std::unique_ptr<PreTokenizerStep> MakeCharDelimiterSplit(char32_t delimiter);

// The steps in order; none leaves one piece.
class PreTokenizer {
 public:
  void Add(std::unique_ptr<PreTokenizerStep> step) { steps_.push_back(std::move(step)); }
  // Cuts pieces.text into pieces.pieces, and may rewrite it.
  void Apply(Pieces& pieces, Pieces& spare) const;

 private:
  std::vector<std::unique_ptr<PreTokenizerStep>> steps_;
};

}  // namespace waterline
