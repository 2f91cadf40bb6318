// Looks for the matches of a compiled expression in a text that may be long and hostile: in time
// that grows as the text does, or not at all. SPDX-License-Identifier: Apache-2.0
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waterline::redaction {

// How expressions have to be compiled for what is below; and pcre2_jit_compile with these modes.
inline constexpr uint32_t kSearchOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_USE_OFFSET_LIMIT;
inline constexpr uint32_t kSearchJitModes = PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD;

inline constexpr uint32_t kGroups = 64;  // Of which PCRE2 says where they matched.

// The byte that lies `count` code points before, or after, byte `at` of valid UTF-8; the border of
// the text where there are fewer.
size_t Before(std::string_view text, size_t at, int count);
size_t After(std::string_view text, size_t at, int count);

// What PCRE2 needs beside the code. One thread at a time.
struct Scratch {
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  bool ok() const { return context != nullptr && data != nullptr; }  // The system gave memory.
  // Where the last match and its groups start and end.
  const PCRE2_SIZE* ends() const { return pcre2_get_ovector_pointer(data); }

  pcre2_match_context* const context;
  pcre2_match_data* const data;
};

// A part of a text in which a match is looked for.
struct Window {
  std::string_view seen;  // The text from its first byte to the end of the window;
  size_t from;            // a match begins here,
  size_t last;            // or behind, up to here.
  bool is_cut;            // The text goes on.
};

// Looks for a match that is not empty, once. Returns what pcre2_match does: PCRE2_ERROR_PARTIAL
// where it depends on what follows a window that is cut.
int Match(const pcre2_code* code, const Window& window, Scratch& scratch);

// The matches of one expression in one text, in windows: a small one moves along the text, and
// where a match wants to know what follows it, that place is tried again in larger ones. A text
// that makes an expression read far from everywhere is given up.
class Search {
 public:
  // `text` is valid UTF-8. All three must outlive the search.
  Search(const pcre2_code* code, std::string_view text, Scratch& scratch)
      : code_(code), text_(text), scratch_(scratch) {}

  // The first match that begins at `from` or behind, as pcre2_match returns it over the whole text;
  // then `from` is where it was looked for last. PCRE2_ERROR_MATCHLIMIT: given up.
  int Next(size_t& from);

 private:
  size_t Whole(size_t byte) const;  // The start of the character that `byte` is in.
  Window From(size_t from, size_t bytes) const;
  int Widen(size_t from);  // In ever larger windows, only at `from`.

  const pcre2_code* const code_;
  const std::string_view text_;
  Scratch& scratch_;
  size_t read_again_ = 0;  // Bytes of all larger windows.
};

}  // namespace waterline::redaction
