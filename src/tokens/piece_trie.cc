// Building the trie: sort, then add the pieces in order. Sorted pieces make the nodes of each depth
// in order too, so a cursor a depth is all it takes.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/piece_trie.h"

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <utility>

namespace waterline {
namespace {

// The first bytes of a text, big-endian and filled up with zeros: they order as texts do.
class Head {
 public:
  static constexpr size_t kBytes = 16;

  explicit Head(std::string_view text) : words_{Word(text, 0), Word(text, 8)} {}
  auto operator<=>(const Head&) const = default;

  // Requires at < kBytes.
  uint8_t operator[](size_t at) const {
    return static_cast<uint8_t>(words_[at / 8] >> 8 * (7 - at % 8));
  }
  // Leading bytes that two of them share; up to kBytes.
  static size_t Shared(const Head& a, const Head& b) {
    const uint64_t first = a.words_[0] ^ b.words_[0];
    if (first != 0) return static_cast<size_t>(std::countl_zero(first)) / 8;
    return 8 + static_cast<size_t>(std::countl_zero(a.words_[1] ^ b.words_[1])) / 8;
  }

 private:
  static uint64_t Word(std::string_view text, size_t from) {
    uint64_t word = 0;
    for (size_t at = from; at < from + 8; ++at) {
      word = word << 8 | (at < text.size() ? static_cast<uint8_t>(text[at]) : 0u);
    }
    return word;
  }
  std::array<uint64_t, 2> words_;
};

// A piece in sorting order. Pieces and their texts lie scattered in memory: most are sorted and
// added by what stands here.
struct SortKey {
  Head head;
  uint32_t index;
  uint32_t size;  // Of the text.
};

class SortedPieces {
 public:
  SortedPieces(std::span<const TriePiece> pieces, std::pmr::memory_resource* scratch)
      : pieces_(pieces), keys_(scratch) {
    keys_.reserve(pieces.size());
    for (uint32_t i = 0; i < pieces.size(); ++i) {
      keys_.push_back({Head(pieces[i].text), i, static_cast<uint32_t>(pieces[i].text.size())});
    }
    std::sort(keys_.begin(), keys_.end(), [&](const SortKey& a, const SortKey& b) {
      const std::strong_ordering order = Compare(a, b);
      return order != 0 ? order < 0 : a.index > b.index;  // Of equal pieces the last comes first.
    });
    const auto equal = [&](const SortKey& a, const SortKey& b) { return Compare(a, b) == 0; };
    keys_.erase(std::unique(keys_.begin(), keys_.end(), equal), keys_.end());
  }

  size_t count() const { return keys_.size(); }
  size_t size(size_t i) const { return keys_[i].size; }
  int32_t id(size_t i) const { return pieces_[keys_[i].index].id; }
  uint8_t byte(size_t i, size_t at) const {
    return at < Head::kBytes ? keys_[i].head[at] : static_cast<uint8_t>(text(keys_[i])[at]);
  }
  // Leading bytes that piece `i` shares with the one before it.
  size_t shared(size_t i) const {
    if (i == 0) return 0;
    const SortKey& a = keys_[i - 1];
    const SortKey& b = keys_[i];
    const size_t limit = std::min(a.size, b.size);
    size_t length = std::min(Head::Shared(a.head, b.head), limit);
    if (length < Head::kBytes) return length;
    while (length < limit && text(a)[length] == text(b)[length]) ++length;
    return length;
  }

 private:
  std::string_view text(const SortKey& key) const { return pieces_[key.index].text; }
  std::strong_ordering Compare(const SortKey& a, const SortKey& b) const {
    if (const std::strong_ordering order = a.head <=> b.head; order != 0) return order;
    if (a.size <= Head::kBytes && b.size <= Head::kBytes) return a.size <=> b.size;
    return text(a) <=> text(b);
  }

  const std::span<const TriePiece> pieces_;
  std::pmr::vector<SortKey> keys_;
};

}  // namespace

void PieceTrie::Build(std::span<const TriePiece> pieces, std::pmr::memory_resource* scratch) {
  const SortedPieces sorted(pieces, scratch);
  size_ = static_cast<int64_t>(sorted.count());
  size_t longest = 0;
  for (const TriePiece& piece : pieces) longest = std::max(longest, piece.text.size());

  // cursors[d]: at first the number of nodes of depth d, then the next of them to be made.
  std::pmr::vector<uint32_t> cursors(longest + 2, 0, scratch);
  cursors[0] = 1;
  for (size_t i = 0; i < sorted.count(); ++i) {
    for (size_t depth = sorted.shared(i) + 1; depth <= sorted.size(i); ++depth) ++cursors[depth];
  }
  uint32_t nodes = 0;
  for (uint32_t& cursor : cursors) nodes += std::exchange(cursor, nodes);

  root_.fill(kNone);
  bytes_.assign(nodes, 0);
  first_child_.assign(nodes + 1, nodes);
  ids_.assign(nodes, kNoId);
  first_child_[kRoot] = 1;
  for (size_t i = 0; i < sorted.count(); ++i) {
    uint32_t node = kRoot;
    for (size_t depth = sorted.shared(i) + 1; depth <= sorted.size(i); ++depth) {
      node = cursors[depth]++;
      bytes_[node] = sorted.byte(i, depth - 1);
      if (depth == 1) root_[bytes_[node]] = node;
      // Where its first child comes, if it has one: the next node of that depth.
      first_child_[node] = cursors[depth + 1];
    }
    ids_[node] = sorted.id(i);  // Distinct pieces in order: each but an empty one makes a node.
  }
}

uint32_t PieceTrie::Walk(uint32_t node, std::string_view text) const {
  for (const char byte : text) {
    node = Child(node, static_cast<uint8_t>(byte));
    if (node == kNone) return kNone;
  }
  return node;
}

int32_t PieceTrie::Find(std::string_view text) const {
  if (ids_.empty()) return kNoId;
  const uint32_t node = Walk(kRoot, text);
  return node == kNone && !text.empty() ? kNoId : ids_[node];
}

}  // namespace waterline
