// The labels of a run, from --labels and --labels-file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline::cli {

struct LabelList {
  std::vector<Label> labels;            // In the order given, each name once.
  std::vector<std::string> duplicates;  // Names that were given again, and dropped.
};

// The labels in `lists` (each "a,b,c"), then those in `file` (one a line, blank lines do not count;
// "" for no file). White space around a label does not belong to it. A label that holds a comma can
// only come from a file.
// Errors: kInvalidArgument  no labels; an empty label between commas; not UTF-8.
//         kNotFound, kIo    `file` cannot be read.
Result<LabelList> ReadLabels(const std::vector<std::string>& lists, const std::string& file);

}  // namespace waterline::cli
