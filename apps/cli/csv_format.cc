// SPDX-License-Identifier: Apache-2.0
#include "csv_format.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "json_writer.h"

namespace waterline::cli {
namespace {

// file,line,start,end,text,label,score
void AppendEntity(const FormatOptions& options, const InputDocument& document, const Entity& entity,
                  float score, std::string& out) {
  AppendCsvField(options.files[document.file], ',', out);
  const std::string line = document.line == 0 ? std::string() : fmt::format("{}", document.line);
  fmt::format_to(std::back_inserter(out), ",{},{},{},", line, entity.start, entity.end);
  AppendCsvField(TextOf(document, entity), ',', out);
  out += ',';
  AppendCsvField(LabelName(options, document, entity.label), ',', out);
  fmt::format_to(std::back_inserter(out), ",{}", FormatDouble(static_cast<double>(score)));
}

}  // namespace

void AppendCsvField(std::string_view field, char delimiter, std::string& out) {
  const char special[] = {delimiter, '"', '\r', '\n'};
  if (field.find_first_of(std::string_view(special, sizeof special)) == std::string_view::npos) {
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

void FormatCsvHeader(const FormatOptions& options, std::string& out) {
  out += "file,line,start,end,text,label,score";
  if (!options.relations.empty()) out += ",relation,tail_start,tail_end,tail_text,tail_label";
  out += '\n';
}

void FormatCsv(const FormatOptions& options, const InputDocument& document,
               const Extraction& extraction, std::string& out) {
  const bool with_relations = !options.relations.empty();
  for (const Entity& entity : extraction.entities) {
    AppendEntity(options, document, entity, entity.score, out);
    out += with_relations ? ",,,,,\n" : "\n";
  }
  if (!with_relations) return;
  for (const Relation& relation : extraction.relations) {
    const Entity& head = extraction.entities[static_cast<size_t>(relation.head)];
    const Entity& tail = extraction.entities[static_cast<size_t>(relation.tail)];
    AppendEntity(options, document, head, relation.score, out);
    out += ',';
    AppendCsvField(RelationName(options, document, relation.relation), ',', out);
    fmt::format_to(std::back_inserter(out), ",{},{},", tail.start, tail.end);
    AppendCsvField(TextOf(document, tail), ',', out);
    out += ',';
    AppendCsvField(LabelName(options, document, tail.label), ',', out);
    out += '\n';
  }
}

}  // namespace waterline::cli
