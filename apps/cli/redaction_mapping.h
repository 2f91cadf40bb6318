// The file that knows what was redacted: written by `redact --mapping`, read by `restore`. It is as
// secret as the texts. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input_document.h"
#include "input_stream.h"
#include "line_splitter.h"
#include "redaction/redaction.h"
#include "redaction/restoration.h"
#include "waterline/result.h"

namespace waterline::cli {

// JSONL. The first line is {"waterline": "redaction mapping", "version": 1, "files": whether the
// texts are in a directory}; then one for each text of the output, in its order:
//   {"file", "line"?, "id"?, "redactions": [{"start", "end", "replacement", "text", "label"}]}
// with places in the redacted text, in code points; of a text that was refused {"file", "line"?,
// "refused": true}.
void AppendMappingHead(bool files, std::string& out);

// `file` is the name of the copy, or of the input. `id_field` is the field whose value is kept.
void AppendMapping(const std::string& file, const InputDocument& document,
                   const std::string& id_field, const redaction::RedactedText& made,
                   std::span<const redaction::Finding> findings, std::string& out);
void AppendRefusedMapping(const std::string& file, const InputDocument& document, std::string& out);

// What a line says of one text.
struct MappedText {
  std::string file;
  std::optional<std::string> id;  // JSON.
  bool refused = false;
  std::vector<redaction::ReplacedPart> parts;
};

// Holds one line. For one thread.
class MappingReader {
 public:
  // Errors: those of InputStream::Open; kInvalidArgument  it does not begin as a mapping does.
  static Result<MappingReader> Open(const std::string& path);

  bool files() const { return files_; }

  // What belongs to the next text; false: there are no more. Errors: kIo; kInvalidArgument  a line
  // is not one of a mapping; names it.
  Result<bool> Next(MappedText& text);

 private:
  MappingReader(std::string path, InputStream stream);
  Result<bool> NextLine(Line& line);

  std::string path_;
  InputStream stream_;
  LineSplitter lines_;
  simdjson::dom::parser parser_;
  bool files_ = false;
  bool at_end_ = false;
};

}  // namespace waterline::cli
