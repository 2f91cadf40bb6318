// SPDX-License-Identifier: Apache-2.0
#include "run_arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "byte_size.h"
#include "document_settings.h"
#include "flag_values.h"
#include "text_decoder.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

// Adds the names in `text`, "a,b"; returns what is wrong with one, if anything.
std::string AddIgnored(const std::string& text, RunArguments& arguments) {
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string name = text.substr(at, end - at);
    if (std::find(std::begin(kSettingFields), std::end(kSettingFields), name) ==
        std::end(kSettingFields)) {
      return "'" + ShowName(name) +
             "' is no field that sets something; those are labels, threshold, relations, words";
    }
    arguments.read.ignored_fields.push_back(name);
    at = end + 1;
  }
  return {};
}

void AddBudget(CLI::App& command, const char* name, const char* help, size_t& budget) {
  AddParsed(command, name, help,
            [&budget](const std::string& text) {
              if (text == kAutoValue) {
                budget = 0;
                return std::string();
              }
              const Result<size_t> bytes = ParseByteSize(text);
              if (!bytes.ok()) return bytes.error().message + ", or auto";
              budget = *bytes;
              return std::string();
            })
      ->option_text("B")
      ->group("Model");
}

}  // namespace

void AddMemoryBudgetFlag(CLI::App& command, size_t& memory_budget) {
  AddBudget(command, "--memory-budget,-b",
            "Bytes that the engine may hold at once, as 512MiB or 1.5G; auto, the\n"
            "default: half of the memory that is free at load, of the machine or of\n"
            "the control group, whichever leaves less",
            memory_budget);
}

void AddDeviceFlags(CLI::App& command, std::string& device, size_t& device_memory_budget) {
  command
      .add_option("--device", device,
                  "Where the model runs: cpu, the default; cuda or cuda:N for a GPU;\n"
                  "cuda:0,1 or cuda:all for several (waterline doctor checks them)")
      ->option_text("NAME")
      ->group("Model");
  AddBudget(command, "--device-memory-budget",
            "Bytes that the engine may hold on each GPU; auto, the default: nine\n"
            "tenths of what is free there at load",
            device_memory_budget);
}

void AddDtypeFlag(CLI::App& command, Precision& dtype) {
  AddChoice<Precision>(command, "--dtype",
                       "What linear maps are computed in: f32, bf16, int8, on GPUs also f16 and\n"
                       "tf32; or auto, the fastest that was shown to agree with f32 on this\n"
                       "model. Default: what the checkpoint was packed as (waterline pack),\n"
                       "else f32",
                       {{"f32", Precision::kF32},
                        {"bf16", Precision::kBf16},
                        {"f16", Precision::kF16},
                        {"tf32", Precision::kTf32},
                        {"int8", Precision::kInt8},
                        {"auto", Precision::kAuto}},
                       dtype)
      ->option_text("TYPE")
      ->group("Model");
}

void AddSplitterFlag(CLI::App& command, WordSplitter& splitter) {
  AddChoice<WordSplitter>(command, "--splitter",
                          "How texts are cut into words: whitespace, or icu for scripts without\n"
                          "spaces; model, the default: as the checkpoint says",
                          {{"model", WordSplitter::kModel},
                           {"whitespace", WordSplitter::kWhitespace},
                           {"icu", WordSplitter::kIcu}},
                          splitter)
      ->option_text("KIND")
      ->group("Model");
}

void AddEngineFlags(CLI::App& command, RunArguments& arguments) {
  AddMemoryBudgetFlag(command, arguments.engine.memory_budget);
  AddDeviceFlags(command, arguments.engine.device, arguments.engine.device_memory_budget);
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
  AddSplitterFlag(command, arguments.engine.splitter);
  command
      .add_option("--isa", arguments.engine.isa,
                  "amx, avx512bf16, avx512vnni, avx512, avxvnni, avx2 or portable")
      ->group("");
}

std::vector<CLI::Option*> AddLabelListFlags(CLI::App& command, std::vector<std::string>& labels,
                                            std::string& file) {
  return {command
              .add_option("--labels,-l", labels,
                          "What to look for, between commas; may be given several times")
              ->option_text("A,B,...")
              ->allow_extra_args(false)
              ->group("What to find"),
          command
              .add_option("--labels-file", file,
                          "More labels, one a line, where a label may hold a comma; or JSON with\n"
                          "descriptions and thresholds (see extract --help)")
              ->option_text("F")
              ->group("What to find")};
}

std::vector<CLI::Option*> AddLabelFlags(CLI::App& command, RunArguments& arguments) {
  std::vector<CLI::Option*> options =
      AddLabelListFlags(command, arguments.labels, arguments.labels_file);
  options.push_back(command
                        .add_option("--label-vectors", arguments.label_vectors,
                                    "Vectors that `waterline embed-labels` made for this model, so "
                                    "that labels\nare not encoded again; without --labels all of "
                                    "them are looked for")
                        ->option_text("F")
                        ->group("What to find"));
  options.push_back(
      AddParsed(command, "--labels-per-pass",
                "Most labels that the model reads together; more are read in parts, in\n"
                "several passes over the text; auto, the default: as many as leave half\n"
                "of what the model reads at once for the text",
                [&arguments](const std::string& text) {
                  int64_t& labels = arguments.extract.labels_per_pass;
                  if (text == kAutoValue) {
                    labels = 0;
                    return std::string();
                  }
                  const std::string wrong = ReadInteger<int64_t>(text, 1, labels);
                  return wrong.empty() ? wrong : wrong + ", or auto";
                })
          ->option_text("N")
          ->group("What to find"));
  return options;
}

std::vector<CLI::Option*> AddRelationFlags(CLI::App& command, RunArguments& arguments) {
  return {command
              .add_option("--relations,-r", arguments.relations,
                          "Relations between entities to look for, between commas; may be given\n"
                          "several times; of models that find relations")
              ->option_text("A,B,...")
              ->allow_extra_args(false)
              ->group("What to find"),
          command
              .add_option("--relations-file", arguments.relations_file,
                          "More relations, one a line, or a JSON list of names (*.json)")
              ->option_text("F")
              ->group("What to find")};
}

CLI::Option* AddOffsetsFlag(CLI::App& command, RunArguments& arguments) {
  return AddChoice<Offsets>(command, "--offsets",
                            "What start and end count: codepoints (the default), bytes or utf16",
                            {{"codepoints", Offsets::kCodePoints},
                             {"bytes", Offsets::kBytes},
                             {"utf16", Offsets::kUtf16}},
                            arguments.extract.offsets)
      ->option_text("UNIT");
}

void AddModelFlag(CLI::App& command, std::string& model) {
  command
      .add_option("--model,-m", model,
                  "Directory of a GLiNER checkpoint, or a hub id in the local\n"
                  "Hugging Face cache; without it the model that ships with Waterline")
      ->option_text("M")
      ->group("Model");
}

void AddOverlapFlags(CLI::App& command, RunArguments& arguments) {
  command.add_flag("--nested", arguments.extract.nested, "Also find entities inside others")
      ->group("What to find");
  command
      .add_flag("--multi-label", arguments.extract.multi_label,
                "Also find several labels for the same words")
      ->group("What to find");
}

CLI::Option* AddTruncateFlag(CLI::App& command, RunArguments& arguments) {
  return command
      .add_flag("--truncate", arguments.extract.truncate,
                "Cut texts that are longer than the model reads at once, as the Python\n"
                "package does; without it they are read in overlapping windows")
      ->group("What to find");
}

CLI::Option* AddWindowFlag(CLI::App& command, RunArguments& arguments) {
  return AddParsed(command, "--window-words",
                   "Most words of a window, of texts that are longer; auto, the default: as many\n"
                   "as the model reads at once. With small models fewer find more",
                   [&arguments](const std::string& text) {
                     int64_t& words = arguments.extract.window_words;
                     if (text == kAutoValue) {
                       words = 0;
                       return std::string();
                     }
                     const std::string wrong = ReadInteger<int64_t>(text, 1, words);
                     return wrong.empty() ? wrong : wrong + ", or auto";
                   })
      ->option_text("N")
      ->group("What to find");
}

std::vector<CLI::Option*> AddTextFlags(CLI::App& command, const std::string& names,
                                       RunArguments& arguments) {
  const std::string first = names.substr(0, names.find(','));
  CLI::Option* kind = AddChoice<InputKind>(command, names,
                                           "What the input is: auto (by file name), text, lines, "
                                           "jsonl,\ncsv or tsv",
                                           {{"auto", InputKind::kAuto},
                                            {"text", InputKind::kText},
                                            {"lines", InputKind::kLines},
                                            {"jsonl", InputKind::kJsonl},
                                            {"csv", InputKind::kCsv},
                                            {"tsv", InputKind::kTsv}},
                                           arguments.read.kind);
  CLI::Option* lines = command.add_flag_callback(
      "--lines",
      [&arguments, first] {
        const InputKind kind_given = arguments.read.kind;
        if (kind_given != InputKind::kAuto && kind_given != InputKind::kLines) {
          throw CLI::ValidationError("--lines and " + first + " say different things");
        }
        arguments.read.kind = InputKind::kLines;
      },
      "Each line is a text: " + first + " lines");
  const auto name = [&command](const char* flag, const char* help, std::string& to) {
    return AddParsed(command, flag, help, [&to](const std::string& text) {
      to = text;
      return IsUtf8(text) ? std::string() : "is not UTF-8: " + DescribeInvalidUtf8(text);
    });
  };
  CLI::Option* field =
      name("--text-field", "Field of the JSON, or column of the CSV, that holds the text (text)",
           arguments.read.text_field);
  CLI::Option* id = name("--id-field", "Field or column of ids, of which a second one is told (id)",
                         arguments.read.id_field);
  CLI::Option* ignored =
      AddParsed(command, "--ignore-fields",
                "Fields of the JSON that set nothing for their text, between commas: of\n"
                "labels, threshold, relations and words",
                [&arguments](const std::string& text) { return AddIgnored(text, arguments); });
  CLI::Option* delimiter =
      AddParsed(command, "--delimiter", "What stands between the columns of CSV (,)",
                [&arguments](const std::string& text) {
                  const bool one = text.size() == 1 && text != "\"" && text != "\n" && text != "\r";
                  if (one) arguments.read.delimiter = text[0];
                  return one ? std::string() : "'" + ShowName(text) + "' is not one character";
                });
  CLI::Option* encoding =
      AddParsed(command, "--encoding",
                "What files without a byte-order mark are written in (utf-8), as\n"
                "windows-1252, utf-16le or shift_jis",
                [&arguments](const std::string& text) {
                  arguments.read.encoding = text;
                  const Result<void> known = CheckEncoding(text);
                  return known.ok() ? std::string() : known.error().message;
                });
  CLI::Option* recursive =
      command.add_flag("--recursive,-R", arguments.search.recursive,
                       "Read the files in directories, and in those below them");
  CLI::Option* include =
      command.add_option("--include", arguments.search.include,
                         "Names of files that are read there, as '*.log'; may be given several\n"
                         "times; without it those of text, Markdown, JSONL, CSV and TSV");
  CLI::Option* exclude =
      command.add_option("--exclude", arguments.search.exclude,
                         "Names of files and directories that are left out there");
  kind->option_text("KIND");
  field->option_text("NAME");
  id->option_text("NAME");
  ignored->option_text("A,B,...");
  delimiter->option_text("C");
  encoding->option_text("NAME");
  include->option_text("GLOB")->allow_extra_args(false);
  exclude->option_text("GLOB")->allow_extra_args(false);
  std::vector<CLI::Option*> options = {kind,      lines,    field,     id,      ignored,
                                       delimiter, encoding, recursive, include, exclude};
  for (CLI::Option* option : options) option->group("Input");
  return options;
}

}  // namespace waterline::cli
