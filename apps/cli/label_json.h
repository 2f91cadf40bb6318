// Labels, relations and words as JSON: in files, and in the fields of a line of JSONL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline::cli {

// All of them: `json` is one JSON value. Errors: kInvalidArgument  it is not JSON or not of the
// form that is described; the message continues a sentence about it: "label 2 is a number, ...".

// A list of labels: ["person", {"name": "city", "description": "a town", "threshold": 0.7}]; or an
// object of names: {"person": "a human being", "city": {"description": "a town", "threshold": 0.7},
// "date": null}. Equal names are kept.
Result<std::vector<Label>> LabelsFromJson(simdjson::dom::parser& parser, std::string_view json);

// ["works for", "born in"]
Result<std::vector<std::string>> RelationsFromJson(simdjson::dom::parser& parser,
                                                   std::string_view json);

// A number from 0 to 1.
Result<float> ThresholdFromJson(simdjson::dom::parser& parser, std::string_view json);

// [[0, 3], [4, 12]]: start and end of each.
Result<std::vector<TextSpan>> SpansFromJson(simdjson::dom::parser& parser, std::string_view json);

}  // namespace waterline::cli
