// Entities as spaCy and Prodigy read them, one JSON object a line; the layouts stand in
// extraction_format.h. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "extraction_format.h"

namespace waterline::cli {

void FormatSpacy(const FormatOptions& options, const InputDocument& document,
                 const Extraction& extraction, std::string& out);

void FormatProdigy(const FormatOptions& options, const InputDocument& document,
                   const Extraction& extraction, std::string& out);

}  // namespace waterline::cli
