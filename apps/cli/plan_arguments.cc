// SPDX-License-Identifier: Apache-2.0
#include "plan_arguments.h"

#include <CLI/CLI.hpp>

#include "flag_values.h"

namespace waterline::cli {
namespace {

constexpr char kExamples[] =
    R"(Reads the checkpoint's headers and the input, and runs no model. What it tells is what
`extract --stats` measures with the same flags, to the byte. (Input that is typed or comes through a
pipe in pauses may run in smaller batches than were planned: extract does not wait for more.)

The picture shows the largest batch: the steps of the pass from left to right, the bytes of the
workspace from the bottom up, a rectangle for each buffer. A sequence is a text, or one window of a
text that is longer than the model reads at once.

Exit status: 0; 1 some texts would be refused; 2 wrong usage, or an error without which nothing works.

Examples:
  waterline plan --memory-budget 256MiB
  waterline plan urchade/gliner_small-v2.1 -b 1G --input news.jsonl --labels person,city
  waterline plan --input notes.txt --labels person --svg arena.svg
  waterline plan models/mine --input data.jsonl --labels-file labels.txt --json | jq .largest_plan)";

}  // namespace

void AddPlanFlags(CLI::App& command, PlanArguments& arguments) {
  AddModelArgument(command, arguments.model);
  CLI::Option* input =
      command
          .add_option("--input,-i", arguments.files,
                      "File whose texts are to be planned, - for standard input; may be given\n"
                      "several times; without it only what the budget allows is told")
          ->option_text("FILE")
          ->allow_extra_args(false)
          ->group("Input");
  for (CLI::Option* option : AddTextFlags(command, "--input-kind", arguments)) {
    option->needs(input);
    if (option->get_option_text().empty()) option->option_text(" ");  // A flag: not "Needs: ...".
  }
  for (CLI::Option* option : AddLabelFlags(command, arguments)) option->needs(input);
  for (CLI::Option* option : AddRelationFlags(command, arguments)) option->needs(input);
  AddTruncateFlag(command, arguments)->needs(input)->option_text(" ");
  AddWindowFlag(command, arguments)->needs(input);
  AddOffsetsFlag(command, arguments)->needs(input)->group("Input");
  AddEngineFlags(command, arguments);
  command.add_flag("--json", arguments.json, "Print one JSON object, sizes in bytes")
      ->group("Output");
  AddParsed(command, "--svg", "File to draw the workspace of the largest batch to, as SVG",
            [&arguments](const std::string& text) {
              arguments.svg = text;
              return text.empty() || text == "-"
                         ? "'" + text + "' is not a file: standard output has the plan"
                         : std::string();
            })
      ->option_text("F")
      ->needs(input)
      ->group("Output");
  command.footer(kExamples);
}

}  // namespace waterline::cli
