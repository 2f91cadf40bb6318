// SPDX-License-Identifier: Apache-2.0
#include "extract_arguments.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>

#include "duration.h"
#include "flag_values.h"

namespace waterline::cli {
namespace {

constexpr char kExamples[] =
    R"(Input: *.jsonl and *.ndjson hold one JSON object a line, with the text in one of its fields; other
files, and standard input, hold one text each, or one a line with --lines. Texts are UTF-8.

Output: jsonl has one line for each text, in the order of the input: the fields of its JSON
unchanged, or else "text"; then "entities", a list of {start, end, text, label, score}; a text that
was refused has an "error". csv has one line for each entity. pretty marks the entities in the text.

Sizes: plain bytes, or K, M, G (1024-based, as KiB, MiB, GiB), or kB, MB, GB (1000-based).

Exit status: 0 all is well; 1 some texts were refused, each told on standard error with its line;
2 wrong usage, or an error without which nothing works.

Examples:
  echo "Ada Lovelace lived in London." | waterline extract --labels person,city
  waterline extract news.jsonl --labels-file labels.txt --output found.jsonl
  waterline extract book.txt --labels "person,city" --memory-budget 512MiB --stats
  zcat tweets.gz | waterline extract --lines --labels person,product --format csv > found.csv
  waterline extract --model urchade/gliner_small-v2.1 --labels drug,dose --nested report.txt)";

void AddModelFlags(CLI::App& command, ExtractArguments& arguments) {
  command
      .add_option("--model,-m", arguments.model,
                  "Directory of a GLiNER checkpoint, or a hub id in the local\n"
                  "Hugging Face cache; without it the model that ships with Waterline")
      ->option_text("M")
      ->group("Model");
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

void AddSearchFlags(CLI::App& command, ExtractArguments& arguments) {
  AddLabelFlags(command, arguments);
  AddParsed(command, "--threshold,-t", "Least probability of an entity, exclusive (0.5)",
            [&arguments](const std::string& text) {
              float parsed = 0;
              const char* end = text.data() + text.size();
              const auto [stop, error] = std::from_chars(text.data(), end, parsed);
              if (error != std::errc() || stop != end || !(parsed >= 0 && parsed <= 1)) {
                return "'" + text + "' is not a number from 0 to 1";
              }
              arguments.extract.threshold = parsed;
              return std::string();
            })
      ->option_text("P")
      ->group("What to find");
  command.add_flag("--nested", arguments.extract.nested, "Also find entities inside others")
      ->group("What to find");
  command
      .add_flag("--multi-label", arguments.extract.multi_label,
                "Also find several labels for the same words")
      ->group("What to find");
  AddTruncateFlag(command, arguments);
}

void AddInputFlags(CLI::App& command, ExtractArguments& arguments) {
  command.add_option("FILE", arguments.files, "Files to read; - or none: standard input")
      ->option_text("...");
  AddTextFlags(command, "--input,-i,--input-kind", arguments);
  command.add_flag("--strict", arguments.strict, "Stop at the first text that is refused")
      ->group("Input");
}

void AddOutputFlags(CLI::App& command, ExtractArguments& arguments) {
  AddChoice<std::string>(
      command, "--format,-f", "pretty, jsonl or csv; without it pretty on a terminal, else jsonl",
      {{"pretty", "pretty"}, {"jsonl", "jsonl"}, {"csv", "csv"}}, arguments.format)
      ->option_text("FORMAT")
      ->group("Output");
  command
      .add_option("--output,-o", arguments.output,
                  "File to write, which appears only when all is done; without it\n"
                  "standard output")
      ->option_text("F")
      ->group("Output");
  AddChoice<Offsets>(command, "--offsets",
                     "What start and end count: codepoints (the default), bytes or utf16",
                     {{"codepoints", Offsets::kCodePoints},
                      {"bytes", Offsets::kBytes},
                      {"utf16", Offsets::kUtf16}},
                     arguments.extract.offsets)
      ->option_text("UNIT")
      ->group("Output");
  command
      .add_flag("--stats", arguments.stats,
                "Tell on standard error what was done, how fast and in what memory")
      ->group("Output");
  AddParsed(command, "--stats-json",
            "File that gets the same numbers as one JSON object, sizes in bytes",
            [&arguments](const std::string& text) {
              arguments.stats_json = text;
              return text.empty() || text == "-"
                         ? "'" + text + "' is not a file: standard output has the entities"
                         : std::string();
            })
      ->option_text("F")
      ->group("Output");
  command.add_flag("--quiet,-q", arguments.quiet, "No warnings, only errors")->group("Output");
}

}  // namespace

void AddExtractFlags(CLI::App& command, ExtractArguments& arguments) {
  AddInputFlags(command, arguments);
  AddSearchFlags(command, arguments);
  AddModelFlags(command, arguments);
  AddOutputFlags(command, arguments);
  command.footer(kExamples);
}

}  // namespace waterline::cli
