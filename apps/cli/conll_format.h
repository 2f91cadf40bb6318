// Entities as tags of words; the layout stands in extraction_format.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "extraction_format.h"

namespace waterline::cli {

void FormatConll(const FormatOptions& options, const InputDocument& document,
                 const Extraction& extraction, std::string& out);

}  // namespace waterline::cli
