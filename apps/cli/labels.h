// The labels and relations of a run, from --labels, --relations and their files.
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

// The labels in `lists` (each "a,b,c"), then those in `file` ("" for no file): one a line, where
// blank lines do not count; or, when its name ends in .json or it begins with {, as
// LabelsFromJson reads them. White space around a label does not belong to it, except in JSON. A
// label that holds a comma can only come from a file.
// Errors: kInvalidArgument  an empty label between commas; not UTF-8; JSON that cannot be used; no
//                           labels in `file` nor in the lists.
//         kNotFound, kIo    `file` cannot be read.
Result<LabelList> ReadLabels(const std::vector<std::string>& lists, const std::string& file);

// That there are no labels, for commands that need some.
Error NoLabels();

struct RelationList {
  std::vector<std::string> relations;   // In the order given, each once.
  std::vector<std::string> duplicates;  // Those that were given again, and dropped.
};

// The same for relations; JSON is a list of names.
Result<RelationList> ReadRelations(const std::vector<std::string>& lists, const std::string& file);

}  // namespace waterline::cli
