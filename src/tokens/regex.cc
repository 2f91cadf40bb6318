// PCRE2 behind Oniguruma's character classes.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/regex.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <new>
#include <utility>

#include "tokens/code_points.h"

namespace waterline {
namespace {

// PCRE2 frees without a size, so each block carries its own in front.
constexpr size_t kHeader = alignof(std::max_align_t);

void* Allocate(size_t bytes, void* memory) {
  auto* block = static_cast<std::byte*>(
      static_cast<std::pmr::memory_resource*>(memory)->allocate(bytes + kHeader));
  *reinterpret_cast<size_t*>(block) = bytes + kHeader;
  return block + kHeader;
}

void Release(void* pointer, void* memory) {
  if (pointer == nullptr) return;
  std::byte* block = static_cast<std::byte*>(pointer) - kHeader;
  static_cast<std::pmr::memory_resource*>(memory)->deallocate(block,
                                                              *reinterpret_cast<size_t*>(block));
}

// What the escape `letter` stands for as the content of a bracketed class; empty: it stays as it is.
// PCRE2's \s has U+180E in it, its \w lacks marks and connectors.
std::string_view ClassOf(char letter) {
  switch (letter) {
    case 's':
      return "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
             "\\x{205f}\\x{3000}";
    case 'w':
      return "\\p{Alphabetic}\\p{M}\\p{N}\\p{Pc}";
    case 'h':
      return "0-9a-fA-F";
    case 'L':  // \p{L} and \p{N} of Unicode 16, as far as they go beyond PCRE2's 14.
      return "\\p{L}\\x{1c89}-\\x{1c8a}\\x{31350}-\\x{323af}";
    default:
      return {};
  }
}

std::string Translate(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char letter = pattern[++i];
      const char lower = static_cast<char>(letter | 0x20);
      const std::string_view content =
          lower == 's' || lower == 'w' || lower == 'h' ? ClassOf(lower) : std::string_view();
      if (content.empty() || (in_class && letter != lower)) {
        out += {c, letter};
      } else if (in_class) {
        out += content;
      } else {
        out += fmt::format("[{}{}]", letter == lower ? "" : "^", content);
      }
      continue;
    }
    if (c == '[' && !in_class) {
      in_class = true;
      out += c;
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') {
        out += "\\]";
        ++i;
      }
      continue;
    }
    if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

}  // namespace

void Regex::FreeCode::operator()(pcre2_code* code) const { pcre2_code_free(code); }
void Regex::FreeContext::operator()(pcre2_general_context* context) const {
  pcre2_general_context_free(context);
}

Result<Regex> Regex::Compile(std::string_view pattern, std::pmr::memory_resource* memory) {
  Regex regex;
  regex.context_.reset(pcre2_general_context_create(Allocate, Release, memory));
  pcre2_compile_context* options = pcre2_compile_context_create(regex.context_.get());
  const std::string translated = Translate(pattern);
  int code = 0;
  PCRE2_SIZE offset = 0;
  regex.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()),
                                  translated.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_UTF_CHECK,
                                  &code, &offset, options));
  pcre2_compile_context_free(options);
  if (regex.code_ == nullptr) {
    PCRE2_UCHAR reason[160] = {};
    pcre2_get_error_message(code, reason, sizeof(reason));
    return Error{Code::kUnsupported, fmt::format("the regular expression {} does not compile: {} "
                                                 "at byte {} of its translation",
                                                 pattern, reinterpret_cast<char*>(reason), offset)};
  }
  // Where the machine allows no executable memory the interpreter does the same, slower.
  (void)pcre2_jit_compile(regex.code_.get(), PCRE2_JIT_COMPLETE);
  return regex;
}

Regex::Matches::Matches(const Regex& regex, std::string_view text,
                        std::pmr::memory_resource* scratch)
    : regex_(regex),
      text_(text),
      context_(pcre2_general_context_create(Allocate, Release, scratch)),
      data_(pcre2_match_data_create_from_pattern(regex.code_.get(), context_)) {}

Regex::Matches::~Matches() {
  pcre2_match_data_free(data_);
  pcre2_general_context_free(context_);
}

std::optional<RegexMatch> Regex::Matches::Next() {
  while (at_ <= text_.size()) {
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text_.data());
    int found = pcre2_match(regex_.code_.get(), subject, text_.size(), at_, PCRE2_NO_UTF_CHECK,
                            data_, nullptr);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
      found = pcre2_match(regex_.code_.get(), subject, text_.size(), at_,
                          PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data_, nullptr);
    }
    if (found < 0) return std::nullopt;
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data_);
    const RegexMatch match{ends[0], ends[1]};
    if (match.end < match.begin) return std::nullopt;  // \K in a look-ahead.
    if (match.begin == match.end && last_end_ == match.end) {
      if (at_ >= text_.size()) return std::nullopt;
      ReadCodePoint(text_, at_);
      continue;
    }
    at_ = match.end;
    last_end_ = match.end;
    return match;
  }
  return std::nullopt;
}

}  // namespace waterline
