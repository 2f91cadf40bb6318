// SPDX-License-Identifier: Apache-2.0
#include "extraction_format.h"

#include <fmt/format.h>

#include "annotation_format.h"
#include "byte_source.h"
#include "conll_format.h"
#include "csv_format.h"
#include "html_format.h"
#include "jsonl_format.h"
#include "pretty_format.h"

namespace waterline::cli {

void FormatStart(const FormatOptions& options, std::string& out) {
  if (options.format == OutputFormat::kCsv) FormatCsvHeader(options, out);
  if (options.format == OutputFormat::kPretty) FormatLegend(options, out);
  if (options.format == OutputFormat::kHtml) FormatHtmlStart(options, out);
}

void FormatEnd(const FormatOptions& options, std::string& out) {
  if (options.format == OutputFormat::kHtml) FormatHtmlEnd(out);
}

void FormatDocument(const FormatOptions& options, const InputDocument& document,
                    const Extraction& extraction, std::string& out) {
  switch (options.format) {
    case OutputFormat::kJsonl:
      return FormatJsonl(options, document, extraction, out);
    case OutputFormat::kCsv:
      return FormatCsv(options, document, extraction, out);
    case OutputFormat::kPretty:
      return FormatPretty(options, document, extraction, out);
    case OutputFormat::kConll:
      return FormatConll(options, document, extraction, out);
    case OutputFormat::kSpacy:
      return FormatSpacy(options, document, extraction, out);
    case OutputFormat::kProdigy:
      return FormatProdigy(options, document, extraction, out);
    case OutputFormat::kHtml:
      return FormatHtml(options, document, extraction, out);
    case OutputFormat::kBrat:
      return;
  }
}

const std::string& LabelName(const FormatOptions& options, const InputDocument& document,
                             int32_t label) {
  const std::vector<Label>* own = document.settings.labels.get();
  return (own != nullptr ? *own : options.labels)[static_cast<size_t>(label)].name;
}

namespace {

const std::vector<std::string>& RelationsOf(const FormatOptions& options,
                                            const InputDocument& document) {
  const std::vector<std::string>* own = document.settings.relations.get();
  return own != nullptr ? *own : options.relations;
}

}  // namespace

const std::string& RelationName(const FormatOptions& options, const InputDocument& document,
                                int32_t relation) {
  return RelationsOf(options, document)[static_cast<size_t>(relation)];
}

bool AsksForRelations(const FormatOptions& options, const InputDocument& document) {
  return !RelationsOf(options, document).empty();
}

std::string_view TextOf(const InputDocument& document, const Entity& entity) {
  return std::string_view(document.text)
      .substr(entity.byte_start, entity.byte_end - entity.byte_start);
}

std::string DocumentPlace(const std::vector<std::string>& files, const InputDocument& document) {
  const std::string file = DisplayName(files[document.file]);
  return document.line == 0 ? file : fmt::format("{}:{}", file, document.line);
}

}  // namespace waterline::cli
