// SPDX-License-Identifier: Apache-2.0
#include "text/icu_words.h"

#include <fmt/format.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>

#include <cstdint>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "text/word_classes.h"

namespace waterline {
namespace {

Error Failed(UErrorCode status) {
  return {Code::kIo,
          fmt::format("ICU cannot split words: {}; is its data (libicudata) installed, and memory "
                      "left?",
                      u_errorName(status))};
}

// Appends text[begin, end) without the whitespace at its ends, if anything is left.
void AppendTrimmed(std::string_view text, size_t begin, size_t end, std::pmr::vector<Word>& words) {
  size_t first = end, last = end;  // Where the word begins and ends.
  for (size_t at = begin; at < end;) {
    const size_t here = at;
    if (ClassOf(NextCodePoint(text, at)) == CharClass::kSpace) continue;
    if (first == end) first = here;
    last = at;
  }
  if (first == end) return;
  words.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(last)});
}

}  // namespace

struct IcuSplitter::Iterator {
  Iterator() = default;
  Iterator(const Iterator&) = delete;
  Iterator& operator=(const Iterator&) = delete;
  ~Iterator() {
    ubrk_close(breaks);
    utext_close(&view);
  }

  UBreakIterator* breaks = nullptr;
  UText view = UTEXT_INITIALIZER;  // Keeps its buffers from text to text.
};

IcuSplitter::IcuSplitter() = default;
IcuSplitter::~IcuSplitter() = default;

Result<std::unique_ptr<IcuSplitter::Iterator>> IcuSplitter::Open() {
  auto iterator = std::make_unique<Iterator>();
  UErrorCode status = U_ZERO_ERROR;
  iterator->breaks = ubrk_open(UBRK_WORD, /*locale=*/"", /*text=*/nullptr, 0, &status);
  if (U_FAILURE(status)) return Failed(status);
  return iterator;
}

Result<std::unique_ptr<IcuSplitter>> IcuSplitter::Make(int threads) {
  std::unique_ptr<IcuSplitter> splitter(new IcuSplitter);
  for (int i = 0; i < threads; ++i) {
    Result<std::unique_ptr<Iterator>> opened = Open();
    if (!opened.ok()) return opened.error();
    splitter->idle_.push_back(std::move(*opened));
  }
  return splitter;
}

Result<std::unique_ptr<IcuSplitter::Iterator>> IcuSplitter::Take() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Iterator> iterator = std::move(idle_.back());
      idle_.pop_back();
      return iterator;
    }
  }
  return Open();
}

Result<void> IcuSplitter::Split(std::string_view text, std::pmr::vector<Word>& words) const {
  WATERLINE_CHECK(text.size() <= INT32_MAX);
  Result<std::unique_ptr<Iterator>> taken = Take();
  if (!taken.ok()) return taken.error();
  Iterator& iterator = **taken;
  UErrorCode status = U_ZERO_ERROR;
  utext_openUTF8(&iterator.view, text.data(), static_cast<int64_t>(text.size()), &status);
  ubrk_setUText(iterator.breaks, &iterator.view, &status);
  if (U_FAILURE(status)) return Failed(status);
  for (int32_t begin = 0, end; (end = ubrk_next(iterator.breaks)) != UBRK_DONE; begin = end) {
    AppendTrimmed(text, static_cast<size_t>(begin), static_cast<size_t>(end), words);
  }
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(*taken));
  return {};
}

}  // namespace waterline
