// What stands in a redacted text where something was found.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace waterline::redaction {

enum class Replacement {
  kLabel,      // The label: [EMAIL].
  kMask,       // A character of masking for each character.
  kPseudonym,  // A made-up value of the same kind.
  kHash,       // A keyed hash.
  kWord,       // A fixed word.
};

// "label", "mask", "pseudonym", "hash", "word": as rule files and flags write it.
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

// The replacement of that name; empty: there is none.
inline std::optional<Replacement> ParseReplacement(std::string_view name) {
  for (const Replacement replacement :
       {Replacement::kLabel, Replacement::kMask, Replacement::kPseudonym, Replacement::kHash,
        Replacement::kWord}) {
    if (name == ReplacementName(replacement)) return replacement;
  }
  return std::nullopt;
}

}  // namespace waterline::redaction
