// Long texts as overlapping windows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <vector>

#include "base/function_ref.h"

namespace waterline {

// Words [begin, end) are encoded together; spans that start in [own_begin, own_end) are found
// there. Those among them that lie in [alone_begin, own_end) meet none that another window finds.
struct Window {
  int32_t begin = 0;
  int32_t end = 0;
  int32_t own_begin = 0;
  int32_t own_end = 0;
  int32_t alone_begin = 0;  // Where the window before ends.
};

struct WindowLimits {
  int64_t words = 0;    // Most words in a window (the model's max_len).
  int64_t tokens = 0;   // Most sub-word tokens in a window.
  int64_t overlap = 0;  // Words that neighbouring windows share, at least twice the widest span.
};

// Covers the words of a text with windows, each as long as the limits allow. The border between
// what two neighbours own is the last word that begins a sentence and has at least overlap / 2
// words of the first window behind it, looked for over `overlap` words (and no more than half of
// what that window could own); where no sentence begins there, exactly overlap / 2 words before its
// end. The second window begins overlap / 2 words before the border. (Where the limits leave little
// room the overlap is smaller.) So each span of up to overlap / 2 words is found exactly once, in
// the window that owns its first word, and that window holds all of it. A text that fits is one
// window that owns everything.
//   word_begins      [words + 1] first token of each word, then the number of tokens.
//   begins_sentence  whether a word begins a sentence; asked of texts of several windows alone.
// nullopt when a single word is longer than limits.tokens; its index is then in `too_long`.
std::optional<std::pmr::vector<Window>> MakeWindows(std::span<const uint32_t> word_begins,
                                                    const WindowLimits& limits,
                                                    FunctionRef<bool(int32_t)> begins_sentence,
                                                    std::pmr::memory_resource* memory,
                                                    int32_t* too_long);

}  // namespace waterline
