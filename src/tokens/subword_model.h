// What turns one piece of text into ids: WordPiece, Unigram, BPE or a plain list of words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string_view>
#include <vector>

#include "tokens/piece_trie.h"

namespace waterline {

// Immutable; safe from any thread.
class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  // Appends the ids of `piece`, which is not empty. Memory for pieces of more than a few hundred
  // bytes comes from the resource of `ids`.
  virtual void Encode(std::string_view piece, std::pmr::vector<int32_t>& ids) const = 0;
  // The id of an exact token string.
  virtual std::optional<int32_t> TokenId(std::string_view token) const = 0;
  // Tokens of the vocabulary; the first id that an added token may take.
  virtual int64_t size() const = 0;
  virtual std::string_view name() const = 0;
};

// A model whose vocabulary is one trie of whole tokens.
class TrieModel : public SubwordModel {
 public:
  std::optional<int32_t> TokenId(std::string_view token) const final {
    const int32_t id = trie_.Find(token);
    return id == PieceTrie::kNoId ? std::nullopt : std::optional<int32_t>(id);
  }
  int64_t size() const override { return trie_.size(); }

 protected:
  explicit TrieModel(PieceTrie trie) : trie_(std::move(trie)) {}
  const PieceTrie trie_;
};

}  // namespace waterline
