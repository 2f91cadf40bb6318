// SPDX-License-Identifier: Apache-2.0
#include "run_arguments.h"

#include <CLI/CLI.hpp>

#include "byte_size.h"
#include "flag_values.h"
#include "utf8_text.h"

namespace waterline::cli {

void AddMemoryBudgetFlag(CLI::App& command, size_t& memory_budget) {
  AddParsed(command, "--memory-budget,-b",
            "Bytes that the engine may hold at once, as 512MiB or 1.5G; auto, the\n"
            "default: half of the memory that is free at load, of the machine or of\n"
            "the control group, whichever leaves less",
            [&memory_budget](const std::string& text) {
              if (text == kAutoValue) {
                memory_budget = 0;
                return std::string();
              }
              const Result<size_t> bytes = ParseByteSize(text);
              if (!bytes.ok()) return bytes.error().message + ", or auto";
              memory_budget = *bytes;
              return std::string();
            })
      ->option_text("B")
      ->group("Model");
}

void AddDtypeFlag(CLI::App& command, Precision& dtype) {
  AddChoice<Precision>(command, "--dtype",
                       "What linear maps are computed in: f32, bf16, int8; or auto, the\n"
                       "fastest that was shown to agree with f32 on this model. Default:\n"
                       "what the checkpoint was packed as (waterline pack), else f32",
                       {{"f32", Precision::kF32},
                        {"bf16", Precision::kBf16},
                        {"int8", Precision::kInt8},
                        {"auto", Precision::kAuto}},
                       dtype)
      ->option_text("TYPE")
      ->group("Model");
}

void AddEngineFlags(CLI::App& command, RunArguments& arguments) {
  AddMemoryBudgetFlag(command, arguments.engine.memory_budget);
  AddInteger(command, "--threads,-j", "Worker threads; 0, the default: one for each core", 0,
             arguments.engine.threads)
      ->option_text("N")
      ->group("Model");
  AddDtypeFlag(command, arguments.engine.dtype);
  AddParsed(command, "--batch-tokens",
            "Most tokens that one pass encodes together; auto, the default: as many\n"
            "as a worker's share of the workspace holds, up to 1024",
            [&arguments](const std::string& text) {
              int64_t& tokens = arguments.engine.batch_tokens;
              if (text == kAutoValue) {
                tokens = 0;
                return std::string();
              }
              const std::string wrong = ReadInteger<int64_t>(text, 1, tokens);
              return wrong.empty() ? wrong : wrong + ", or auto";
            })
      ->option_text("N")
      ->group("Model");
  command
      .add_option("--isa", arguments.engine.isa,
                  "amx, avx512bf16, avx512vnni, avx512, avxvnni, avx2 or portable")
      ->group("");
}

std::vector<CLI::Option*> AddLabelFlags(CLI::App& command, RunArguments& arguments) {
  return {command
              .add_option("--labels,-l", arguments.labels,
                          "What to look for, between commas; may be given several times")
              ->option_text("A,B,...")
              ->allow_extra_args(false)
              ->group("What to find"),
          command
              .add_option("--labels-file", arguments.labels_file,
                          "More labels, one a line; there a label may hold a comma")
              ->option_text("F")
              ->group("What to find")};
}

CLI::Option* AddTruncateFlag(CLI::App& command, RunArguments& arguments) {
  return command
      .add_flag("--truncate", arguments.extract.truncate,
                "Cut texts that are longer than the model reads at once, as the Python\n"
                "package does; without it they are read in overlapping windows")
      ->group("What to find");
}

std::vector<CLI::Option*> AddTextFlags(CLI::App& command, const std::string& names,
                                       RunArguments& arguments) {
  const std::string first = names.substr(0, names.find(','));
  CLI::Option* kind = AddChoice<InputKind>(command, names,
                                           "What the input is: auto (by file name), text, lines, "
                                           "jsonl",
                                           {{"auto", InputKind::kAuto},
                                            {"text", InputKind::kText},
                                            {"lines", InputKind::kLines},
                                            {"jsonl", InputKind::kJsonl}},
                                           arguments.input);
  CLI::Option* lines = command.add_flag_callback(
      "--lines",
      [&arguments, first] {
        const bool other =
            arguments.input != InputKind::kAuto && arguments.input != InputKind::kLines;
        if (other) throw CLI::ValidationError("--lines and " + first + " say different things");
        arguments.input = InputKind::kLines;
      },
      "Each line is a text: " + first + " lines");
  CLI::Option* field = AddParsed(
      command, "--text-field", "Field of the JSON that holds the text (text)",
      [&arguments](const std::string& text) {
        arguments.text_field = text;
        return IsUtf8(text) ? std::string() : "is not UTF-8: " + DescribeInvalidUtf8(text);
      });
  kind->option_text("KIND")->group("Input");
  lines->group("Input");
  field->option_text("NAME")->group("Input");
  return {kind, lines, field};
}

}  // namespace waterline::cli
