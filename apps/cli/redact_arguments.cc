// SPDX-License-Identifier: Apache-2.0
#include "redact_arguments.h"

#include <CLI/CLI.hpp>
#include <utility>
#include <vector>

#include "document_settings.h"
#include "flag_values.h"
#include "redaction/presets.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

constexpr char kRedactHelp[] =
    R"(No recogniser finds everything. What this command has not found is still in its output: look at
samples, measure with `waterline eval` on texts of your own, and do not take the output for anonymous
because it came out of here. docs/redaction-recall.md has measured recall.

What is looked for: the labels of the preset or rule file, by the model, and of --labels; and what is
better told by its form (e-mail addresses, cards, IBANs, national ids), by patterns with checksums.
`--preset hipaa --print-rules > mine.yaml` begins a rule file of your own (docs/redaction-rules.md).
Where both find something in the same place the whole stretch is replaced.

Replacements: label [PERSON]; mask, a * for each character; pseudonym PERSON_1, the same for the same
words in a document, or with --pseudonyms key in all documents that are redacted with this key; hash
[PERSON:3f2a9c0d11e4b7a6], of HMAC-SHA256 with --key; word, the same everywhere. A rule file may say
another one for a label.

Output: same is what came in with other texts: files and lines byte for byte outside of what was
replaced, JSONL and CSV with the other fields unchanged (they are not looked through). files is the same,
a file for each, in a new directory. jsonl has a line for each text: its fields, or else "text"; then
"redactions", a list of {start, end, new_start, new_end, label, and score or rule}. A text that was
refused does not come out: its line is empty, its field null, its file not there.

--mapping keeps what was replaced, for `waterline restore`; it is as secret as the texts.

Exit status: as that of extract.

Examples:
  waterline redact letter.txt > redacted.txt
  waterline redact -R notes --preset hipaa --format files -o redacted --report report.json
  waterline redact tickets.jsonl --text-field body --replacement pseudonym --mapping secret.jsonl -o out.jsonl
  head -c 32 /dev/urandom > key; waterline redact people.csv --text-field note --replacement hash --key key
  waterline redact --no-model app.log --lines
  waterline redact --rules mine.yaml --labels "project name" report.txt)";

constexpr char kRestoreHelp[] =
    R"(Puts back what `waterline redact --mapping F` took out: the texts of the input are those of its output, all
of them and in the same order, in files, lines, JSONL or CSV as they came out. Each replacement must
stand where it was put.

With --changed the texts may be others, such as a model's answers about the redacted ones: the n-th text
belongs to the n-th of the mapping, and each pseudonym, hash or label is put back wherever it stands,
unless it stands for different words.

Exit status: 0 all is well; 1 some texts could not be restored, each told on standard error with its
line; they come out as they are; 2 wrong usage, or an error without which nothing works.

Examples:
  waterline restore redacted.txt --mapping secret.jsonl > letter.txt
  waterline restore -R redacted --mapping secret.jsonl --format files -o notes-again
  waterline restore answers.jsonl --text-field answer --mapping secret.jsonl --changed -o full.jsonl)";

void AddRuleFlags(CLI::App& command, RedactArguments& arguments) {
  const char* group = "What to replace";
  std::string names;
  std::vector<std::pair<std::string, std::string>> presets;
  for (const std::string& name : redaction::PresetNames()) {
    names += name + ", ";
    presets.emplace_back(name, name);
  }
  presets.emplace_back("none", "none");
  AddChoice<std::string>(command, "--preset",
                         names +
                             "or none: rules that come with the program; without it pii,\n"
                             "or what the rule file says",
                         presets, arguments.preset)
      ->option_text("NAME")
      ->group(group);
  command
      .add_option("--rules", arguments.rules,
                  "Rule file in YAML: labels, patterns, what takes their place")
      ->option_text("F")
      ->group(group);
  for (CLI::Option* option : AddLabelFlags(command, arguments)) option->group(group);
  AddProbability(command, "--threshold,-t",
                 "Least probability of what the model finds, exclusive (0.3); rules may have\n"
                 "thresholds of their own",
                 arguments.extract.threshold)
      ->option_text("P")
      ->group(group);
  AddWindowFlag(command, arguments)->group(group);
  command.add_flag("--no-model", arguments.no_model, "Patterns alone")->group(group);
  command.add_flag("--no-patterns", arguments.no_patterns, "The model alone")->group(group);
  command
      .add_flag("--print-rules", arguments.print_rules,
                "Print the preset as a rule file, and do nothing else")
      ->group(group);
}

void AddReplacementFlags(CLI::App& command, RedactArguments& arguments) {
  const char* group = "What takes its place";
  std::vector<std::pair<std::string, redaction::Replacement>> replacements;
  for (const redaction::Replacement one : redaction::kReplacements) {
    replacements.emplace_back(redaction::ReplacementName(one), one);
  }
  AddChoice<redaction::Replacement>(command, "--replacement",
                                    "label (the default), mask, pseudonym, hash or word",
                                    replacements, arguments.replacement)
      ->option_text("KIND")
      ->group(group);
  AddParsed(command, "--word", "The word of --replacement word ([REDACTED])",
            [&arguments](const std::string& text) {
              arguments.word = text;
              return IsUtf8(text) ? std::string() : "is not UTF-8: " + DescribeInvalidUtf8(text);
            })
      ->option_text("W")
      ->group(group);
  AddChoice<bool>(command, "--pseudonyms",
                  "document (the default): PERSON_1, PERSON_2, beginning anew in each text;\n"
                  "key: PERSON_7M2K0Q9XZA, the same in all texts, by --key",
                  {{"document", false}, {"key", true}}, arguments.keyed_pseudonyms)
      ->option_text("SCOPE")
      ->group(group);
  command
      .add_option("--key", arguments.key,
                  "File of 32 bytes or more that hashes and --pseudonyms key depend on: who\n"
                  "has it can find out whose they are by guessing")
      ->option_text("F")
      ->group(group);
}

void AddFormatFlags(CLI::App& command, RedactArguments& arguments) {
  AddChoice<RedactionFormat>(command, "--format,-f", "same (the default), files or jsonl",
                             {{"same", RedactionFormat::kSame},
                              {"files", RedactionFormat::kFiles},
                              {"jsonl", RedactionFormat::kJsonl}},
                             arguments.format)
      ->option_text("FORMAT")
      ->group("Output");
  AddOutputFileFlag(command, "--mapping",
                    "File that gets what was replaced, for `waterline restore`; only its owner\n"
                    "may read it",
                    arguments.mapping)
      ->group("Output");
  AddOutputFileFlag(command, "--report",
                    "File that gets one JSON object: how much was replaced, by label, by the\n"
                    "model and by each pattern",
                    arguments.report)
      ->group("Output");
  AddOffsetsFlag(command, arguments)->group("Output");
}

}  // namespace

void AddRedactFlags(CLI::App& command, RedactArguments& arguments) {
  AddRunInputFlags(command, arguments);
  // A record must not decide what is looked for in it.
  command.remove_option(command.get_option("--ignore-fields"));
  arguments.read.ignored_fields.assign(std::begin(kSettingFields), std::end(kSettingFields));
  AddRuleFlags(command, arguments);
  AddReplacementFlags(command, arguments);
  AddRunModelFlags(command, arguments);
  AddFormatFlags(command, arguments);
  AddRunOutputFlags(command,
                    "File, or with --format files directory, to write, which appears only\n"
                    "when all is done; without it standard output",
                    arguments);
  command.footer(kRedactHelp);
}

void AddRestoreFlags(CLI::App& command, RestoreArguments& arguments) {
  command
      .add_option("FILE", arguments.files,
                  "What `redact` wrote, as for `redact`; - or none: standard input")
      ->option_text("...");
  AddTextFlags(command, "--input,-i", arguments);
  command.remove_option(command.get_option("--ignore-fields"));
  arguments.read.ignored_fields.assign(std::begin(kSettingFields), std::end(kSettingFields));
  command.add_option("--mapping", arguments.mapping, "The file of `redact --mapping`")
      ->option_text("F")
      ->required()
      ->group("Input");
  command
      .add_flag("--changed", arguments.changed,
                "The texts are not those that `redact` wrote: put names back where they\n"
                "stand")
      ->group("Input");
  AddChoice<RedactionFormat>(command, "--format,-f", "same (the default) or files",
                             {{"same", RedactionFormat::kSame}, {"files", RedactionFormat::kFiles}},
                             arguments.format)
      ->option_text("FORMAT")
      ->group("Output");
  command
      .add_option("--output,-o", arguments.output,
                  "File, or with --format files directory, to write, which appears only\n"
                  "when all is done; without it standard output")
      ->option_text("F")
      ->group("Output");
  command.add_flag("--quiet,-q", arguments.quiet, "No warnings, only errors")->group("Output");
  command.footer(kRestoreHelp);
}

}  // namespace waterline::cli
