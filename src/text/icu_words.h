// The other word splitter: Unicode's word boundaries, with ICU's dictionaries for scripts that
// write no spaces. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <string_view>
#include <vector>

#include "text/words.h"
#include "waterline/result.h"

namespace waterline {

// Splits as ICU's word iterator of the root locale does (UAX 29, and dictionaries for Chinese,
// Japanese, Thai, Lao, Khmer and Burmese). Words never overlap, and every code point that is not
// whitespace (CharClass::kSpace) is in one; whitespace is at neither end of a word. What ICU itself
// needs comes from the heap of the process, docs/memory.md says how much. Safe from any thread.
class IcuSplitter {
 public:
  // Ready for `threads` threads at once; more of them open iterators of their own.
  // Errors: kIo  ICU's data is missing, or the system refused memory; has ICU's word for it.
  static Result<std::unique_ptr<IcuSplitter>> Make(int threads);

  ~IcuSplitter();
  IcuSplitter(const IcuSplitter&) = delete;
  IcuSplitter& operator=(const IcuSplitter&) = delete;

  // Appends the words of `text`, in order. `text` must be valid UTF-8 and shorter than 2 GiB.
  // Errors: kIo  as Make.
  Result<void> Split(std::string_view text, std::pmr::vector<Word>& words) const;

 private:
  // A break iterator and the view of the text that it walks over. Not thread-safe.
  struct Iterator;

  IcuSplitter();
  static Result<std::unique_ptr<Iterator>> Open();
  Result<std::unique_ptr<Iterator>> Take() const;

  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Iterator>> idle_;  // Those that nobody uses.
};

}  // namespace waterline
