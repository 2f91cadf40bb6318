// Tries beside an ordered map of the same pieces.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/piece_trie.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace waterline {
namespace {

PieceTrie Build(const std::vector<TriePiece>& pieces) {
  PieceTrie trie(std::pmr::get_default_resource());
  trie.Build(pieces, std::pmr::get_default_resource());
  return trie;
}

// Pieces of few different bytes, so that many share prefixes; of more than eight, which the sorting
// keys hold; zeros among them, which fill the keys of shorter ones up.
rc::Gen<std::vector<std::string>> Texts() {
  const auto byte = rc::gen::element<char>('\0', 'a', 'b', '\xFF');
  const auto text = rc::gen::mapcat(rc::gen::inRange<size_t>(0, 14), [byte](size_t size) {
    return rc::gen::container<std::string>(size, byte);
  });
  return rc::gen::container<std::vector<std::string>>(text);
}

RC_GTEST_PROP(PieceTrie, FindsWhatAMapFinds, ()) {
  const std::vector<std::string> texts = *Texts();
  const std::vector<std::string> others = *Texts();
  std::vector<TriePiece> pieces;
  std::map<std::string, int32_t> known;
  for (const std::string& text : texts) {
    const auto id = static_cast<int32_t>(pieces.size());
    pieces.push_back({text, id});
    known[text] = id;  // Of equal pieces the last one wins.
  }
  const PieceTrie trie = Build(pieces);
  RC_ASSERT(trie.size() == static_cast<int64_t>(known.size()));
  for (const auto& [text, id] : known) RC_ASSERT(trie.Find(text) == id);
  for (const std::string& other : others) {
    const auto found = known.find(other);
    RC_ASSERT(trie.Find(other) == (found == known.end() ? PieceTrie::kNoId : found->second));
  }
}

RC_GTEST_PROP(PieceTrie, HasNoChildrenButPrefixes, ()) {
  const std::vector<std::string> texts = *Texts();
  std::vector<TriePiece> pieces;
  std::map<std::string, bool> prefixes;
  for (const std::string& text : texts) {
    pieces.push_back({text, 0});
    for (size_t size = 1; size <= text.size(); ++size) prefixes[text.substr(0, size)] = true;
  }
  const PieceTrie trie = Build(pieces);
  prefixes[""] = true;
  for (const auto& [prefix, unused] : prefixes) {
    const uint32_t node = trie.Walk(PieceTrie::kRoot, prefix);
    RC_ASSERT(prefix.empty() || node != PieceTrie::kNone);
    for (int byte = 0; byte < 256; ++byte) {
      const bool is_prefix = prefixes.contains(prefix + static_cast<char>(byte));
      RC_ASSERT((trie.Child(node, static_cast<uint8_t>(byte)) != PieceTrie::kNone) == is_prefix);
    }
  }
}

TEST(PieceTrie, IsEmptyWithoutPieces) {
  const PieceTrie trie = Build({});
  EXPECT_EQ(trie.size(), 0);
  EXPECT_EQ(trie.Find(""), PieceTrie::kNoId);
  EXPECT_EQ(trie.Find("a"), PieceTrie::kNoId);
}

TEST(PieceTrie, ReplacesItsContent) {
  PieceTrie trie = Build({{"a", 1}, {"b", 2}});
  trie.Build(std::vector<TriePiece>{{"b", 3}}, std::pmr::get_default_resource());
  EXPECT_EQ(trie.Find("a"), PieceTrie::kNoId);
  EXPECT_EQ(trie.Find("b"), 3);
}

}  // namespace
}  // namespace waterline
