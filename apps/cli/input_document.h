// One text of the input, with what its output has to repeat.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document_settings.h"
#include "json_record.h"

namespace waterline::cli {

struct InputDocument {
  size_t file = 0;   // Index into the files of the run.
  int64_t line = 0;  // From 1; 0 when the document is the whole file.
  std::string text;
  std::string_view line_end;        // Of kLines: "\n", "\r\n" or, at the end of the file, "".
  std::string json;                 // The line of JSONL, or a record of CSV as one; else empty.
  std::vector<JsonField> fields;    // Of `json`.
  DocumentSettings settings;        // Of its own.
  bool blank = false;               // A blank line of JSONL, which stays one.
  std::optional<std::string> flaw;  // Why there is no text.
  bool lost_file = false;           // It stands for what could not be read of its file.
};

}  // namespace waterline::cli
