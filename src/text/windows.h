// Long texts as overlapping windows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <vector>

namespace waterline {

// Words [begin, end) are encoded together; spans that start in [own_begin, own_end) are found
// there.
struct Window {
  int32_t begin = 0;
  int32_t end = 0;
  int32_t own_begin = 0;
  int32_t own_end = 0;
};

struct WindowLimits {
  int64_t words = 0;    // Most words in a window (the model's max_len).
  int64_t tokens = 0;   // Most sub-word tokens in a window.
  int64_t overlap = 0;  // Words that neighbouring windows share, at least twice the widest span.
};

// Covers the words of a text with windows. Neighbours share `overlap` words (fewer only where the
// limits leave no room), and the border between what two neighbours own lies in the middle of what
// they share. So each span of up to overlap / 2 words is found exactly once, in the window that
// owns its first word, and that window holds all of it with at least overlap / 2 words on its cut
// side. A text that fits is one window that owns everything.
//   word_begins  [words + 1] first token of each word, then the number of tokens.
// nullopt when a single word is longer than limits.tokens; its index is then in `too_long`.
std::optional<std::pmr::vector<Window>> MakeWindows(std::span<const uint32_t> word_begins,
                                                    const WindowLimits& limits,
                                                    std::pmr::memory_resource* memory,
                                                    int32_t* too_long);

}  // namespace waterline
