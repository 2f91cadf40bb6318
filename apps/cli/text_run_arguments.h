// What the command lines of `extract` and `redact` have in common beside the texts and the model:
// where the output goes, and how a long run is gone on with.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "run_arguments.h"

namespace CLI {
class App;
}

namespace waterline::cli {

struct TextRunArguments : RunArguments {  // No files: standard input.
  std::string output;
  std::string stats_json;  // "": not wanted.
  std::string errors;      // "": no file.
  bool resume = false;
  bool restart = false;
  bool strict = false;
  bool stats = false;
  bool quiet = false;
};

// The declaring functions: `command` fills `arguments` when it parses; both must live as long.
// Values that cannot be used end in CLI::ParseError.

// FILE..., those of AddTextFlags, --shard, --strict.
void AddRunInputFlags(CLI::App& command, TextRunArguments& arguments);

// --model, those of AddEngineFlags, --idle-trim.
void AddRunModelFlags(CLI::App& command, TextRunArguments& arguments);

// --output, --resume, --restart, --errors, --stats, --stats-json, --quiet. `output_help` says what
// --output is.
void AddRunOutputFlags(CLI::App& command, const std::string& output_help,
                       TextRunArguments& arguments);

// An option that is a file to write, and not standard output.
CLI::Option* AddOutputFileFlag(CLI::App& command, const std::string& names, const std::string& help,
                               std::string& path);

}  // namespace waterline::cli
