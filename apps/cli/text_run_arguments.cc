// SPDX-License-Identifier: Apache-2.0
#include "text_run_arguments.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <utility>

#include "duration.h"
#include "flag_values.h"

namespace waterline::cli {

void AddRunInputFlags(CLI::App& command, TextRunArguments& arguments) {
  command
      .add_option("FILE", arguments.files,
                  "Files to read, patterns of them, and with --recursive directories;\n"
                  "- or none: standard input")
      ->option_text("...");
  AddTextFlags(command, "--input,-i,--input-kind", arguments);
  AddParsed(command, "--shard",
            "Of every N texts in a row only the I-th, from 1: one machine's part",
            [&arguments](const std::string& text) {
              const size_t slash = text.find('/');
              int64_t index = 0, count = 0;
              const bool read = slash != std::string::npos &&
                                ReadInteger<int64_t>(text.substr(0, slash), 1, index).empty() &&
                                ReadInteger<int64_t>(text.substr(slash + 1), 1, count).empty() &&
                                index <= count;
              if (read) arguments.read.shard = {.index = index - 1, .count = count};
              return read ? std::string() : "'" + text + "' is not a part like 1/4";
            })
      ->option_text("I/N")
      ->group("Input");
  command.add_flag("--strict", arguments.strict, "Stop at the first text that is refused")
      ->group("Input");
}

void AddRunModelFlags(CLI::App& command, TextRunArguments& arguments) {
  AddModelFlag(command, arguments.model);
  AddEngineFlags(command, arguments);
  AddParsed(command, "--idle-trim",
            "For input that arrives in pauses: after this long without a text give\n"
            "the workspace back to the system, as 500ms, 30s or 2m; 0 or off, the\n"
            "default: never",
            [&arguments](const std::string& text) {
              const Result<std::chrono::milliseconds> time =
                  text == "off" ? std::chrono::milliseconds(0) : ParseDuration(text);
              if (!time.ok()) return time.error().message + ", or off";
              arguments.engine.idle_trim = *time;
              return std::string();
            })
      ->option_text("TIME")
      ->group("Model");
}

CLI::Option* AddOutputFileFlag(CLI::App& command, const std::string& names, const std::string& help,
                               std::string& path) {
  return AddParsed(command, names, help,
                   [&path](const std::string& text) {
                     path = text;
                     return text.empty() || text == "-"
                                ? "'" + text + "' is not a file: standard output has the texts"
                                : std::string();
                   })
      ->option_text("F");
}

void AddRunOutputFlags(CLI::App& command, const std::string& output_help,
                       TextRunArguments& arguments) {
  command.add_option("--output,-o", arguments.output, output_help)
      ->option_text("F")
      ->group("Output");
  command
      .add_flag("--resume", arguments.resume,
                "Go on where an interrupted run with the same --output stopped, if one\n"
                "did")
      ->group("Output");
  command.add_flag("--restart", arguments.restart, "Begin anew though such a run left its work")
      ->group("Output");
  AddOutputFileFlag(command, "--errors",
                    "File that gets one JSON object a line for each text that was refused:\n"
                    "file, line, error",
                    arguments.errors)
      ->group("Output");
  command
      .add_flag("--stats", arguments.stats,
                "Tell on standard error what was done, how fast and in what memory")
      ->group("Output");
  AddOutputFileFlag(command, "--stats-json",
                    "File that gets the same numbers as one JSON object, sizes in bytes",
                    arguments.stats_json)
      ->group("Output");
  command.add_flag("--quiet,-q", arguments.quiet, "No warnings, no progress, only errors")
      ->group("Output");
}

}  // namespace waterline::cli
