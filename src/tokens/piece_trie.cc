// Building the trie: sort by the first eight bytes, then add the pieces in order. Sorted pieces make
// the nodes of each depth in order too, so a cursor a depth is all it takes.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/piece_trie.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace waterline {
namespace {

constexpr size_t kHeadBytes = 8;

// A piece in sorting order: most comparisons end at `head`, its first eight bytes, big-endian and
// filled up with zeros.
struct SortKey {
  uint64_t head;
  uint32_t index;
  uint32_t shared;  // Leading bytes that it shares with the key before it.
};

uint64_t Head(std::string_view text) {
  uint64_t head = 0;
  for (size_t i = 0; i < kHeadBytes; ++i) {
    head = head << 8 | (i < text.size() ? static_cast<uint8_t>(text[i]) : 0u);
  }
  return head;
}

std::pmr::vector<SortKey> SortedUnique(std::span<const TriePiece> pieces,
                                       std::pmr::memory_resource* scratch) {
  std::pmr::vector<SortKey> keys(scratch);
  keys.reserve(pieces.size());
  for (uint32_t i = 0; i < pieces.size(); ++i) keys.push_back({Head(pieces[i].text), i, 0});
  std::sort(keys.begin(), keys.end(), [&](const SortKey& a, const SortKey& b) {
    if (a.head != b.head) return a.head < b.head;
    const int order = pieces[a.index].text.compare(pieces[b.index].text);
    return order != 0 ? order < 0 : a.index > b.index;  // Of equal pieces the last comes first.
  });
  keys.erase(std::unique(keys.begin(), keys.end(),
                         [&](const SortKey& a, const SortKey& b) {
                           return a.head == b.head && pieces[a.index].text == pieces[b.index].text;
                         }),
             keys.end());
  return keys;
}

// text[at], out of the key where that has it: the texts lie scattered in memory.
uint8_t ByteAt(const SortKey& key, std::string_view text, size_t at) {
  return static_cast<uint8_t>(at < kHeadBytes ? key.head >> 8 * (kHeadBytes - 1 - at) : text[at]);
}

size_t SharedPrefix(uint64_t head_a, std::string_view a, uint64_t head_b, std::string_view b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t length = static_cast<size_t>(std::countl_zero(head_a ^ head_b)) / 8;
  if (length < kHeadBytes) return std::min(length, limit);
  length = std::min(kHeadBytes, limit);
  while (length < limit && a[length] == b[length]) ++length;
  return length;
}

}  // namespace

void PieceTrie::Build(std::span<const TriePiece> pieces, std::pmr::memory_resource* scratch) {
  std::pmr::vector<SortKey> keys = SortedUnique(pieces, scratch);
  size_ = static_cast<int64_t>(keys.size());
  size_t longest = 0;
  for (const TriePiece& piece : pieces) longest = std::max(longest, piece.text.size());

  // cursors[d]: at first the number of nodes of depth d, then the next of them to be made.
  std::pmr::vector<uint32_t> cursors(longest + 2, 0, scratch);
  cursors[0] = 1;
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::string_view text = pieces[keys[i].index].text;
    if (i > 0) {
      const SortKey& before = keys[i - 1];
      keys[i].shared = static_cast<uint32_t>(
          SharedPrefix(before.head, pieces[before.index].text, keys[i].head, text));
    }
    for (size_t depth = keys[i].shared + 1; depth <= text.size(); ++depth) ++cursors[depth];
  }
  uint32_t nodes = 0;
  for (uint32_t& cursor : cursors) nodes += std::exchange(cursor, nodes);

  root_.fill(kNone);
  bytes_.assign(nodes, 0);
  first_child_.assign(nodes + 1, nodes);
  ids_.assign(nodes, kNoId);
  first_child_[kRoot] = 1;
  for (const SortKey& key : keys) {
    const auto& [text, id] = pieces[key.index];
    for (size_t depth = key.shared + 1; depth <= text.size(); ++depth) {
      const uint32_t node = cursors[depth]++;
      bytes_[node] = ByteAt(key, text, depth - 1);
      if (depth == 1) root_[bytes_[node]] = node;
      // Where its first child would be: none is made before it at that depth but of nodes before it.
      first_child_[node] = cursors[depth + 1];
    }
    ids_[text.empty() ? kRoot : cursors[text.size()] - 1] = id;
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
