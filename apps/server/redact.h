// Texts without the entities that were found in them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/engine.h"

namespace waterline::server {

enum class Replacement {
  kLabel,  // "[PERSON]"
  kMask,   // "***": one for each code point.
  kHash,   // "[PERSON:3f2a9c0d11e4b7a6]": the same for the same text and label, of HMAC-SHA256.
  kWord,   // A fixed word.
};

struct RedactionRule {
  Replacement replacement = Replacement::kLabel;
  std::string word = "[REDACTED]";  // Of kWord.
  std::string_view hash_key = {};   // Of kHash.
};

// A stretch that was replaced. Entities that touch the same bytes share one.
struct RedactedSpan {
  size_t byte_start = 0;  // In the text that was given,
  size_t byte_end = 0;
  size_t new_byte_start = 0;  // and in the one that was made.
  size_t new_byte_end = 0;
  size_t entity = 0;  // The one with the highest score there; its label is the one that shows.
};

struct RedactedText {
  std::string text;
  std::vector<RedactedSpan> spans;  // In the order of the text.
};

// `entities` are of `text`, in any order, and may overlap.
RedactedText Redact(std::string_view text, const std::vector<Entity>& entities,
                    const std::vector<Label>& labels, const RedactionRule& rule);

}  // namespace waterline::server
