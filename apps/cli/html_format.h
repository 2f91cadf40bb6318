// Entities as one HTML page that needs nothing else; the layout stands in extraction_format.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "extraction_format.h"

namespace waterline::cli {

void FormatHtmlStart(const FormatOptions& options, std::string& out);
// An entity without a score (NaN) is shown without one, wherever the slider stands.
void FormatHtml(const FormatOptions& options, const InputDocument& document,
                const Extraction& extraction, std::string& out);
void FormatHtmlEnd(std::string& out);

// `text` with &, <, > and quotes escaped, and control characters as their pictures.
std::string EscapeHtml(std::string_view text);

}  // namespace waterline::cli
