// Building the trie: sort by the first eight bytes, then number the nodes level by level.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/piece_trie.h"

#include <algorithm>

namespace waterline {
namespace {

// A piece in sorting order: most comparisons end at `head`, its first eight bytes, big-endian.
struct SortKey {
  uint64_t head;
  uint32_t index;
};

uint64_t Head(std::string_view text) {
  uint64_t head = 0;
  for (size_t i = 0; i < 8; ++i) {
    head = head << 8 | (i < text.size() ? static_cast<uint8_t>(text[i]) : 0u);
  }
  return head;
}

// The pieces that share the path to one node: keys [low, high).
struct NodeRange {
  uint32_t low;
  uint32_t high;
};

std::pmr::vector<SortKey> SortedUnique(std::span<const TriePiece> pieces,
                                       std::pmr::memory_resource* scratch) {
  std::pmr::vector<SortKey> keys(scratch);
  keys.reserve(pieces.size());
  for (uint32_t i = 0; i < pieces.size(); ++i) keys.push_back({Head(pieces[i].text), i});
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

size_t SharedPrefix(std::string_view a, std::string_view b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t length = 0;
  while (length < limit && a[length] == b[length]) ++length;
  return length;
}

}  // namespace

void PieceTrie::Build(std::span<const TriePiece> pieces, std::pmr::memory_resource* scratch) {
  const std::pmr::vector<SortKey> keys = SortedUnique(pieces, scratch);
  const auto text = [&](uint32_t key) { return pieces[keys[key].index].text; };
  size_t nodes = 1;
  size_t longest = 0;
  for (uint32_t i = 0; i < keys.size(); ++i) {
    nodes += text(i).size() - (i == 0 ? 0 : SharedPrefix(text(i - 1), text(i)));
    longest = std::max(longest, text(i).size());
  }
  root_.fill(kNone);
  bytes_.clear();
  first_child_.clear();
  ids_.assign(nodes, kNoId);
  bytes_.reserve(nodes);
  first_child_.reserve(nodes + 1);
  bytes_.push_back(0);
  size_ = static_cast<int64_t>(keys.size());

  std::pmr::vector<NodeRange> level(scratch);
  std::pmr::vector<NodeRange> next(scratch);
  level.push_back({0, static_cast<uint32_t>(keys.size())});
  uint32_t node = 0;
  for (size_t depth = 0; depth <= longest; ++depth) {
    next.clear();
    for (const NodeRange& range : level) {
      first_child_.push_back(static_cast<uint32_t>(bytes_.size()));
      uint32_t low = range.low;
      if (low < range.high && text(low).size() == depth) {
        ids_[node] = pieces[keys[low].index].id;
        ++low;
      }
      while (low < range.high) {
        const uint8_t byte = static_cast<uint8_t>(text(low)[depth]);
        uint32_t high = low + 1;
        while (high < range.high && static_cast<uint8_t>(text(high)[depth]) == byte) ++high;
        if (node == kRoot) root_[byte] = static_cast<uint32_t>(bytes_.size());
        bytes_.push_back(byte);
        next.push_back({low, high});
        low = high;
      }
      ++node;
    }
    level.swap(next);
  }
  first_child_.push_back(static_cast<uint32_t>(bytes_.size()));
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
