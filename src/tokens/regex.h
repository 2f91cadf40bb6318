// Regular expressions of tokenizer files: Oniguruma's dialect, matched by PCRE2.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>

#include "waterline/result.h"

struct pcre2_real_code_8;
struct pcre2_real_general_context_8;
struct pcre2_real_match_data_8;

namespace waterline {

struct RegexMatch {
  size_t begin;
  size_t end;
};

// Immutable; safe from any thread. The compiled program lives in the memory given; machine code
// that PCRE2's JIT makes of it (some 10 KB) lies outside any budget.
class Regex {
 public:
  // Compiles `pattern`. \s, \w, \d, \h and their complements are rewritten to what they mean to
  // Oniguruma, ^ and $ match at line ends as there.
  // Errors: kUnsupported  PCRE2 refuses the pattern; with its reason and the pattern.
  static Result<Regex> Compile(std::string_view pattern, std::pmr::memory_resource* memory);

  // Walks the non-empty and empty matches in `text` from left to right. Not a match: an empty one
  // that touches the end of the one before. A match that PCRE2 gives up on (its limits are 10
  // million steps) ends the walk.
  class Matches {
   public:
    Matches(const Regex& regex, std::string_view text, std::pmr::memory_resource* scratch);
    ~Matches();
    Matches(const Matches&) = delete;
    Matches& operator=(const Matches&) = delete;
    std::optional<RegexMatch> Next();

   private:
    const Regex& regex_;
    std::string_view text_;
    pcre2_real_general_context_8* context_;
    pcre2_real_match_data_8* data_;
    size_t at_ = 0;
    std::optional<size_t> last_end_;
  };

 private:
  Regex() = default;
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const;
  };
  struct FreeContext {
    void operator()(pcre2_real_general_context_8* context) const;
  };
  std::unique_ptr<pcre2_real_general_context_8, FreeContext> context_;  // Outlives code_.
  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
};

}  // namespace waterline
