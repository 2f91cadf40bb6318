// SPDX-License-Identifier: Apache-2.0
#include "extraction_format.h"

#include <fmt/format.h>

#include "byte_source.h"
#include "csv_format.h"
#include "jsonl_format.h"
#include "pretty_format.h"

namespace waterline::cli {

void FormatStart(const FormatOptions& options, std::string& out) {
  if (options.format == OutputFormat::kCsv) FormatCsvHeader(out);
  if (options.format == OutputFormat::kPretty) FormatLegend(options, out);
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
  }
}

std::string DocumentPlace(const std::vector<std::string>& files, const InputDocument& document) {
  const std::string file = DisplayName(files[document.file]);
  return document.line == 0 ? file : fmt::format("{}:{}", file, document.line);
}

}  // namespace waterline::cli
