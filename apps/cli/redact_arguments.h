// The command lines of `waterline redact` and `waterline restore`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "redaction/replacement.h"
#include "text_run_arguments.h"

namespace CLI {
class App;
}

namespace waterline::cli {

enum class RedactionFormat {
  kSame,   // What came in.
  kFiles,  // The same, with a file for each file.
  kJsonl,  // A line for each text, with the places of what was replaced.
};

struct RedactArguments : TextRunArguments {
  // A name that stays is worse than a word too many (docs/redaction-recall.md).
  RedactArguments() { extract.threshold = 0.3f; }

  std::string preset;  // "": that of --rules, else "pii".
  std::string rules;   // "": no file.
  bool no_model = false;
  bool no_patterns = false;
  bool print_rules = false;
  RedactionFormat format = RedactionFormat::kSame;
  redaction::Replacement replacement = redaction::Replacement::kLabel;
  std::string word = "[REDACTED]";
  std::string key;  // A file; "": none.
  bool keyed_pseudonyms = false;
  std::string mapping;  // "": no file.
  std::string report;   // "": no file.
};

struct RestoreArguments : RunArguments {
  std::string mapping;
  std::string output;
  RedactionFormat format = RedactionFormat::kSame;  // Or kFiles.
  bool changed = false;
  bool quiet = false;
};

// Declare the flags on `command`, which fills `arguments` when it parses; both must live as long.
// Values that cannot be used end in CLI::ParseError.
void AddRedactFlags(CLI::App& command, RedactArguments& arguments);
void AddRestoreFlags(CLI::App& command, RestoreArguments& arguments);

}  // namespace waterline::cli
