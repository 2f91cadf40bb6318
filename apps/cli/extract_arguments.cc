// SPDX-License-Identifier: Apache-2.0
#include "extract_arguments.h"

#include <CLI/CLI.hpp>
#include <utility>

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
  AddWindowFlag(command, arguments);
}

void AddFormatFlags(CLI::App& command, ExtractArguments& arguments) {
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
  AddOffsetsFlag(command, arguments)->group("Output");
}

}  // namespace

void AddExtractFlags(CLI::App& command, ExtractArguments& arguments) {
  AddRunInputFlags(command, arguments);
  AddSearchFlags(command, arguments);
  AddRunModelFlags(command, arguments);
  AddFormatFlags(command, arguments);
  AddRunOutputFlags(command,
                    "File to write, which appears only when all is done; without it\n"
                    "standard output",
                    arguments);
  command.footer(kExamples);
}

}  // namespace waterline::cli
