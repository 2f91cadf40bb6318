// PCRE2 behind Oniguruma's character classes.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/regex.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <new>
#include <utility>

#include "tokens/code_points.h"
#include "tokens/unicode_classes.h"

namespace waterline {
namespace {

// PCRE2 frees without a size, so each block carries its own in front.
constexpr size_t kHeader = alignof(std::max_align_t);

// Exceptions must not run through C: nullptr, and bad_alloc is thrown anew behind the call.
void* Allocate(size_t bytes, void* memory) {
  try {
    auto* block = static_cast<std::byte*>(
        static_cast<std::pmr::memory_resource*>(memory)->allocate(bytes + kHeader));
    *reinterpret_cast<size_t*>(block) = bytes + kHeader;
    return block + kHeader;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void Release(void* pointer, void* memory) {
  if (pointer == nullptr) return;
  std::byte* block = static_cast<std::byte*>(pointer) - kHeader;
  static_cast<std::pmr::memory_resource*>(memory)->deallocate(block,
                                                              *reinterpret_cast<size_t*>(block));
}

// What Oniguruma's Unicode 16 has beyond PCRE2's Unicode 14, as content of a bracketed class. Found
// by asking both about every code point.
constexpr std::string_view kNewLetters =
    "\\x{1c89}-\\x{1c8a}\\x{a7cb}-\\x{a7cd}\\x{a7da}-\\x{a7dc}\\x{105c0}-\\x{105f3}"
    "\\x{10d4a}-\\x{10d65}\\x{10d6f}-\\x{10d85}\\x{10ec2}-\\x{10ec4}\\x{1123f}-\\x{11240}"
    "\\x{11380}-\\x{11389}\\x{1138b}\\x{1138e}\\x{11390}-\\x{113b5}\\x{113b7}\\x{113d1}"
    "\\x{113d3}\\x{11bc0}-\\x{11be0}\\x{11f02}\\x{11f04}-\\x{11f10}\\x{11f12}-\\x{11f33}"
    "\\x{1342f}\\x{13441}-\\x{13446}\\x{13460}-\\x{143fa}\\x{16100}-\\x{1611d}"
    "\\x{16d40}-\\x{16d6c}\\x{18cff}\\x{1b132}\\x{1b155}\\x{1df25}-\\x{1df2a}"
    "\\x{1e030}-\\x{1e06d}\\x{1e4d0}-\\x{1e4eb}\\x{1e5d0}-\\x{1e5ed}\\x{1e5f0}\\x{2b739}"
    "\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}";
constexpr std::string_view kNewUpper =
    "\\x{1c89}\\x{a7cb}-\\x{a7cc}\\x{a7da}\\x{a7dc}\\x{10d50}-\\x{10d65}";
constexpr std::string_view kNewLower =
    "\\x{1c8a}\\x{a7cd}\\x{a7db}\\x{10d70}-\\x{10d85}\\x{1df25}-\\x{1df2a}";
constexpr std::string_view kNewModifiers =
    "\\x{10d4e}\\x{10d6f}\\x{16d40}-\\x{16d42}\\x{16d6b}-\\x{16d6c}\\x{1e030}-\\x{1e06d}"
    "\\x{1e4eb}";
constexpr std::string_view kNewOther =
    "\\x{105c0}-\\x{105f3}\\x{10d4a}-\\x{10d4d}\\x{10d4f}\\x{10ec2}-\\x{10ec4}"
    "\\x{1123f}-\\x{11240}\\x{11380}-\\x{11389}\\x{1138b}\\x{1138e}\\x{11390}-\\x{113b5}"
    "\\x{113b7}\\x{113d1}\\x{113d3}\\x{11bc0}-\\x{11be0}\\x{11f02}\\x{11f04}-\\x{11f10}"
    "\\x{11f12}-\\x{11f33}\\x{1342f}\\x{13441}-\\x{13446}\\x{13460}-\\x{143fa}"
    "\\x{16100}-\\x{1611d}\\x{16d43}-\\x{16d6a}\\x{18cff}\\x{1b132}\\x{1b155}"
    "\\x{1e4d0}-\\x{1e4ea}\\x{1e5d0}-\\x{1e5ed}\\x{1e5f0}\\x{2b739}\\x{2ebf0}-\\x{2ee5d}"
    "\\x{31350}-\\x{323af}";
constexpr std::string_view kNewNumbers =
    "\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}\\x{11bf0}-\\x{11bf9}\\x{11f50}-\\x{11f59}"
    "\\x{16130}-\\x{16139}\\x{16d70}-\\x{16d79}\\x{1ccf0}-\\x{1ccf9}\\x{1d2c0}-\\x{1d2d3}"
    "\\x{1e4f0}-\\x{1e4f9}\\x{1e5f1}-\\x{1e5fa}";
constexpr std::string_view kNewDigits =
    "\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}\\x{11bf0}-\\x{11bf9}\\x{11f50}-\\x{11f59}"
    "\\x{16130}-\\x{16139}\\x{16d70}-\\x{16d79}\\x{1ccf0}-\\x{1ccf9}\\x{1e4f0}-\\x{1e4f9}"
    "\\x{1e5f1}-\\x{1e5fa}";
constexpr std::string_view kNewMarks =
    "\\x{897}\\x{cf3}\\x{ece}\\x{10d69}-\\x{10d6d}\\x{10efc}-\\x{10eff}\\x{11241}"
    "\\x{113b8}-\\x{113c0}\\x{113c2}\\x{113c5}\\x{113c7}-\\x{113ca}\\x{113cc}-\\x{113d0}"
    "\\x{113d2}\\x{113e1}-\\x{113e2}\\x{11f00}-\\x{11f01}\\x{11f03}\\x{11f34}-\\x{11f3a}"
    "\\x{11f3e}-\\x{11f42}\\x{11f5a}\\x{13440}\\x{13447}-\\x{13455}\\x{1611e}-\\x{1612f}"
    "\\x{1e08f}\\x{1e4ec}-\\x{1e4ef}\\x{1e5ee}-\\x{1e5ef}";
constexpr std::string_view kNewPunctuation =
    "\\x{1b4e}-\\x{1b4f}\\x{1b7f}\\x{10d6e}\\x{113d4}-\\x{113d5}\\x{113d7}-\\x{113d8}"
    "\\x{11b00}-\\x{11b09}\\x{11be1}\\x{11f43}-\\x{11f4f}\\x{16d6d}-\\x{16d6f}\\x{1e5ff}";
constexpr std::string_view kSpaces =
    "\\t-\\r "
    "\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";

// Content of a bracketed class that holds the code points of `classes`, or all others. Oniguruma's
// \w is Whitespace's without joiners; outside of brackets it has superscripts and fractions too.
std::string ExplicitRanges(uint32_t classes, bool is_complement, bool in_class = true) {
  const auto is_inside = [&](char32_t c) {
    bool inside = (UnicodeClasses(c) & classes) != 0;
    if (classes == kWordChar) {
      if (c == 0x200C || c == 0x200D) inside = false;
      if (c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0xBC && c <= 0xBE)) inside = !in_class;
    }
    return inside != is_complement;
  };
  std::string out;
  constexpr char32_t kEnd = 0x110000;
  for (char32_t c = 0; c < kEnd; ++c) {
    if (c == 0xD800) c = 0xE000;
    if (!is_inside(c)) continue;
    const char32_t first = c;
    while (c + 1 < kEnd && c + 1 != 0xD800 && is_inside(c + 1)) ++c;
    out += fmt::format("\\x{{{:x}}}-\\x{{{:x}}}", static_cast<uint32_t>(first),
                       static_cast<uint32_t>(c));
  }
  return out;
}

// Oniguruma's meaning of an escape as the content of a bracketed class; empty: PCRE2's own will do.
// PCRE2's \s has U+180E in it, its \w has all numbers and lacks marks.
std::string ClassOf(std::string_view escape, bool in_class) {
  if (escape == "\\s") return std::string(kSpaces);
  if (escape == "\\S") return ExplicitRanges(kSpace, true);
  if (escape == "\\w") return ExplicitRanges(kWordChar, false, in_class);
  if (escape == "\\W") return ExplicitRanges(kWordChar, true, in_class);
  if (escape == "\\d") return fmt::format("\\d{}", kNewDigits);
  if (escape == "\\h") return "0-9a-fA-F";
  if (escape == "\\p{L}") return fmt::format("\\p{{L}}{}", kNewLetters);
  if (escape == "\\p{Lu}") return fmt::format("\\p{{Lu}}{}", kNewUpper);
  if (escape == "\\p{Ll}") return fmt::format("\\p{{Ll}}{}", kNewLower);
  if (escape == "\\p{Lm}") return fmt::format("\\p{{Lm}}{}", kNewModifiers);
  if (escape == "\\p{Lo}") return fmt::format("\\p{{Lo}}{}", kNewOther);
  if (escape == "\\p{N}") return fmt::format("\\p{{N}}{}", kNewNumbers);
  if (escape == "\\p{M}") return fmt::format("\\p{{M}}{}", kNewMarks);
  if (escape == "\\p{P}") return fmt::format("\\p{{P}}{}", kNewPunctuation);
  return {};
}

// The escape at pattern[at], with the braces of a property.
std::string_view EscapeAt(std::string_view pattern, size_t at) {
  const std::string_view rest = pattern.substr(at);
  if (rest.starts_with("\\p{") || rest.starts_with("\\P{")) {
    const size_t end = rest.find('}');
    if (end != std::string_view::npos) return rest.substr(0, end + 1);
  }
  return rest.substr(0, 2);
}

// `pattern` in PCRE2's dialect.
std::string Translate(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      const std::string_view escape = EscapeAt(pattern, i);
      i += escape.size() - 1;
      const std::string content = ClassOf(escape, in_class);
      if (content.empty()) {
        out += escape;
      } else {
        out += in_class ? content : fmt::format("[{}]", content);
      }
      continue;
    }
    out += c;
    if (c == ']') in_class = false;
    if (c != '[' || in_class) continue;
    in_class = true;
    if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
    if (i + 1 < pattern.size() && pattern[i + 1] == ']') {  // The first one is literal.
      out += "\\]";
      ++i;
    }
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
  constexpr int kNoHeap = 121;  // ERR21 of pcre2_compile.
  regex.context_.reset(pcre2_general_context_create(Allocate, Release, memory));
  if (regex.context_ == nullptr) throw std::bad_alloc();
  pcre2_compile_context* options = pcre2_compile_context_create(regex.context_.get());
  if (options == nullptr) throw std::bad_alloc();
  const std::string translated = Translate(pattern);
  int code = 0;
  PCRE2_SIZE offset = 0;
  regex.code_.reset(pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_UTF_CHECK, &code, &offset, options));
  pcre2_compile_context_free(options);
  if (regex.code_ == nullptr) {
    if (code == kNoHeap) throw std::bad_alloc();
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
      data_(context_ == nullptr
                ? nullptr
                : pcre2_match_data_create_from_pattern(regex.code_.get(), context_)) {
  if (data_ != nullptr) return;
  pcre2_general_context_free(context_);
  throw std::bad_alloc();
}

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
    if (found == PCRE2_ERROR_NOMEMORY) throw std::bad_alloc();
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
