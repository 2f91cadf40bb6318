// The command line of `waterline serve`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "run_arguments.h"
#include "server_options.h"

namespace CLI {
class App;
}

namespace waterline::cli {

struct ServeArguments {
  RunArguments run;  // Of which only `engine` is filled.
  server::ServerOptions server;
};

// Declares the flags on `command`, which fills `arguments` when it parses; both must live as long.
// Values that cannot be used end in CLI::ParseError.
void AddServeFlags(CLI::App& command, ServeArguments& arguments);

}  // namespace waterline::cli
