// The program's commands and options as shells complete them and as manual pages describe them,
// made from what is declared for parsing. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace waterline::cli {

// Scripts that complete commands, options, and values of options that have few.
std::string CompleteForBash(const CLI::App& program);
std::string CompleteForZsh(const CLI::App& program);
std::string CompleteForFish(const CLI::App& program);

// The manual page (roff, section 1) of the program, or of one of its commands.
std::string FormatManual(const CLI::App& program, const std::string& version);
std::string FormatManual(const CLI::App& program, const CLI::App& command,
                         const std::string& version);

}  // namespace waterline::cli
