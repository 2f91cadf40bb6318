// SPDX-License-Identifier: Apache-2.0
#include "text/windows.h"

#include <algorithm>

namespace waterline {

namespace {

// The window after one, as far as that one decides.
struct Next {
  int32_t begin = 0;
  int32_t border = 0;  // The first word that it owns.
};

}  // namespace

std::optional<std::pmr::vector<Window>> MakeWindows(std::span<const uint32_t> word_begins,
                                                    const WindowLimits& limits,
                                                    FunctionRef<bool(int32_t)> begins_sentence,
                                                    std::pmr::memory_resource* memory,
                                                    int32_t* too_long) {
  std::pmr::vector<Window> windows(memory);
  const auto words = static_cast<int32_t>(word_begins.size()) - 1;
  const auto fits = [&](int32_t begin, int32_t end) {
    return end - begin <= limits.words &&
           static_cast<int64_t>(word_begins[static_cast<size_t>(end)]) -
                   static_cast<int64_t>(word_begins[static_cast<size_t>(begin)]) <=
               limits.tokens;
  };
  const auto overlap = static_cast<int32_t>(limits.overlap);
  const auto after = [&](const Window& window) -> Next {
    // It must own at least one word and reach beyond `window`, however little room there is.
    Next next{std::min(std::max(window.end - overlap, window.own_begin + 1), window.end), 0};
    while (next.begin < window.end && !fits(next.begin, window.end + 1)) ++next.begin;
    const int32_t before = (window.end - next.begin) / 2;
    next.border = next.begin + before;
    const int32_t farthest = std::min(overlap, (next.border - window.own_begin) / 2);
    for (int32_t back = 0; back <= farthest; ++back) {
      const int32_t border = next.border - back;
      const int32_t begin = std::max(border - before, window.own_begin + 1);
      if (begin > border || !fits(begin, window.end + 1)) break;
      if (begins_sentence(border)) return {begin, border};
    }
    return next;
  };

  Next next;
  while (true) {
    int32_t end = next.begin;
    while (end < words && fits(next.begin, end + 1)) ++end;
    if (end == next.begin && end < words) {
      *too_long = end;
      return std::nullopt;
    }
    const int32_t before_end = windows.empty() ? 0 : windows.back().end;
    if (!windows.empty()) windows.back().own_end = next.border;
    windows.push_back({next.begin, end, next.border, words, before_end});
    if (end == words) return windows;
    next = after(windows.back());
  }
}

}  // namespace waterline
