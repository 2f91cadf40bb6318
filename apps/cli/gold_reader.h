// Texts with the entities that people found in them, for `waterline eval`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline::cli {

// In code points of the text.
struct GoldEntity {
  size_t start = 0;
  size_t end = 0;
  std::string label;
};

struct GoldText {
  int64_t line = 0;
  std::string text;
  std::optional<std::vector<TextSpan>> words;  // Where the line gives them.
  std::vector<GoldEntity> entities;
};

// Reads JSONL ("-" is standard input), compressed or not. A line is one of
//   {"tokenized_text": ["Ada", "Lovelace"], "ner": [[0, 1, "person"]]}, as GLiNER is trained with:
//       first and last word of each entity; the text is the words with a space between them;
//   {"text": "Ada Lovelace", "entities": [{"start": 0, "end": 12, "label": "person"}]}, as
//   `extract`
//       writes it; "spans" and "ents" stand for "entities" too, [0, 12, "person"] for an object,
//       and "type" for "label".
// Blank lines do not count. Holds all of it. Errors: those of InputStream; kInvalidArgument  a line
// that is none of these, which the message names.
Result<std::vector<GoldText>> ReadGold(const std::string& path);

// The labels of all entities, in the order in which they come.
std::vector<std::string> LabelsOf(const std::vector<GoldText>& texts);

}  // namespace waterline::cli
