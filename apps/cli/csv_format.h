// Entities as lines of CSV; the layout stands in extraction_format.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "extraction_format.h"

namespace waterline::cli {

// Appends a field, in quotes where it needs them (RFC 4180).
void AppendCsvField(std::string_view field, char delimiter, std::string& out);

void FormatCsvHeader(const FormatOptions& options, std::string& out);

void FormatCsv(const FormatOptions& options, const InputDocument& document,
               const Extraction& extraction, std::string& out);

}  // namespace waterline::cli
