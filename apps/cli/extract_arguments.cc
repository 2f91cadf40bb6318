// SPDX-License-Identifier: Apache-2.0
#include "extract_arguments.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <functional>
#include <limits>
#include <utility>

#include "byte_size.h"
#include "utf8_text.h"

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

// Declares an option that `parse` reads; the text it returns, if any, says what is wrong.
CLI::Option* AddParsed(CLI::App& command, const std::string& names, const std::string& help,
                       std::function<std::string(const std::string&)> parse) {
  return command.add_option_function<std::string>(
      names,
      [first = names.substr(0, names.find(',')),
       parse = std::move(parse)](const std::string& text) {
        const std::string wrong = parse(text);
        if (!wrong.empty()) throw CLI::ValidationError(first + " " + wrong);
      },
      help);
}

// Declares an option that is one of `choices`.
template <typename T>
CLI::Option* AddChoice(CLI::App& command, const std::string& names, const std::string& help,
                       std::vector<std::pair<std::string, T>> choices, T& chosen) {
  return AddParsed(command, names, help, [choices, &chosen](const std::string& text) {
    std::string known;
    for (const auto& [name, value] : choices) {
      if (name == text) {
        chosen = value;
        return std::string();
      }
      known += (known.empty() ? "" : ", ") + name;
    }
    return "'" + text + "' is not known; it is one of " + known;
  });
}

template <typename T>
CLI::Option* AddInteger(CLI::App& command, const std::string& names, const std::string& help,
                        T least, T& number) {
  return AddParsed(command, names, help, [least, &number](const std::string& text) {
    T parsed = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, parsed);
    if (error != std::errc() || stop != end || parsed < least) {
      return "'" + text + "' is not a whole number from " + std::to_string(least) + " to " +
             std::to_string(std::numeric_limits<T>::max());
    }
    number = parsed;
    return std::string();
  });
}

void AddModelFlags(CLI::App& command, ExtractArguments& arguments) {
  command
      .add_option("--model,-m", arguments.model,
                  "Directory of a GLiNER checkpoint, or a hub id in the local\n"
                  "Hugging Face cache; without it the model that ships with Waterline")
      ->option_text("M")
      ->group("Model");
  AddMemoryBudgetFlag(command, arguments.engine.memory_budget);
  AddInteger(command, "--threads,-j", "Worker threads; 0, the default: one for each core", 0,
             arguments.engine.threads)
      ->option_text("N")
      ->group("Model");
  AddParsed(command, "--dtype", "Type to compute in; f32 is the only one in this version",
            [](const std::string& text) {
              return text == "f32" ? "" : "'" + text + "' is not known; this version runs f32 only";
            })
      ->option_text("TYPE")
      ->group("Model");
  AddInteger<int64_t>(command, "--batch-tokens", "Most tokens that one pass encodes (1024)", 1,
                      arguments.engine.batch_tokens)
      ->option_text("N")
      ->group("Model");
  command.add_option("--isa", arguments.engine.isa, "avx512, avx2 or portable")->group("");
}

void AddSearchFlags(CLI::App& command, ExtractArguments& arguments) {
  command
      .add_option("--labels,-l", arguments.labels,
                  "What to look for, between commas; may be given several times")
      ->option_text("A,B,...")
      ->allow_extra_args(false)
      ->group("What to find");
  command
      .add_option("--labels-file", arguments.labels_file,
                  "More labels, one a line; there a label may hold a comma")
      ->option_text("F")
      ->group("What to find");
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
  command
      .add_flag(
          "--truncate", arguments.extract.truncate,
          "Cut texts that are longer than the model reads at once, as the Python package does; "
          "without it they are read in overlapping windows")
      ->group("What to find");
}

void AddInputFlags(CLI::App& command, ExtractArguments& arguments) {
  command.add_option("FILE", arguments.files, "Files to read; - or none: standard input")
      ->option_text("...");
  AddChoice<InputKind>(command, "--input,-i",
                       "What the input is: auto (by file name), text, lines, jsonl",
                       {{"auto", InputKind::kAuto},
                        {"text", InputKind::kText},
                        {"lines", InputKind::kLines},
                        {"jsonl", InputKind::kJsonl}},
                       arguments.input)
      ->option_text("KIND")
      ->group("Input");
  command
      .add_flag_callback(
          "--lines",
          [&arguments] {
            const bool other =
                arguments.input != InputKind::kAuto && arguments.input != InputKind::kLines;
            if (other) throw CLI::ValidationError("--lines and --input say different things");
            arguments.input = InputKind::kLines;
          },
          "Each line is a text: --input lines")
      ->group("Input");
  AddParsed(command, "--text-field", "Field of the JSON that holds the text (text)",
            [&arguments](const std::string& text) {
              arguments.text_field = text;
              return IsUtf8(text) ? std::string() : "is not UTF-8: " + DescribeInvalidUtf8(text);
            })
      ->option_text("NAME")
      ->group("Input");
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
  command.add_flag("--quiet,-q", arguments.quiet, "No warnings, only errors")->group("Output");
}

}  // namespace

void AddMemoryBudgetFlag(CLI::App& command, size_t& memory_budget) {
  AddParsed(
      command, "--memory-budget,-b",
      "Bytes that the engine may hold at once, as 512MiB or 1.5G; without it half of the free "
      "memory",
      [&memory_budget](const std::string& text) {
        const Result<size_t> bytes = ParseByteSize(text);
        if (!bytes.ok()) return bytes.error().message;
        memory_budget = *bytes;
        return std::string();
      })
      ->option_text("B")
      ->group("Model");
}

void AddExtractFlags(CLI::App& command, ExtractArguments& arguments) {
  AddInputFlags(command, arguments);
  AddSearchFlags(command, arguments);
  AddModelFlags(command, arguments);
  AddOutputFlags(command, arguments);
  command.footer(kExamples);
}

}  // namespace waterline::cli
