// A text with its entities marked, for people; the layout stands in extraction_format.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "extraction_format.h"

namespace waterline::cli {

// With colours: one line that shows which label has which.
void FormatLegend(const FormatOptions& options, std::string& out);

void FormatPretty(const FormatOptions& options, const InputDocument& document,
                  const Extraction& extraction, std::string& out);

}  // namespace waterline::cli
