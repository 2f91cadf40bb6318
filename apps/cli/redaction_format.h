// What was found in a text and replaced, as JSON: lines of `redact --format jsonl`, and the answers
// of the server. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input_document.h"
#include "json_writer.h"
#include "redaction/patterns.h"
#include "redaction/redaction.h"
#include "redaction/rules.h"
#include "waterline/engine.h"

namespace waterline::cli {

// What was found in one text: by patterns, and by the model.
struct TextFindings {
  std::vector<redaction::Finding> findings;  // Views of the patterns and labels.
  std::vector<std::optional<size_t>> rules;  // Of each: the index of its pattern, if it is of one.
};

// `matches` are of `patterns`, and `entities` have labels of `labels`.
TextFindings FindingsOf(const std::vector<redaction::PatternMatch>& matches,
                        const std::vector<redaction::PatternRule>& patterns,
                        const std::vector<Entity>& entities, const std::vector<Label>& labels);

// Writes the key "redactions" and its list: {"start", "end", "new_start", "new_end", "label"} with
// the "rule" of a pattern or else the "score". Places are in `text` and in `made`.
void WriteRedactions(std::string_view text, const redaction::RedactedText& made,
                     const TextFindings& found, const std::vector<redaction::PatternRule>& patterns,
                     Offsets offsets, JsonWriter& json);

// Appends one document as --format jsonl has it: its fields with `made` in the place of the text,
// or else "file" (of several) and "text"; then "redactions". Refused ones have a text that is null,
// and "error".
void FormatRedaction(const InputDocument& document, const std::vector<std::string>& files,
                     const std::string& text_field, Offsets offsets,
                     const redaction::RedactedText& made, const TextFindings& found,
                     const std::vector<redaction::PatternRule>& patterns, std::string& out);
void FormatRefusal(const InputDocument& document, const std::vector<std::string>& files,
                   const std::string& text_field, const std::string& error, std::string& out);

}  // namespace waterline::cli
