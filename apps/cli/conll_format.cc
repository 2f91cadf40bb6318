// SPDX-License-Identifier: Apache-2.0
#include "conll_format.h"

#include <string_view>
#include <vector>

#include "tagged_words.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

// One field of a line: white space would end it.
void AppendField(std::string_view text, std::string& out) {
  for (const char c : text) out += c == ' ' || c == '\t' || c == '\n' || c == '\r' ? '_' : c;
}

}  // namespace

void FormatConll(const FormatOptions& options, const InputDocument& document,
                 const Extraction& extraction, std::string& out) {
  if (document.blank || extraction.error) return;
  out += "-DOCSTART-\tO\n\n";
  const std::string_view text = document.text;
  size_t end = 0;
  for (const TaggedWord& word : TagWords(options, document, extraction)) {
    const bool inside = word.entity >= 0 && !word.first;
    const std::string_view between = text.substr(end, word.byte_start - end);
    if (end > 0 && !inside && between.find('\n') != std::string_view::npos) out += '\n';
    end = word.byte_end;
    AppendField(text.substr(word.byte_start, end - word.byte_start), out);
    if (word.entity < 0) {
      out += "\tO\n";
      continue;
    }
    out += word.first ? "\tB-" : "\tI-";
    const Entity& entity = extraction.entities[static_cast<size_t>(word.entity)];
    AppendField(LabelName(options, document, entity.label), out);
    out += '\n';
  }
  out += '\n';
}

}  // namespace waterline::cli
