// Byte-pair encoding: merges of neighbours by rank.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tokens/subword_model.h"

namespace waterline {

// (left id, right id) -> rank and the id of what they make; 16 bytes an entry, at most 2/3 full.
class MergeTable {
 public:
  struct Entry {
    uint64_t pair;
    int32_t rank;
    int32_t id;
  };

  // Room for `count` merges.
  MergeTable(size_t count, std::pmr::memory_resource* memory);
  // Adds a merge, or replaces the one of the same pair. Requires room.
  void Set(int32_t left, int32_t right, int32_t rank, int32_t id);
  // nullptr when the pair does not merge.
  const Entry* Find(int32_t left, int32_t right) const;

 private:
  size_t SlotOf(uint64_t pair) const;
  std::pmr::vector<Entry> entries_;
  int shift_;
};

struct BpeOptions {
  std::optional<int32_t> unk_id;  // Absent: characters that the vocabulary lacks give no id.
  std::string continuing_subword_prefix;
  std::string end_of_word_suffix;
  bool fuse_unk = false;
  bool byte_fallback = false;
  bool ignore_merges = false;  // A piece that is a token is that token.
};

// O(n log n) in the length of a piece.
std::unique_ptr<SubwordModel> MakeBpe(PieceTrie vocabulary, MergeTable merges,
                                      const BpeOptions& options);

}  // namespace waterline
