// The rules of a redaction: what the model looks for, what patterns look for, and what is put in
// place of it. docs/redaction-rules.md describes the files that they are read from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "redaction/checks.h"
#include "redaction/replacement.h"
#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline::redaction {

inline constexpr int kContextDistance = 40;  // Where a rule file says nothing.
inline constexpr size_t kMaxRuleFile = size_t{1} << 20;

// Something that a regular expression finds.
struct PatternRule {
  std::string name;
  std::string label;
  std::string regex;  // PCRE2; what the group `value` matched is found, else the whole match.
  Check check = Check::kNone;
  // One of these words must stand near what was found; empty: it need not be near anything.
  std::vector<std::string> context = {};
  int context_distance = kContextDistance;  // Code points before or after it.
  std::string file = {};                    // Where the rule stands, for messages.
  int line = 0;
};

struct Rules {
  std::vector<Label> labels;                        // What the model looks for.
  std::vector<PatternRule> patterns;                // Each name once.
  std::map<std::string, Replacement> replacements;  // By label, where a rule file says so.
};

// Reads the text of a rule file, and the preset that it extends. `name` stands for the file in
// messages. Nothing is thrown.
// Errors: kInvalidArgument  what is wrong, with file and line ("my.yaml:12: ..."), and what would
// do.
Result<Rules> ParseRules(std::string_view yaml, const std::string& name);

}  // namespace waterline::redaction
