// What the command lines of `extract` and `plan` have in common: the model, its memory, the labels
// and the texts. Both declare these flags here, so that one flag means one thing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "document_reader.h"
#include "input_files.h"
#include "waterline/engine.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace waterline::cli {

struct RunArguments {
  std::string model;               // "" for the one that ships with Waterline.
  std::vector<std::string> files;  // "-" is standard input.
  std::vector<std::string> labels;
  std::string labels_file;
  std::string label_vectors;           // A file of `embed-labels`; "": none.
  std::vector<Label> given_labels;     // Beside those; one of them of the same name goes first.
  bool without_model = false;          // Texts are read, and the engine is not asked.
  std::vector<std::string> relations;  // As labels.
  std::string relations_file;
  EngineOptions engine;
  ExtractOptions extract;
  // How the input is read; its max_bytes follows from the budget.
  ReadOptions read;
  FileSearch search;
};

// The declaring functions: `command` fills what they are given when it parses; both must live as
// long. Values that cannot be used end in CLI::ParseError.

// --model.
void AddModelFlag(CLI::App& command, std::string& model);

// --memory-budget and --dtype, which `inspect` has too.
void AddMemoryBudgetFlag(CLI::App& command, size_t& memory_budget);
void AddDtypeFlag(CLI::App& command, Precision& dtype);

// --device and --device-memory-budget, which `inspect` has too.
void AddDeviceFlags(CLI::App& command, std::string& device, size_t& device_memory_budget);

// --splitter, which `inspect` has too.
void AddSplitterFlag(CLI::App& command, WordSplitter& splitter);

// --memory-budget, --device, --device-memory-budget, --threads, --dtype, --batch-tokens,
// --splitter, --isa.
void AddEngineFlags(CLI::App& command, RunArguments& arguments);

// --labels and --labels-file.
std::vector<CLI::Option*> AddLabelListFlags(CLI::App& command, std::vector<std::string>& labels,
                                            std::string& file);
// Those, --label-vectors and --labels-per-pass; --relations and --relations-file. Both return the
// options.
std::vector<CLI::Option*> AddLabelFlags(CLI::App& command, RunArguments& arguments);
std::vector<CLI::Option*> AddRelationFlags(CLI::App& command, RunArguments& arguments);
// --nested and --multi-label.
void AddOverlapFlags(CLI::App& command, RunArguments& arguments);
// --truncate; --window-words; --offsets. All return the option.
CLI::Option* AddTruncateFlag(CLI::App& command, RunArguments& arguments);
CLI::Option* AddWindowFlag(CLI::App& command, RunArguments& arguments);
CLI::Option* AddOffsetsFlag(CLI::App& command, RunArguments& arguments);

// The kind of the input under `names`, --lines, --text-field, --id-field, --ignore-fields,
// --delimiter, --encoding, --recursive, --include and --exclude. Returns the options.
std::vector<CLI::Option*> AddTextFlags(CLI::App& command, const std::string& names,
                                       RunArguments& arguments);

}  // namespace waterline::cli
