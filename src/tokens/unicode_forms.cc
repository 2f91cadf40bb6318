// Normal forms, lower case and grapheme clusters over utf8proc.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/unicode_forms.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tokens/code_points.h"
#include "tokens/unicode_classes.h"

namespace waterline {
namespace {

struct CodePointRange {
  char32_t first;
  char32_t last;
};

template <size_t kCount>
bool Within(char32_t code_point, const CodePointRange (&ranges)[kCount]) {
  for (const CodePointRange& range : ranges) {
    if (code_point <= range.last) return code_point >= range.first;
  }
  return false;
}

// Compatibility mappings that are younger than the library's normal forms.
constexpr CodePointRange kNoCompatibility[] = {
    {0x32FF, 0x32FF},   {0xA7F2, 0xA7F4},   {0xAB69, 0xAB69},
    {0x10781, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA},
    {0x1E030, 0x1E06D}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9},
};
// Canonical compositions that are younger.
constexpr CodePointRange kNoComposition[] = {{0x11938, 0x11938}};

// Lower-case letters that are younger than utf8proc.
struct LowerRange {
  char32_t first;
  char32_t last;
  char32_t lower_of_first;
};
constexpr LowerRange kLower[] = {
    {0x1C89, 0x1C89, 0x1C8A},    {0xA7CB, 0xA7CB, 0x264},  {0xA7CC, 0xA7CC, 0xA7CD},
    {0xA7CE, 0xA7CE, 0xA7CF},    {0xA7D2, 0xA7D2, 0xA7D3}, {0xA7D4, 0xA7D4, 0xA7D5},
    {0xA7DA, 0xA7DA, 0xA7DB},    {0xA7DC, 0xA7DC, 0x19B},  {0x10D50, 0x10D65, 0x10D70},
    {0x16EA0, 0x16EB8, 0x16EBB},
};

using CodePoints = std::pmr::vector<utf8proc_int32_t>;

void Decompose(std::string_view text, bool compatibility, CodePoints& points) {
  constexpr size_t kLongest = 32;  // The longest decomposition has 18 code points.
  for (size_t at = 0; at < text.size();) {
    const char32_t code_point = ReadCodePoint(text, at);
    if (code_point < 0xA0 || Within(code_point, kNoComposition)) {
      points.push_back(static_cast<utf8proc_int32_t>(code_point));
      continue;
    }
    const bool compatible = compatibility && !Within(code_point, kNoCompatibility);
    const int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
    std::array<utf8proc_int32_t, kLongest> buffer;
    int boundary = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), buffer.data(), kLongest,
                                static_cast<utf8proc_option_t>(options), &boundary);
    if (count < 0 || count > static_cast<utf8proc_ssize_t>(kLongest)) {
      points.push_back(static_cast<utf8proc_int32_t>(code_point));
    } else {
      points.insert(points.end(), buffer.begin(), buffer.begin() + count);
    }
  }
}

// Canonical ordering: stable by combining class between starters. utf8proc's own is quadratic in
// the length of a run of marks.
void Order(CodePoints& points) {
  const auto combining_class = [](utf8proc_int32_t code_point) {
    return code_point < 0x300 ? 0 : utf8proc_get_property(code_point)->combining_class;
  };
  for (size_t at = 0; at < points.size(); ++at) {
    if (combining_class(points[at]) == 0) continue;
    size_t end = at + 1;
    while (end < points.size() && combining_class(points[end]) != 0) ++end;
    if (end - at > 1) {
      const auto less = [&](utf8proc_int32_t a, utf8proc_int32_t b) {
        return combining_class(a) < combining_class(b);
      };
      const auto first = points.begin() + static_cast<std::ptrdiff_t>(at);
      const auto last = points.begin() + static_cast<std::ptrdiff_t>(end);
      if (!std::is_sorted(first, last, less)) std::stable_sort(first, last, less);
    }
    at = end;
  }
}

// The code points at and above the first that a composition can touch differ from their form.
bool IsUnchanged(std::string_view text, NormalForm form) {
  if (IsAscii(text)) return true;
  if (form != NormalForm::kNfc) return false;
  for (size_t at = 0; at < text.size();) {
    if (ReadCodePoint(text, at) >= 0x300) return false;
  }
  return true;
}

}  // namespace

void AppendNormalForm(std::string_view text, NormalForm form, std::pmr::memory_resource* scratch,
                      std::pmr::string& out) {
  if (IsUnchanged(text, form)) {
    out.append(text);
    return;
  }
  CodePoints points(scratch);
  points.reserve(text.size());
  const bool compatibility = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  Decompose(text, compatibility, points);
  Order(points);
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) {
    const utf8proc_ssize_t count = utf8proc_normalize_utf32(
        points.data(), static_cast<utf8proc_ssize_t>(points.size()),
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (count >= 0) points.resize(static_cast<size_t>(count));
  }
  for (const utf8proc_int32_t code_point : points) {
    AppendCodePoint(static_cast<char32_t>(code_point), out);
  }
}

void AppendLower(char32_t code_point, std::pmr::string& out) {
  if (code_point < 0x80) {
    out.push_back(
        static_cast<char>(code_point >= 'A' && code_point <= 'Z' ? code_point + 32 : code_point));
    return;
  }
  if (code_point == 0x130) {  // The one code point whose lower case has two.
    out.append("i\xCC\x87");
    return;
  }
  for (const LowerRange& range : kLower) {
    if (range.first <= code_point && code_point <= range.last) {
      AppendCodePoint(range.lower_of_first + (code_point - range.first), out);
      return;
    }
  }
  AppendCodePoint(
      static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point))), out);
}

namespace {

// `code_point`, or one of the same break class that utf8proc knows.
utf8proc_int32_t Representative(char32_t code_point) {
  const uint32_t classes = UnicodeClasses(code_point);
  const auto point = static_cast<utf8proc_int32_t>(code_point);
  if ((classes & (kJoinsLeft | kPrepends)) == 0) return point;
  if (utf8proc_get_property(point)->boundclass != UTF8PROC_BOUNDCLASS_OTHER &&
      utf8proc_get_property(point)->boundclass != UTF8PROC_BOUNDCLASS_CONTROL) {
    return point;
  }
  return (classes & kJoinsLeft) != 0 ? 0x300 : 0x600;
}

}  // namespace

size_t GraphemeEnd(std::string_view text, size_t at) {
  size_t end = at;
  char32_t left = ReadCodePoint(text, end);
  utf8proc_int32_t state = 0;
  while (end < text.size()) {
    size_t after = end;
    const char32_t right = ReadCodePoint(text, after);
    if (left < 0x80 && right < 0x80) {
      if (left != '\r' || right != '\n') break;
    } else if (utf8proc_grapheme_break_stateful(Representative(left), Representative(right),
                                                &state)) {
      break;
    }
    left = right;
    end = after;
  }
  return end;
}

}  // namespace waterline
