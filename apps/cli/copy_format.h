// Documents of the input again, as they came, each with another text.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document_reader.h"
#include "input_document.h"

namespace waterline::cli {

// Text is UTF-8 without a byte-order mark, whatever it was. For one thread.
class CopyFormat {
 public:
  // `kind` is not kAuto.
  CopyFormat(InputKind kind, const ReadOptions& read);

  // Appends `document` with `text` in the place of its own:
  //   kText   the text;
  //   kLines  the text and the line's end;
  //   kJsonl  a line; the other fields as they stand there, in their order;
  //   kCsv, kTsv  a record; the other fields unchanged, in quotes where they need them.
  // Without `text` it was refused, for the reason `error`, and nothing of its text may be seen: a
  // text is left out, a line is empty, a field of JSON null, followed by "error", a field of CSV
  // empty; a record whose fields could not be read is {"line", "error"}, or left out of CSV.
  // Returns whether there is a document now where it was.
  bool Append(const InputDocument& document, const std::optional<std::string_view>& text,
              const std::string& error, std::string& out);

  // The line of names of a CSV file that `document` is a record of, with its end.
  std::string Header(const InputDocument& document) const;

 private:
  bool AppendJson(const InputDocument& document, const std::optional<std::string_view>& text,
                  const std::string& error, std::string& out) const;
  bool AppendRecord(const InputDocument& document, const std::optional<std::string_view>& text,
                    std::string& out);

  InputKind kind_;
  std::string text_field_;
  char delimiter_;
  simdjson::dom::parser parser_;
};

}  // namespace waterline::cli
