// Options from the environment and from a file, for those that the command line does not give.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "waterline/result.h"

namespace CLI {
class App;
}

namespace waterline::cli {

// A command line with what was added to it.
struct CompletedArguments {
  std::vector<std::string> arguments;         // Without the name of the program, and --config.
  std::map<std::string, std::string> origin;  // Of options that were added: "--labels" ->
                                              // "WATERLINE_LABELS" or the path of the file.
};

// Adds to `arguments` (without the name of the program) the options of their command that they do
// not give: from WATERLINE_NAME for --name, with _ for -, else from the file of options. That is
// the one of --config, else of WATERLINE_CONFIG (which may be empty: none), else
// $XDG_CONFIG_HOME/waterline/config.toml (~/.config where that is not set), where it exists. The
// file is TOML: keys above the first section hold for every command that has the option, those in a
// section [COMMAND] for this one, and win. Options that need others which are not given are left
// out. WATERLINE_ISA is the engine's own.
// Errors: kNotFound, kIo  a file that was named cannot be read. kInvalidArgument  it is not TOML,
// or has a key that is no option, or a section that is no command; names it.
Result<CompletedArguments> AddDefaults(const CLI::App& program, std::vector<std::string> arguments);

}  // namespace waterline::cli
