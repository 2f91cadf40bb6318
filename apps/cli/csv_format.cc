// SPDX-License-Identifier: Apache-2.0
#include "csv_format.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "json_writer.h"

namespace waterline::cli {
namespace {

void AppendField(std::string_view field, std::string& out) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
    out.append(field);
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

void FormatCsvHeader(std::string& out) { out += "file,line,start,end,text,label,score\n"; }

void FormatCsv(const FormatOptions& options, const InputDocument& document,
               const Extraction& extraction, std::string& out) {
  const std::string line = document.line == 0 ? std::string() : fmt::format("{}", document.line);
  for (const Entity& entity : extraction.entities) {
    AppendField(options.files[document.file], out);
    fmt::format_to(std::back_inserter(out), ",{},{},{},", line, entity.start, entity.end);
    AppendField(std::string_view(document.text)
                    .substr(entity.byte_start, entity.byte_end - entity.byte_start),
                out);
    out += ',';
    AppendField(options.labels[static_cast<size_t>(entity.label)].name, out);
    fmt::format_to(std::back_inserter(out), ",{}\n",
                   FormatDouble(static_cast<double>(entity.score)));
  }
}

}  // namespace waterline::cli
