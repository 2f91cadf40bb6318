// A model report, for people and for programs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "waterline/engine.h"

namespace waterline::cli {

// A table; lines end in "\n".
std::string FormatModelReport(const ModelReport& report);

// One JSON object with the fields of ModelReport under their names, and "\n".
std::string FormatModelReportJson(const ModelReport& report);

}  // namespace waterline::cli
