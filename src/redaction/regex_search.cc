// SPDX-License-Identifier: Apache-2.0
#include "redaction/regex_search.h"

#include <algorithm>
#include <limits>

namespace waterline::redaction {
namespace {

constexpr size_t kWindow = 4096;
// What all larger windows may have together, for each byte of the text.
constexpr size_t kReadAgain = 64;
// Steps of one attempt to match, which begins at one place: these, and one for each byte of its
// window. Linear expressions need fewer; exponential ones soon give up.
constexpr size_t kSteps = 8 * kWindow;
constexpr uint32_t kHeapLimitKiB = 64 * 1024;  // Of PCRE2's interpreter; its machine code has none.

}  // namespace

size_t Before(std::string_view text, size_t at, int count) {
  for (; count > 0 && at > 0; --count) {
    do {
      --at;
    } while (at > 0 && (text[at] & 0xC0) == 0x80);
  }
  return at;
}
size_t After(std::string_view text, size_t at, int count) {
  for (; count > 0 && at < text.size(); --count) {
    do {
      ++at;
    } while (at < text.size() && (text[at] & 0xC0) == 0x80);
  }
  return at;
}

Scratch::Scratch()
    : context(pcre2_match_context_create(nullptr)),
      data(pcre2_match_data_create(kGroups, nullptr)) {
  if (context != nullptr) pcre2_set_heap_limit(context, kHeapLimitKiB);
}

Scratch::~Scratch() {
  pcre2_match_data_free(data);
  pcre2_match_context_free(context);
}

int Match(const pcre2_code* code, const Window& window, Scratch& scratch) {
  const size_t steps = kSteps + window.seen.size() - window.from;
  pcre2_set_match_limit(scratch.context, static_cast<uint32_t>(std::min<size_t>(
                                             steps, std::numeric_limits<uint32_t>::max())));
  pcre2_set_offset_limit(scratch.context, window.last);
  const auto match = [&](uint32_t options) {
    return pcre2_match(
        code, reinterpret_cast<PCRE2_SPTR>(window.seen.data()), window.seen.size(), window.from,
        options | PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY | (window.is_cut ? PCRE2_PARTIAL_HARD : 0),
        scratch.data, scratch.context);
  };
  const int found = match(0);
  return found == PCRE2_ERROR_JIT_STACKLIMIT ? match(PCRE2_NO_JIT) : found;
}

int Search::Next(size_t& from) {
  while (from < text_.size()) {
    const Window window = From(from, kWindow);
    int found = Match(code_, window, scratch_);
    if (found == PCRE2_ERROR_PARTIAL) {
      from = scratch_.ends()[0];
      found = Widen(from);
      if (found != PCRE2_ERROR_NOMATCH) return found;
      from = After(text_, from, 1);
      continue;
    }
    if (found != PCRE2_ERROR_NOMATCH || !window.is_cut) return found;
    from = After(text_, window.last, 1);
  }
  return PCRE2_ERROR_NOMATCH;
}

size_t Search::Whole(size_t byte) const {
  while ((text_[byte] & 0xC0) == 0x80) --byte;
  return byte;
}

Window Search::From(size_t from, size_t bytes) const {
  if (text_.size() - from <= bytes) return {text_, from, text_.size(), false};
  return {text_.substr(0, Whole(from + bytes)), from, Whole(from + bytes / 2), true};
}

int Search::Widen(size_t from) {
  int found = PCRE2_ERROR_PARTIAL;
  for (size_t bytes = 2 * kWindow; found == PCRE2_ERROR_PARTIAL; bytes *= 2) {
    Window window = From(from, bytes);
    window.last = from;
    read_again_ += window.seen.size() - from;
    if (read_again_ / kReadAgain > text_.size()) return PCRE2_ERROR_MATCHLIMIT;
    found = Match(code_, window, scratch_);
  }
  return found;
}

}  // namespace waterline::redaction
