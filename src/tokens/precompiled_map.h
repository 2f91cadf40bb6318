// SentencePiece's precompiled character map: a double-array trie from byte strings to replacements.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/result.h"

namespace waterline {

// Immutable; safe from any thread.
class PrecompiledMap {
 public:
  // Reads the blob of a SentencePiece NormalizerSpec: u32 size of the trie in bytes, the units of
  // the trie (Darts-clone, u32 each), NUL-terminated replacements. All little-endian. Errors:
  // kBadModel  shorter than its own sizes, or replacements that are not UTF-8. Links that
  //                    lead out of the trie are dead ends; offsets out of the replacements are
  //                    refused, wherever they are met in the trie.
  static Result<PrecompiledMap> Parse(std::string_view blob, std::pmr::memory_resource* memory);

  // The replacement of the *shortest* key that is a prefix of `text`, nullopt when there is none.
  std::optional<std::string_view> Transform(std::string_view text) const;

  // Appends `text` mapped as `tokenizers` does it: a grapheme cluster of at most five bytes is
  // looked up as a whole (and replaced as a whole by whatever prefix of it is found), any other one
  // code point by code point. Returns the bytes appended for the first `head` bytes of `text`.
  size_t Append(std::string_view text, size_t head, std::pmr::string& out) const;

 private:
  explicit PrecompiledMap(std::pmr::memory_resource* memory)
      : units_(memory), replacements_(memory) {}

  std::pmr::vector<uint32_t> units_;
  std::pmr::string replacements_;
};

}  // namespace waterline
