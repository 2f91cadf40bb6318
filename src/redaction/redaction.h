// Texts without the parts that were found in them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redaction/replacement.h"

namespace waterline::redaction {

// A part of a text that has to go: an entity, or what a pattern matched.
struct Finding {
  size_t byte_start = 0;
  size_t byte_end = 0;
  std::string_view label;
  float score = 1;  // Probability; 1 of a pattern.
};

struct ReplacementOptions {
  Replacement replacement = Replacement::kLabel;
  std::map<std::string, Replacement, std::less<>> of_labels = {};  // Other ones, by label.
  std::string word = "[REDACTED]";                                 // Of kWord.
  std::string_view key = {};  // Of kHash, and of keyed_pseudonyms.
  // Pseudonyms end in ten letters and digits that follow from key, label and text, so that they are
  // the same in all documents: PERSON_7M2K0Q9XZA. Without it in a number that counts the different
  // texts of a label in the document: PERSON_1.
  bool keyed_pseudonyms = false;
};

// A stretch that was replaced. Findings that share bytes share one.
struct RedactedSpan {
  size_t byte_start = 0;  // In the text that was given,
  size_t byte_end = 0;
  size_t new_byte_start = 0;  // and in the one that was made.
  size_t new_byte_end = 0;
  size_t finding = 0;  // The longest one there, of those the likeliest; its label is what shows.
};

struct RedactedText {
  std::string text;
  std::vector<RedactedSpan> spans;  // In the order of the text.
};

// `findings` are of `text`, in any order, and may overlap; empty ones are none. What lies outside
// of them stays as it is, byte for byte. A label shows in upper case (ASCII), with "_" for white
// space: "phone number" is [PHONE_NUMBER]. A numbered pseudonym is none that stands in `text`.
RedactedText Redact(std::string_view text, std::span<const Finding> findings,
                    const ReplacementOptions& options);

}  // namespace waterline::redaction
