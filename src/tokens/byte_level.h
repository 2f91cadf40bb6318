// GPT-2's byte-level alphabet and word pattern.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory_resource>
#include <string>
#include <string_view>

namespace waterline {

// Appends each byte of `bytes` as the printable character that stands for it: itself where it is
// printable Latin-1, else U+0100 and up in order (`bytes_to_unicode` of GPT-2).
void AppendByteLevel(std::string_view bytes, std::pmr::string& out);

// The end of the match at text[at] of GPT-2's pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// whose matches cover any text. Requires at < text.size().
size_t Gpt2MatchEnd(std::string_view text, size_t at);

}  // namespace waterline
