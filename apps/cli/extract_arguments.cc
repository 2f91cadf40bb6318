// SPDX-License-Identifier: Apache-2.0
#include "extract_arguments.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <utility>

#include "duration.h"
#include "flag_values.h"

namespace waterline::cli {
namespace {

constexpr char kExamples[] =
    R"(Input: by file name, *.jsonl and *.ndjson hold one JSON object a line, with the text in one of its
fields; *.csv and *.tsv one record a line, with the text in a column that the header names; other files,
and standard input, hold one text each, or one a line with --lines. All may be compressed with gzip or
zstd. A FILE may be a pattern, as 'notes/**/*.md'. What is not valid in its encoding becomes U+FFFD.
A line of JSONL may set for its text alone: "labels" (a list, or an object of names and descriptions),
"threshold", "relations" (a list), and "words" (a list of [start, end], which stand for those of the
word splitter).

Labels: --labels-file holds one a line, or (when its name ends in .json or it begins with {) JSON:
{"person": "a human being", "city": {"description": "a town", "threshold": 0.7}, "date": null} or a
list of names and of {"name", "description", "threshold"}. The description is what the model reads, the
name what comes back; a threshold of its own takes the place of --threshold.

Output: jsonl has one line for each text, in the order of the input: the fields of its JSON
unchanged, or else "text"; then "entities", a list of {start, end, text, label, score}; where relations
were asked for "relations", a list of {head, tail, relation, score}, where head and tail are {start,
end, text, type, entity_idx}; a text that was refused has an "error". csv has one line for each entity,
and with --relations one for each relation, which has its head where others have the entity, and
columns for the relation and its tail. conll has a line for each word, with B-label, I-label or O. spacy
and prodigy are JSONL that these tools read. brat writes a directory with a .txt and a .ann for each
text. html is one page with the entities in colour. pretty marks the entities in the text; relations
stand below. docs/cli.md has them all.

Sizes: plain bytes, or K, M, G (1024-based, as KiB, MiB, GiB), or kB, MB, GB (1000-based).

Ctrl-C: the texts in flight are finished, and the same command with --resume goes on behind them; so it
does after a crash or a full disk. It needs --output.

Exit status: 0 all is well; 1 some texts were refused or files not read, each told on standard error
with its line; 2 wrong usage, or an error without which nothing works; 130 stopped by Ctrl-C, 143 by
SIGTERM.

Examples:
  echo "Ada Lovelace lived in London." | waterline extract --labels person,city
  waterline extract news.jsonl --labels-file labels.txt --output found.jsonl
  waterline extract book.txt --labels "person,city" --memory-budget 512MiB --stats
  waterline extract tweets.csv.gz --text-field body --labels person,product --format csv > found.csv
  waterline extract -R notes --exclude drafts --labels person,date --format html -o notes.html
  waterline extract big.jsonl.zst --labels-file l.txt -o found.jsonl --errors refused.jsonl --resume
  waterline extract big.jsonl --labels person --shard 2/4 -o part2.jsonl
  waterline extract --encoding windows-1252 old.txt --labels person,city --format conll
  waterline extract --model urchade/gliner_small-v2.1 --labels drug,dose --nested report.txt
  waterline extract --model M --labels person,company --relations "works for,founded" notes.txt
  waterline extract --model M --label-vectors labels.safetensors news.jsonl)";

void AddModelFlags(CLI::App& command, ExtractArguments& arguments) {
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

void AddSearchFlags(CLI::App& command, ExtractArguments& arguments) {
  AddLabelFlags(command, arguments);
  AddProbability(command, "--threshold,-t", "Least probability of an entity, exclusive (0.5)",
                 arguments.extract.threshold)
      ->option_text("P")
      ->group("What to find");
  AddRelationFlags(command, arguments);
  AddProbability(command, "--relation-threshold",
                 "Least probability of a relation, exclusive; without it --threshold",
                 arguments.extract.relation_threshold)
      ->option_text("P")
      ->group("What to find");
  AddProbability(command, "--adjacency-threshold",
                 "Pairs are looked at when the probability that they are related at all\n"
                 "exceeds this, of models with a relations_layer; without it --threshold",
                 arguments.extract.adjacency_threshold)
      ->option_text("P")
      ->group("What to find");
  AddOverlapFlags(command, arguments);
  AddTruncateFlag(command, arguments);
}

void AddInputFlags(CLI::App& command, ExtractArguments& arguments) {
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

void AddOutputFlags(CLI::App& command, ExtractArguments& arguments) {
  std::vector<std::pair<std::string, std::string>> formats;
  for (const char* name : {"pretty", "jsonl", "csv", "conll", "spacy", "prodigy", "brat", "html"}) {
    formats.emplace_back(name, name);
  }
  AddChoice<std::string>(command, "--format,-f",
                         "pretty, jsonl, csv, conll, spacy, prodigy, brat or html; without it\n"
                         "pretty on a terminal, else jsonl",
                         formats, arguments.format)
      ->option_text("FORMAT")
      ->group("Output");
  command
      .add_option("--output,-o", arguments.output,
                  "File to write, which appears only when all is done; without it\n"
                  "standard output")
      ->option_text("F")
      ->group("Output");
  command
      .add_flag("--resume", arguments.resume,
                "Go on where an interrupted run with the same --output stopped, if one\n"
                "did")
      ->group("Output");
  command.add_flag("--restart", arguments.restart, "Begin anew though such a run left its work")
      ->group("Output");
  AddParsed(command, "--errors",
            "File that gets one JSON object a line for each text that was refused:\n"
            "file, line, error",
            [&arguments](const std::string& text) {
              arguments.errors = text;
              return text.empty() || text == "-" ? "'" + text + "' is not a file" : std::string();
            })
      ->option_text("F")
      ->group("Output");
  AddOffsetsFlag(command, arguments)->group("Output");
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
  command.add_flag("--quiet,-q", arguments.quiet, "No warnings, no progress, only errors")
      ->group("Output");
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
