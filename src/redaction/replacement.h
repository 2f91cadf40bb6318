// What stands in the place of a part of a text that has to go.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace waterline::redaction {

enum class Replacement {
  kLabel,      // "[PERSON]"
  kMask,       // "***": one for each code point.
  kPseudonym,  // "PERSON_1": the same for the same text and label, in a document or by key.
  kHash,       // "[PERSON:3f2a9c0d11e4b7a6]": the same for the same text and label, of HMAC-SHA256.
  kWord,       // A fixed word.
};

inline constexpr Replacement kReplacements[] = {Replacement::kLabel, Replacement::kMask,
                                                Replacement::kPseudonym, Replacement::kHash,
                                                Replacement::kWord};

// "label", "mask", "pseudonym", "hash", "word".
inline const char* ReplacementName(Replacement replacement) {
  switch (replacement) {
    case Replacement::kLabel:
      return "label";
    case Replacement::kMask:
      return "mask";
    case Replacement::kPseudonym:
      return "pseudonym";
    case Replacement::kHash:
      return "hash";
    case Replacement::kWord:
      return "word";
  }
  return "?";
}

// The replacement of this name; empty: there is none.
inline std::optional<Replacement> ParseReplacement(std::string_view name) {
  for (const Replacement replacement : kReplacements) {
    if (name == ReplacementName(replacement)) return replacement;
  }
  return std::nullopt;
}

}  // namespace waterline::redaction
