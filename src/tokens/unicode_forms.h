// Normal forms, lower case and grapheme clusters, as the `tokenizers` library has them: utf8proc
// (Unicode 15) plus the few differences of that library's tables (normal forms of Unicode 12, lower
// case of Unicode 17, clusters of Unicode 16), each found by comparing every code point.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

namespace waterline {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

// Appends `form` of `text` to `out`; memory beyond a few hundred code points comes from `scratch`.
void AppendNormalForm(std::string_view text, NormalForm form, std::pmr::memory_resource* scratch,
                      std::pmr::string& out);

// Appends the lower case of one code point, without context (so final sigma is as any other).
void AppendLower(char32_t code_point, std::pmr::string& out);

// The end of the extended grapheme cluster that starts at text[at]. Requires at < text.size().
size_t GraphemeEnd(std::string_view text, size_t at);

}  // namespace waterline
