// Strings -> ids in one read-only trie: the vocabulary of every model kind.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace waterline {

struct TriePiece {
  std::string_view text;
  int32_t id;
};

// Nodes lie in breadth-first order, so the children of a node are contiguous and sorted by byte:
// 9 bytes a node, about 3 nodes a piece in a natural vocabulary. Immutable; safe from any thread.
class PieceTrie {
 public:
  static constexpr uint32_t kRoot = 0;
  static constexpr uint32_t kNone = 0;  // The root is nobody's child.
  static constexpr int32_t kNoId = -1;

  explicit PieceTrie(std::pmr::memory_resource* memory)
      : bytes_(memory), first_child_(memory), ids_(memory) {}

  // Replaces the content. Of equal pieces the last one wins. Ids must not be negative. `scratch`
  // serves the sorting: 24 bytes a piece. Texts are not kept. Throws what the memory throws.
  void Build(std::span<const TriePiece> pieces, std::pmr::memory_resource* scratch);

  // The child of `node` along `byte`, or kNone.
  uint32_t Child(uint32_t node, uint8_t byte) const {
    if (node == kRoot) return root_[byte];
    const uint32_t first = first_child_[node];
    const uint32_t count = first_child_[node + 1] - first;
    if (count == 0) return kNone;
    const uint8_t* bytes = bytes_.data() + first;
    if (count <= 8) {
      for (uint32_t i = 0; i < count; ++i) {
        if (bytes[i] == byte) return first + i;
      }
      return kNone;
    }
    const void* found = std::memchr(bytes, byte, count);
    return found == nullptr
               ? kNone
               : first + static_cast<uint32_t>(static_cast<const uint8_t*>(found) - bytes);
  }
  // The node at the end of `text` from `node`, or kNone. An empty text gives `node`.
  uint32_t Walk(uint32_t node, std::string_view text) const;
  // The id of the piece that ends at `node`, or kNoId.
  int32_t id(uint32_t node) const { return ids_[node]; }
  // The id of exactly `text`, or kNoId.
  int32_t Find(std::string_view text) const;
  // Number of distinct pieces.
  int64_t size() const { return size_; }

 private:
  std::array<uint32_t, 256> root_{};
  std::pmr::vector<uint8_t> bytes_;         // [nodes] the byte that leads to the node.
  std::pmr::vector<uint32_t> first_child_;  // [nodes + 1]
  std::pmr::vector<int32_t> ids_;           // [nodes]
  int64_t size_ = 0;
};

}  // namespace waterline
