// SPDX-License-Identifier: Apache-2.0
#include "redaction/restoration.h"

#include <fmt/format.h>

#include <functional>
#include <set>
#include <unordered_map>
#include <utility>

#include "text/offsets.h"

namespace waterline::redaction {
namespace {

// What would make another name of a replacement: letters and digits of ASCII, and "_". Other
// letters may follow upon a name, in scripts without spaces.
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Errors: as Restore.
Result<std::string> RestoreByPlace(std::string_view redacted,
                                   const std::vector<ReplacedPart>& parts) {
  OffsetCursor cursor(redacted, OffsetUnit::kCodePoints);
  std::string text;
  size_t at = 0;
  for (const ReplacedPart& part : parts) {
    const size_t start = cursor.ToByte(part.start);
    const size_t end = cursor.ToByte(part.end);
    const bool inside = start != kNoOffset && end != kNoOffset && start >= at && end >= start;
    if (!inside || redacted.substr(start, end - start) != part.replacement) {
      return Error{Code::kInvalidArgument,
                   fmt::format("it is not the text that was redacted: '{}' does not stand at {}",
                               part.replacement, part.start)};
    }
    text.append(redacted.substr(at, start - at));
    text += part.text;
    at = end;
  }
  text.append(redacted.substr(at));
  return text;
}

// Whether `name` at `at` of `text` is not a piece of a longer word.
bool IsWhole(std::string_view text, size_t at, std::string_view name) {
  const size_t end = at + name.size();
  const bool joined_before = at > 0 && IsWord(name.front()) && IsWord(text[at - 1]);
  const bool joined_after = end < text.size() && IsWord(name.back()) && IsWord(text[end]);
  return !joined_before && !joined_after;
}

// Replacements that each stand for one text.
struct Names {
  std::unordered_map<std::string_view, std::string_view> texts;
  std::set<size_t, std::greater<>> sizes;  // Of the replacements: longer ones are tried first.

  // The replacement that stands at `at` of `text`; "" for none.
  std::string_view At(std::string_view text, size_t at) const {
    for (const size_t size : sizes) {
      const std::string_view name = text.substr(at, size);
      if (name.size() == size && texts.contains(name) && IsWhole(text, at, name)) return name;
    }
    return {};
  }
};

Result<Names> NamesOf(const std::vector<ReplacedPart>& parts) {
  Names names;
  for (const ReplacedPart& part : parts) {
    const bool mask = part.replacement.find_first_not_of('*') == std::string::npos;
    const auto [known, is_new] = names.texts.try_emplace(part.replacement, part.text);
    names.sizes.insert(part.replacement.size());
    if (!mask && (is_new || known->second == part.text)) continue;
    return Error{Code::kInvalidArgument,
                 fmt::format("it is not the text that was redacted, and '{}' could stand for {}; "
                             "pseudonyms and hashes can be put back into changed texts",
                             part.replacement, mask ? "anything" : "different texts")};
  }
  return names;
}

}  // namespace

Result<RestoredText> Restore(std::string_view redacted, const std::vector<ReplacedPart>& parts,
                             bool changed) {
  Result<std::string> text = RestoreByPlace(redacted, parts);
  if (text.ok()) return RestoredText{.text = *std::move(text)};
  if (!changed) return text.error();
  Result<Names> names = NamesOf(parts);
  if (!names.ok()) return names.error();
  RestoredText restored{.text = {}, .by_name = true};
  std::set<std::string_view> found;
  for (size_t at = 0; at < redacted.size();) {
    const std::string_view name = names->At(redacted, at);
    if (name.empty()) {
      restored.text += redacted[at++];
      continue;
    }
    restored.text += names->texts.at(name);
    found.insert(name);
    at += name.size();
  }
  for (const ReplacedPart& part : parts) restored.missing += !found.contains(part.replacement);
  return restored;
}

}  // namespace waterline::redaction
