// SPDX-License-Identifier: Apache-2.0
#include "redaction/patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <string>
#include <utility>

#include "redaction/regex_search.h"

namespace waterline::redaction {
namespace {

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
using Code = std::unique_ptr<pcre2_code, FreeCode>;

Error NoMemory() {
  return {waterline::Code::kIo, "the system refused memory for matching patterns"};
}

std::string Reason(int code) {
  PCRE2_UCHAR reason[160] = {};
  pcre2_get_error_message(code, reason, sizeof(reason));
  return reinterpret_cast<char*>(reason);
}

std::string Place(const PatternRule& rule) {
  return rule.file.empty() ? "" : fmt::format("{}:{}: ", rule.file, rule.line);
}

Result<Code> CompileRegex(const PatternRule& rule, const std::string& regex, uint32_t options) {
  int reason = 0;
  PCRE2_SIZE at = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
                          kSearchOptions | PCRE2_NEVER_BACKSLASH_C | options, &reason, &at,
                          nullptr));
  constexpr int kNoHeap = 121;  // ERR21 of pcre2_compile.
  if (code == nullptr && reason == kNoHeap) return NoMemory();
  if (code == nullptr) {
    return Error{waterline::Code::kInvalidArgument,
                 fmt::format("{}the regular expression of pattern \"{}\" does not compile: {}, at "
                             "byte {} of {}",
                             Place(rule), rule.name, Reason(reason), at, regex)};
  }
  // Where the machine allows no executable memory the interpreter does the same, slower.
  (void)pcre2_jit_compile(code.get(), kSearchJitModes);
  return code;
}

// Scripts that put no spaces between words, or write endings to foreign ones: a word in them may
// stand within others, and next to them any word is whole.
constexpr std::string_view kUnspaced =
    "\\p{Han}\\p{Hiragana}\\p{Katakana}\\p{Hangul}\\p{Thai}\\p{Lao}\\p{Khmer}\\p{Myanmar}";

// An expression that finds any of the words: whole, in either case, with any white space where they
// have a space. Their last character is not looked beyond by more than one.
std::string AnyOf(const std::vector<std::string>& words) {
  std::string out =
      fmt::format("(?i)(?:(?=[{0}])|(?<!(?![{0}])[\\p{{L}}\\p{{N}}\\p{{M}}]))(?:", kUnspaced);
  for (const std::string& word : words) {
    if (&word != &words.front()) out += '|';
    char before = 0;
    for (const char c : word) {
      if (c == ' ') {
        if (before != ' ') out += "\\s+";
      } else {
        // ASCII that is neither letter nor digit may be quoted, and nothing else.
        const bool plain = (c & 0x80) != 0 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || c == '_';
        if (!plain) out += '\\';
        out += c;
      }
      before = c;
    }
  }
  return out + fmt::format(")(?:(?<=[{0}])|(?!(?![{0}])[\\p{{L}}\\p{{N}}\\p{{M}}]))", kUnspaced);
}

// Which bytes occur, or may.
using Bytes = std::bitset<256>;

// Some byte of each of these sets is in everything that `code` matches: most rules need one that
// most texts lack.
struct Needs {
  Bytes first = Bytes().set();
  Bytes last = Bytes().set();
};
Needs NeedsOf(const pcre2_code* code) {
  // Of an expression that takes either case, PCRE2 says one of them.
  const auto either_case = [](uint32_t unit) {
    Bytes bytes;
    if (unit >= 0x80) return bytes.set();
    bytes.set(unit);
    if ((unit | 0x20) >= 'a' && (unit | 0x20) <= 'z') bytes.set(unit ^ 0x20);
    return bytes;
  };
  Needs needs;
  uint32_t type = 0, unit = 0;
  pcre2_pattern_info(code, PCRE2_INFO_LASTCODETYPE, &type);
  pcre2_pattern_info(code, PCRE2_INFO_LASTCODEUNIT, &unit);
  if (type == 1) needs.last = either_case(unit);
  pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODETYPE, &type);
  pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODEUNIT, &unit);
  if (type == 1) needs.first = either_case(unit);
  const uint8_t* first = nullptr;
  pcre2_pattern_info(code, PCRE2_INFO_FIRSTBITMAP, &first);
  for (size_t c = 0; first != nullptr && c < needs.first.size(); ++c) {
    needs.first.set(c, (first[c / 8] >> (c % 8) & 1) != 0);
  }
  return needs;
}

}  // namespace

struct PatternSet::Rule {
  std::string name;
  std::string place;
  Code regex;
  Needs needs;
  std::vector<uint32_t> value_groups;  // Numbers of the groups that are called `value`.
  Check check = Check::kNone;
  Code context;  // nullptr: none.
  int context_distance = 0;

  Error Gave(int code, size_t at) const {
    if (code == PCRE2_ERROR_NOMEMORY) return NoMemory();
    return {waterline::Code::kInvalidArgument,
            fmt::format("{}pattern \"{}\" cannot be matched from byte {} on ({}): bound the "
                        "repetitions in its regular expression, or make them possessive",
                        place, name, at, Reason(code))};
  }

  // Whether a word of the context stands before or after the bytes from `start` to `end`; negative:
  // what pcre2_match returned.
  int HasContext(std::string_view text, size_t start, size_t end, Scratch& scratch) const {
    const auto occurs = [&](size_t from, size_t to) {
      // One more character, so that a word that goes on is seen to.
      const std::string_view seen = text.substr(0, After(text, to, 1));
      while (from < to) {
        const int found = Match(context.get(), {seen, from, to, false}, scratch);
        if (found == PCRE2_ERROR_NOMATCH) return 0;
        if (found < 0) return found;
        if (scratch.ends()[1] <= to) return 1;
        from = After(text, scratch.ends()[0], 1);
      }
      return 0;
    };
    const int before = occurs(Before(text, start, context_distance), start);
    return before != 0 ? before : occurs(end, After(text, end, context_distance));
  }
};

PatternSet::PatternSet(std::vector<Rule> rules) : rules_(std::move(rules)) {}
PatternSet::PatternSet(PatternSet&&) noexcept = default;
PatternSet& PatternSet::operator=(PatternSet&&) noexcept = default;
PatternSet::~PatternSet() = default;

Result<PatternSet> PatternSet::Compile(const std::vector<PatternRule>& rules) {
  std::vector<Rule> compiled;
  compiled.reserve(rules.size());
  for (const PatternRule& rule : rules) {
    Rule made;
    made.name = rule.name;
    made.place = Place(rule);
    made.check = rule.check;
    made.context_distance = rule.context_distance;
    auto regex = CompileRegex(rule, rule.regex, PCRE2_DUPNAMES);
    if (!regex.ok()) return regex.error();
    made.regex = *std::move(regex);
    made.needs = NeedsOf(made.regex.get());
    uint32_t matches_nothing = 0;
    pcre2_pattern_info(made.regex.get(), PCRE2_INFO_MATCHEMPTY, &matches_nothing);
    if (matches_nothing != 0) {
      return Error{waterline::Code::kInvalidArgument,
                   fmt::format("{}the regular expression of pattern \"{}\" can match nothing at "
                               "all: let it need a character",
                               made.place, made.name)};
    }
    uint32_t names = 0, bytes = 0;
    const uint8_t* table = nullptr;
    pcre2_pattern_info(made.regex.get(), PCRE2_INFO_NAMECOUNT, &names);
    pcre2_pattern_info(made.regex.get(), PCRE2_INFO_NAMEENTRYSIZE, &bytes);
    pcre2_pattern_info(made.regex.get(), PCRE2_INFO_NAMETABLE, &table);
    for (uint32_t i = 0; i < names; ++i, table += bytes) {
      if (std::string_view(reinterpret_cast<const char*>(table + 2)) == "value") {
        made.value_groups.push_back(static_cast<uint32_t>(table[0] << 8 | table[1]));
      }
    }
    if (!made.value_groups.empty() && made.value_groups.back() >= kGroups) {
      return Error{
          waterline::Code::kInvalidArgument,
          fmt::format("{}the group `value` of pattern \"{}\" is group {}, and it has to be "
                      "one of the first {}",
                      made.place, made.name, made.value_groups.back(), kGroups - 1)};
    }
    if (!rule.context.empty()) {
      auto context = CompileRegex(rule, AnyOf(rule.context), 0);
      if (!context.ok()) return context.error();
      made.context = *std::move(context);
    }
    compiled.push_back(std::move(made));
  }
  return PatternSet(std::move(compiled));
}

Result<std::vector<PatternMatch>> PatternSet::Find(std::string_view text) const {
  std::vector<PatternMatch> matches;
  if (text.empty()) return matches;
  Scratch scratch;
  if (!scratch.ok()) return NoMemory();
  Bytes bytes;
  for (const char c : text) bytes.set(static_cast<unsigned char>(c));
  for (size_t r = 0; r < rules_.size(); ++r) {
    const Rule& rule = rules_[r];
    if ((rule.needs.first & bytes).none() || (rule.needs.last & bytes).none()) continue;
    Search search(rule.regex.get(), text, scratch);
    size_t at = 0;
    while (at < text.size()) {
      const int found = search.Next(at);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0) return rule.Gave(found, at);
      const PCRE2_SIZE* ends = scratch.ends();
      const size_t whole_start = ends[0], whole_end = ends[1];
      if (whole_end <= whole_start || whole_end <= at) {  // \K in a look-around.
        return Error{waterline::Code::kInvalidArgument,
                     fmt::format("{}pattern \"{}\" found something that ends before it begins, at "
                                 "byte {}: use a group `value` instead of \\K",
                                 rule.place, rule.name, whole_start)};
      }
      PatternMatch match{whole_start, whole_end, r};
      for (const uint32_t group : rule.value_groups) {
        if (found != 0 && group >= static_cast<uint32_t>(found)) continue;  // 0: all of kGroups.
        if (ends[2 * group] == PCRE2_UNSET || ends[2 * group] >= ends[2 * group + 1]) continue;
        match.byte_start = ends[2 * group];
        match.byte_end = ends[2 * group + 1];
        break;
      }
      bool passes =
          Passes(rule.check, text.substr(match.byte_start, match.byte_end - match.byte_start));
      if (passes && rule.context != nullptr) {
        const int near = rule.HasContext(text, match.byte_start, match.byte_end, scratch);
        if (near < 0) return rule.Gave(near, match.byte_start);
        passes = near > 0;
      }
      if (passes) matches.push_back(match);
      // What fails may have something that passes inside it.
      at = passes ? std::max(whole_end, match.byte_end) : After(text, std::max(whole_start, at), 1);
    }
  }
  std::sort(matches.begin(), matches.end(), [](const PatternMatch& a, const PatternMatch& b) {
    return std::pair(a.byte_start, a.rule) < std::pair(b.byte_start, b.rule);
  });
  return matches;
}

size_t PatternSet::code_bytes() const {
  size_t bytes = 0;
  for (const Rule& rule : rules_) {
    for (const pcre2_code* code : {rule.regex.get(), rule.context.get()}) {
      if (code == nullptr) continue;
      size_t program = 0, machine_code = 0;
      pcre2_pattern_info(code, PCRE2_INFO_SIZE, &program);
      pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &machine_code);
      bytes += program + machine_code;
    }
  }
  return bytes;
}

}  // namespace waterline::redaction
