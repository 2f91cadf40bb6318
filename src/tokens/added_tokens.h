// Tokens that are looked for in the text before anything else cuts it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokens/normalizer.h"
#include "tokens/piece_trie.h"
#include "tokens/subword_model.h"

namespace waterline {

struct AddedToken {
  std::string content;
  bool single_word = false;  // Only where no word character touches it.
  bool lstrip = false;       // Swallows white space before it.
  bool rstrip = false;       // Swallows white space behind it.
  bool normalized = true;    // Looked for in normalised text, itself normalised.
  bool special = false;
};

// A stretch of text: an added token (its id), or what lies between them (kNoId).
struct Stretch {
  size_t begin;
  size_t end;
  int32_t id;
};

// Grows by Add only; const functions are safe from any thread.
class AddedTokens {
 public:
  explicit AddedTokens(std::pmr::memory_resource* memory)
      : tokens_(memory), raw_(memory), normalized_(memory) {}

  // Adds `tokens` in order: with the id that `model` has for them, else the next free one. One that
  // is there already takes the new flags. Empty ones are left out. `scratch` serves the building.
  void Add(std::span<const AddedToken> tokens, const SubwordModel& model,
           const Normalizer& normalizer, std::pmr::memory_resource* scratch);

  // Appends the stretches of `text`, in order and without gaps or overlap: matches are leftmost,
  // then longest. An empty text gives none.
  void SplitRaw(std::string_view text, std::pmr::vector<Stretch>& out) const {
    Split(raw_, text, out);
  }
  void SplitNormalized(std::string_view text, std::pmr::vector<Stretch>& out) const {
    Split(normalized_, text, out);
  }
  bool has_raw() const { return raw_.size() > 0; }
  bool has_normalized() const { return normalized_.size() > 0; }

  std::optional<int32_t> TokenId(std::string_view content) const;
  // Tokens that `model` does not have.
  int64_t CountBeyond(const SubwordModel& model) const;
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }

 private:
  struct Token {
    std::pmr::string content;
    int32_t id;
    bool single_word;
    bool lstrip;
    bool rstrip;
    bool normalized;
  };

  int32_t NextId(const SubwordModel& model) const;
  void Rebuild(const Normalizer& normalizer, std::pmr::memory_resource* scratch);
  void Split(const PieceTrie& patterns, std::string_view text,
             std::pmr::vector<Stretch>& out) const;

  std::pmr::vector<Token> tokens_;
  PieceTrie raw_;         // Patterns -> index of tokens_.
  PieceTrie normalized_;  // The same over normalised text.
};

}  // namespace waterline
