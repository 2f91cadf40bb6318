// SPDX-License-Identifier: Apache-2.0
#include "text/windows.h"

#include <algorithm>

namespace waterline {

std::optional<std::pmr::vector<Window>> MakeWindows(std::span<const uint32_t> word_begins,
                                                    const WindowLimits& limits,
                                                    std::pmr::memory_resource* memory,
                                                    int32_t* too_long) {
  std::pmr::vector<Window> windows(memory);
  const auto words = static_cast<int32_t>(word_begins.size()) - 1;
  const auto tokens = [&](int32_t begin, int32_t end) {
    return static_cast<int64_t>(word_begins[static_cast<size_t>(end)]) -
           static_cast<int64_t>(word_begins[static_cast<size_t>(begin)]);
  };
  int32_t begin = 0;
  while (true) {
    int32_t end = begin;
    while (end < words && end - begin < limits.words && tokens(begin, end + 1) <= limits.tokens)
      ++end;
    if (end == begin && begin < words) {
      *too_long = begin;
      return std::nullopt;
    }
    if (windows.empty()) {
      windows.push_back({begin, end, 0, words});
    } else {
      const int32_t border = begin + (windows.back().end - begin) / 2;
      windows.back().own_end = border;
      windows.push_back({begin, end, border, words});
    }
    if (end == words) return windows;
    // Each window must own at least one word and reach beyond the last one, however little room the
    // limits leave.
    const auto overlap = static_cast<int32_t>(limits.overlap);
    begin = std::min(std::max(end - overlap, windows.back().own_begin + 1), end);
    while (begin < end &&
           (tokens(begin, end + 1) > limits.tokens || end + 1 - begin > limits.words)) {
      ++begin;
    }
  }
}

}  // namespace waterline
